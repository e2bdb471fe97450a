//! A real API server for the tests: etcd, kube-apiserver and kube-controller-manager in one folder.
//!
//! They are built once per machine, into the user's cache, and built again only when the recipe changes. First choice
//! is a current Kubernetes as a dependency of the Go module in `tests/apiserver`. Where Go or its modules cannot be
//! had, Debian's source package of an old Kubernetes does, built by Debian's own Go. `KUBEBUILDER_ASSETS`, known from
//! envtest, names a folder to use instead.

mod debian;
mod modules;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::console::spoken;
use crate::context::{Context, cache_folder, remove_folder};

/// The programs that the tests start.
const PROGRAMS: [&str; 3] = ["etcd", "kube-apiserver", "kube-controller-manager"];

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
        Recipe::Modules => build(context, &modules::name(context)?, |work, out| {
            modules::fetch(context)?;
            modules::build(context, work, out)
        }),
        Recipe::Debian => {
            build(context, &debian::name(context)?, |work, out| debian::build(context, work, out))
        }
        Recipe::Auto => {
            if let Some(folder) = provided(context) {
                return Ok(folder);
            }
            if let Some(folder) = cached(&modules::name(context)?)? {
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

/// The folder in `KUBEBUILDER_ASSETS`, if it has all programs.
fn provided(context: &Context<'_>) -> Option<PathBuf> {
    let folder =
        std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from)?;
    let missing: Vec<_> = PROGRAMS.into_iter().filter(|program| !folder.join(program).is_file()).collect();
    if missing.is_empty() {
        return Some(folder);
    }
    context.console.warning(&format!(
        "KUBEBUILDER_ASSETS names {}, which lacks {}: not used",
        folder.display(),
        missing.join(" and ")
    ));
    None
}

fn cached(name: &str) -> Result<Option<PathBuf>> {
    let folder = cache_folder()?.join(name);
    Ok(has_programs(&folder).then_some(folder))
}

fn has_programs(folder: &Path) -> bool {
    PROGRAMS.iter().all(|program| folder.join(program).is_file())
}

/// Builds the programs into the folder `name` of the cache, unless they are there. One process builds at a time; what
/// is incomplete is never seen under the name.
fn build(
    context: &Context<'_>,
    name: &str,
    recipe: impl FnOnce(&Path, &Path) -> Result<()>,
) -> Result<PathBuf> {
    if let Some(folder) = cached(name)? {
        return Ok(folder);
    }
    let cache = cache_folder()?;
    let lock = cache.join("kube.lock");
    let lock = File::create(&lock).with_context(|| format!("creating {}", lock.display()))?;
    if lock.try_lock().is_err() {
        context.console.note("waiting for another process that builds an API server");
        lock.lock().context("locking the cache")?;
    }
    let folder = cache.join(name);
    if has_programs(&folder) {
        return Ok(folder);
    }
    context
        .console
        .heading("Building etcd, kube-apiserver and kube-controller-manager (once, about 6 minutes)");
    let started = Instant::now();
    let work = cache.join(format!("{name}.work"));
    remove_folder(&work)?;
    let out = work.join("bin");
    std::fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
    let built = recipe(&work, &out);
    if built.is_ok() {
        if !has_programs(&out) {
            bail!("the recipe ended without all of {}", PROGRAMS.join(", "));
        }
        remove_folder(&folder)?;
        std::fs::rename(&out, &folder).with_context(|| format!("moving {} into place", folder.display()))?;
    }
    remove_folder(&work)?;
    built?;
    context.console.note(&format!("built in {}: {}", spoken(started.elapsed()), folder.display()));
    Ok(folder)
}
