//! Python: componentize-py from `PyPI`, in a virtual environment of its own.

use std::path::PathBuf;

use anyhow::Result;

use super::{WORLD, Workshop};
use crate::run;

const NEEDED: &str =
    "Python is missing: install Python 3.10 or newer with its module venv (Debian: python3-venv)";

pub(super) fn version(work: &Workshop<'_>) -> Result<String> {
    Ok(work.version(&["python3", "python"], "--version", NEEDED)?.1)
}

pub(super) fn build(work: &Workshop<'_>) -> Result<PathBuf> {
    let (python, _) = work.version(&["python3", "python"], "--version", NEEDED)?;
    let environment = work.folder.join(".venv");
    run::capture(work.command(python).args(["-m", "venv"]).arg(&environment))?;
    let programs = environment.join("bin");
    run::capture(work.command(programs.join("python")).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--requirement",
        "requirements.txt",
    ]))?;

    let component = work.folder.join("split.wasm");
    let mut componentize = work.command(programs.join("componentize-py"));
    componentize
        .arg("--wit-path")
        .arg(work.wit())
        .args(["--world", WORLD, "componentize", "--stub-wasi", "split", "--output"])
        .arg(&component)
        // Modules are looked for there, and in no environment that happens to be active.
        .env("VIRTUAL_ENV", &environment)
        .env_remove("PYTHONPATH");
    run::capture(&mut componentize)?;
    Ok(component)
}
