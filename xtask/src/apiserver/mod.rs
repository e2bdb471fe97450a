//! A real API server for the tests: etcd, kube-apiserver and kube-controller-manager in one folder.
//!
//! First choice is a current Kubernetes as a dependency of the Go module in `tests/apiserver`. Where Go or its modules
//! cannot be had, Debian's source package of an old Kubernetes does, built by Debian's own Go. `KUBEBUILDER_ASSETS`,
//! known from envtest, names a folder to use instead.

mod debian;
mod modules;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::context::Context;
use crate::programs::Programs;

/// The programs that the tests start.
const PROGRAMS: Programs = Programs {
    names: &["etcd", "kube-apiserver", "kube-controller-manager"],
    variable: "KUBEBUILDER_ASSETS",
    lock: "kube.lock",
    what: "an API server",
    heading: "Building etcd, kube-apiserver and kube-controller-manager (once, about 6 minutes)",
};

/// How the programs are had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Recipe {
    /// The folder in `KUBEBUILDER_ASSETS`; else by Go modules; else, where those cannot be had, from Debian
    #[default]
    Auto,
    /// A current Kubernetes, by Go modules
    Modules,
    /// Kubernetes 1.20.2, from Debian's source package
    Debian,
}

/// Answers with the folder of the programs, after building them where they are not there yet.
pub(crate) fn ensure(context: &Context<'_>, recipe: Recipe) -> Result<PathBuf> {
    match recipe {
        Recipe::Modules => PROGRAMS.build(context, &modules::name(context)?, |work, out| {
            modules::fetch(context)?;
            modules::build(context, work, out)
        }),
        Recipe::Debian => {
            PROGRAMS.build(context, &debian::name(context)?, |work, out| debian::build(context, work, out))
        }
        Recipe::Auto => {
            if let Some(folder) = PROGRAMS.provided(context) {
                return Ok(folder);
            }
            if let Some(folder) = PROGRAMS.cached(&modules::name(context)?)? {
                return Ok(folder);
            }
            match modules::fetch(context) {
                Ok(()) => ensure(context, Recipe::Modules),
                Err(error) => {
                    context
                        .console
                        .warning(&format!("{error:#}\nTaking Debian's Kubernetes 1.20.2 instead."));
                    ensure(context, Recipe::Debian).context(
                        "no API server for the tests can be had: neither by Go modules (above) nor from Debian. \
                         Install Go, or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and \
                         kube-controller-manager",
                    )
                }
            }
        }
    }
}
