//! `cargo xtask bench`: builds what is measured, and measures it. Nothing fails for being slow: the numbers are for people, and
//! for whoever keeps them.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::guests;
use crate::run;
use crate::toolchain::Source;

/// How the benchmarks run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How to print the numbers: text, or one JSON document on standard output
    #[arg(long, global = true, default_value = "text", value_parser = ["text", "json"])]
    output: String,
    #[command(subcommand)]
    what: Option<What>,
}

/// What is measured apart from the rest.
#[derive(Debug, Subcommand)]
enum What {
    /// The memory and the speed of a controller with thousands of Rollouts
    Scale(Scale),
}

/// How many Rollouts there are.
#[derive(Debug, Args)]
struct Scale {
    /// How many Rollouts there are
    #[arg(long, default_value_t = 10_000)]
    rollouts: usize,
    /// How many of them move at once
    #[arg(long, default_value_t = 1_000)]
    moving: usize,
}

/// Builds the plugins, the binary and the measuring program, and runs it.
pub(crate) fn run(context: &Context<'_>, options: &Options) -> Result<()> {
    if let Some(What::Scale(scale)) = &options.what {
        return run_scale(context, scale, &options.output);
    }
    guests::build_plugins(context, Source::Auto)?;
    context.console.heading("Building tidegate and the benchmarks");
    run::visibly(context.cargo().args([
        "build",
        "--profile",
        "dist",
        "--package",
        "tidegate",
        "--package",
        "tidegate-bench",
    ]))?;
    context.console.heading("Measuring");
    let mut measure = context.command(context.shipped("tidegate-bench"));
    measure
        .args(["--output", &options.output])
        .arg("--plugins")
        .arg(context.root.join("plugins"))
        .arg("--tidegate")
        .arg(context.shipped("tidegate"))
        .args(["--rustc", run::capture(context.rustc().arg("--version"))?.trim()])
        .args(["--wasmtime", &locked(context, "wasmtime")?])
        .args(["--commit", &commit(context)]);
    run::visibly(&mut measure)
}

/// Builds the plugins, the binary and the program that serves it a large cluster, and runs that.
fn run_scale(context: &Context<'_>, scale: &Scale, output: &str) -> Result<()> {
    const PACKAGE: &str = "tidegate-bench-scale";
    guests::build_plugins(context, Source::Auto)?;
    context.console.heading("Building tidegate and the benchmark");
    run::visibly(context.cargo().args([
        "build",
        "--profile",
        "dist",
        "--package",
        "tidegate",
        "--package",
        PACKAGE,
    ]))?;
    context.console.heading("Measuring");
    let mut measure = context.command(context.shipped(PACKAGE));
    measure
        .arg("--tidegate")
        .arg(context.shipped("tidegate"))
        .args(["--rollouts", &scale.rollouts.to_string()])
        .args(["--moving", &scale.moving.to_string()])
        .args(["--output", output]);
    run::visibly(&mut measure)
}

/// The version of a package in Cargo.lock.
fn locked(context: &Context<'_>, package: &str) -> Result<String> {
    let lock = std::fs::read_to_string(context.root.join("Cargo.lock")).context("reading Cargo.lock")?;
    version(&lock, package).with_context(|| format!("Cargo.lock has no package {package}"))
}

fn version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let line = lock.lines().skip_while(|line| *line != name).nth(1)?;
    Some(line.strip_prefix("version = \"")?.strip_suffix('"')?.to_owned())
}

/// The commit, and whether the sources differ from it; `unknown` outside of a repository.
fn commit(context: &Context<'_>) -> String {
    let git = |arguments: &[&str]| run::capture(context.command("git").args(arguments)).ok();
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let is_clean =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| text.is_empty());
    format!("{}{}", commit.trim(), if is_clean { "" } else { " with changes" })
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_found_by_the_whole_name() {
        let lock = "[[package]]\nname = \"wasmtime-environ\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"wasmtime\"\nversion = \"2.0.0\"\n";
        assert_eq!(version(lock, "wasmtime").as_deref(), Some("2.0.0"));
        assert_eq!(version(lock, "wasm"), None);
    }
}
