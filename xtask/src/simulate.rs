//! `cargo xtask simulate`: simulations by seeds. `--driver kube` chooses the one through the kube driver and HTTP instead of the
//! deterministic one.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::run;

/// The packages that simulate; their binaries have the same names.
const DETERMINISTIC: &str = "tidegate-explore";
const THROUGH_THE_DRIVER: &str = "tidegate-explore-kube";

/// Builds the program that simulates, which takes no plugins and no sandbox, and runs it. Answers with its exit status.
pub(crate) fn run(context: &Context<'_>, arguments: &[String]) -> Result<ExitCode> {
    let mut arguments = arguments.to_vec();
    let package = package(&mut arguments)?;
    run::visibly(context.cargo().args(["build", "--release", "--package", package]))?;
    let mut simulate = context.command(context.release(package));
    let status = simulate.args(arguments).status().context("starting the simulation")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Which simulation is meant; what says so is taken out of the arguments, the rest is for it.
fn package(arguments: &mut Vec<String>) -> Result<&'static str> {
    let Some(at) = arguments.iter().position(|argument| argument == "--driver") else {
        return Ok(DETERMINISTIC);
    };
    let driver = arguments.get(at + 1).cloned();
    arguments.drain(at..arguments.len().min(at + 2));
    match driver.as_deref() {
        Some("kube") => Ok(THROUGH_THE_DRIVER),
        other => bail!("--driver {}: there is only `kube`", other.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_is_taken_out() {
        let taken = |text: &str| {
            let mut arguments: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let package = package(&mut arguments).ok();
            (package, arguments.join(" "))
        };
        assert_eq!(taken("--seeds 3"), (Some(DETERMINISTIC), "--seeds 3".to_owned()));
        let kube = |rest: &str| (Some(THROUGH_THE_DRIVER), rest.to_owned());
        assert_eq!(taken("--driver kube --seeds 3"), kube("--seeds 3"));
        assert_eq!(taken("--seeds 3 --driver kube"), kube("--seeds 3"));
        assert_eq!(taken("--driver").0, None);
        assert_eq!(taken("--driver other").0, None);
    }
}
