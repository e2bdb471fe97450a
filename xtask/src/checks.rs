//! `cargo xtask ci`: what a change must pass, each stage with its time.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::apiserver::{self, Recipe};
use crate::argo;
use crate::console::spoken;
use crate::context::Context;
use crate::toolchain::Source;
use crate::{contract, features, guests, lint_tools, run, suite};

type Stage = (&'static str, fn(&Context<'_>) -> Result<()>);

/// In the order of their cost, so that small mistakes are told early; tests last, on what the others have set up.
const STAGES: [Stage; 10] = [
    ("formatting", formatting),
    ("contract", contract::check),
    ("dependencies", dependencies),
    ("feature sets", features::check),
    ("guests", |context| guests::build_all(context, Source::Auto).map(drop)),
    ("lints", lints),
    ("documentation", documentation),
    ("API server", |context| apiserver::ensure(context, Recipe::Auto).map(drop)),
    ("Argo Rollouts", |context| argo::ensure(context).map(drop)),
    ("tests", |context| suite::run(context, &suite::Options::default())),
];

/// Runs all stages; the first that fails ends the run.
pub(crate) fn run(context: &Context<'_>) -> Result<()> {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (name, stage) in STAGES {
        context.console.heading(&format!("Stage: {name}"));
        let started = Instant::now();
        stage(context).with_context(|| format!("the stage `{name}` failed"))?;
        times.push((name, started.elapsed()));
        context.console.note(&format!("{name}: {}", spoken(started.elapsed())));
    }
    context.console.heading("All stages passed");
    for (name, time) in &times {
        context.console.note(&format!("{name:<14}{:>14}", spoken(*time)));
    }
    let total = times.iter().map(|(_, time)| *time).sum();
    context.console.note(&format!("{:<14}{:>14}", "together", spoken(total)));
    Ok(())
}

fn formatting(context: &Context<'_>) -> Result<()> {
    run::visibly(context.cargo().args(["fmt", "--all", "--check"]))
        .context("`cargo fmt --all` puts the code in form")
}

fn dependencies(context: &Context<'_>) -> Result<()> {
    let program = lint_tools::cargo_deny(context)?;
    let mut deny = context.command(program);
    // What deny.toml skips without need is an error too, so that its list does not grow old.
    deny.args([
        "--locked",
        "check",
        "-D",
        "unmatched-skip",
        "-D",
        "unnecessary-skip",
        "bans",
        "licenses",
        "sources",
    ]);
    run::visibly(&mut deny)
}

/// In the profile of the tests, as everything here: what is checked in another would be compiled again.
fn lints(context: &Context<'_>) -> Result<()> {
    let mut clippy = context.cargo();
    clippy.args(["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    run::visibly(&mut clippy)
}

fn documentation(context: &Context<'_>) -> Result<()> {
    let mut doc = context.cargo();
    doc.args(["doc", "--release", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    context.host_packages(&mut doc);
    run::visibly(&mut doc)
}
