//! `cargo xtask demo`: the example canary, simulated.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::guests;
use crate::run;
use crate::toolchain::Source;

/// The manifests of the example.
const EXAMPLE: &str = "examples/quick-start";

/// Builds the binary without what only a real cluster needs, and runs `tidegate simulate` on the example, or on
/// `arguments` when there are any. Answers with its exit status.
pub(crate) fn run(context: &Context<'_>, arguments: &[String]) -> Result<ExitCode> {
    guests::build_plugins(context, Source::Auto)?;
    context.console.heading("Building tidegate (without its Kubernetes client)");
    let mut cargo = context.cargo();
    build(&mut cargo);
    run::visibly(&mut cargo)?;
    let mut simulate = context.command(context.release("tidegate"));
    simulate.arg("simulate");
    if arguments.is_empty() {
        let files = example(context)?;
        context.console.heading(&format!("tidegate simulate {EXAMPLE}/*.yaml"));
        simulate.args(files);
    } else {
        context.console.heading(&format!("tidegate simulate {}", arguments.join(" ")));
        simulate.args(arguments);
    }
    let status = simulate.status().context("starting tidegate")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Makes a cargo command build the demo's binary.
pub(crate) fn build(cargo: &mut Command) {
    cargo.args(["build", "--release", "--package", "tidegate", "--no-default-features"]);
}

/// The example's manifests in the order of their names, relative to the workspace's root.
fn example(context: &Context<'_>) -> Result<Vec<PathBuf>> {
    let folder = context.root.join(EXAMPLE);
    let entries = std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| PathBuf::from(EXAMPLE).join(entry.file_name()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("{EXAMPLE} has no manifests");
    }
    Ok(files)
}
