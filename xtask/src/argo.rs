//! The real Argo Rollouts for the tests: its controller, and the subcommands of its CLI, from the Go module in
//! `tests/argo`. `TIDEGATE_ARGO_ASSETS` names a folder to use instead.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::go_module::GoModule;
use crate::programs::Programs;

const PROGRAMS: Programs = Programs {
    names: &["rollouts-controller", "kubectl-argo-rollouts"],
    variable: "TIDEGATE_ARGO_ASSETS",
    lock: "argo.lock",
    what: "Argo Rollouts",
    heading: "Building the controller and the CLI of Argo Rollouts (once, about 6 minutes)",
};

const MODULE: GoModule = GoModule {
    folder: "tests/argo",
    files: &["tests/argo/go.mod", "tests/argo/go.sum", "tests/argo/kubectl-argo-rollouts/main.go"],
    versioned: "github.com/argoproj/argo-rollouts",
    packages: &["./kubectl-argo-rollouts", "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"],
    flags: &["-trimpath", "-mod=readonly", "-buildvcs=false", "-v"],
    what: "Argo Rollouts",
};

/// Answers with the folder of the programs, after building them where they are not there yet.
pub(crate) fn ensure(context: &Context<'_>) -> Result<PathBuf> {
    if let Some(folder) = PROGRAMS.provided(context) {
        return Ok(folder);
    }
    let name = MODULE.name(context, "argo")?;
    PROGRAMS
        .build(context, &name, |work, out| {
            MODULE.fetch(context)?;
            MODULE.build(context, &linker_flags(&MODULE.version(context)?), work, out)
        })
        .context(
            "the tests need the controller and the CLI of Argo Rollouts. Install a Go that its go.mod accepts, set \
             TIDEGATE_ARGO_ASSETS to a folder with rollouts-controller and kubectl-argo-rollouts, or leave these \
             tests out by `cargo xtask test --no-argo`",
        )
}

/// The version that the programs say they are: Argo's own build sets the variable too.
fn linker_flags(version: &str) -> String {
    let number = version.trim_start_matches('v');
    format!("-s -w -X github.com/argoproj/argo-rollouts/utils/version.version={number}")
}
