//! `cargo xtask simulate`: the deterministic simulation, by seeds.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::run;

/// The package that simulates; its binary has the same name.
const PACKAGE: &str = "tidegate-explore";

/// Builds the program that simulates, which takes no plugins and no sandbox, and runs it. Answers with its exit status.
pub(crate) fn run(context: &Context<'_>, arguments: &[String]) -> Result<ExitCode> {
    run::visibly(context.cargo().args(["build", "--release", "--package", PACKAGE]))?;
    let mut simulate = context.command(context.release(PACKAGE));
    let status = simulate.args(arguments).status().context("starting the simulation")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
