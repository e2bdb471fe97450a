//! JavaScript: `ComponentizeJS` from npm. The same as `npm run build`, with the contract from where it is.

use std::path::PathBuf;

use anyhow::Result;

use super::{WIT, WORLD, Workshop};
use crate::run;

const NEEDED: &str = "Node.js is missing: install version 20 or newer, with npm";

pub(super) fn version(work: &Workshop<'_>) -> Result<String> {
    work.version(&["npm"], "--version", NEEDED)?;
    Ok(format!("Node.js {}", work.version(&["node"], "--version", NEEDED)?.1))
}

pub(super) fn build(work: &Workshop<'_>) -> Result<PathBuf> {
    run::capture(work.command("npm").args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]))?;
    let component = work.folder.join("split.wasm");
    let mut componentize = work.command("node");
    componentize
        .arg("node_modules/@bytecodealliance/componentize-js/src/cli.js")
        .arg("--wit")
        .arg(work.context.root.join(WIT))
        .args(["--world-name", WORLD, "--disable", "http", "fetch-event", "--out"])
        .arg(&component)
        .args(["--", "split.js"]);
    run::capture(&mut componentize)?;
    Ok(component)
}
