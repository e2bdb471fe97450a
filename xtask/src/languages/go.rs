//! Go: the compiler that everybody has, for WASI preview 1, and what makes a component of that (`xtask/go-guest`).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{WORLD, Workshop};
use crate::run;

const NEEDED: &str = "Go is missing: install version 1.25 or newer";

/// The package of the workspace that makes components, and the one that it generates code with.
const TOOL: &str = "tidegate-go-guest";
const GENERATOR: &str = "wit-bindgen-go";

pub(super) fn version(work: &Workshop<'_>) -> Result<String> {
    Ok(work.version(&["go"], "version", NEEDED)?.1)
}

pub(super) fn build(work: &Workshop<'_>) -> Result<PathBuf> {
    let wit = work.wit();
    tool(work, &["bindings".as_ref(), &wit, WORLD.as_ref(), &work.folder])?;
    add_support(work)?;

    let module = work.folder.join("module.wasm");
    let mut go = work.command("go");
    go.args(["build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w -checklinkname=0", "-o"])
        .arg(&module)
        .arg(".")
        .envs([
            ("GOOS", "wasip1"),
            ("GOARCH", "wasm"),
            ("GOWORK", "off"),
            ("GOFLAGS", "-mod=mod -buildvcs=false"),
        ]);
    run::capture(&mut go)?;

    let component = work.folder.join("split.wasm");
    tool(work, &["component".as_ref(), &wit, WORLD.as_ref(), &module, &component])?;
    Ok(component)
}

fn tool(work: &Workshop<'_>, arguments: &[&Path]) -> Result<()> {
    let mut cargo = work.context.cargo();
    cargo.args(["run", "--quiet", "--package", TOOL, "--"]).args(arguments);
    run::visibly(&mut cargo)
}

/// Puts the packages that generated code imports where the module's go.mod finds them: they come with the generator.
fn add_support(work: &Workshop<'_>) -> Result<()> {
    let package = work.folder.join("pkg");
    work.copy(&generator(work)?.join("src/pkg/wit"), &package.join("wit"))?;
    let write = |place: PathBuf, text: String| {
        std::fs::write(&place, text).with_context(|| format!("writing {}", place.display()))
    };
    write(package.join("go.mod"), "module go.bytecodealliance.org/pkg\n\ngo 1.25\n".to_owned())?;
    let manifest = work.sources.join("go.mod");
    let own = std::fs::read_to_string(&manifest)
        .with_context(|| format!("reading {}", work.context.relative(&manifest)))?;
    write(work.folder.join("go.mod"), format!("{own}\nreplace go.bytecodealliance.org/pkg => ./pkg\n"))
}

/// The folder of the generator's sources.
fn generator(work: &Workshop<'_>) -> Result<PathBuf> {
    let mut cargo = work.context.cargo();
    cargo.args(["metadata", "--format-version=1", "--locked"]);
    let metadata: Value =
        serde_json::from_str(&run::capture(&mut cargo)?).context("reading cargo's metadata")?;
    metadata
        .get("packages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|package| package.get("name").and_then(Value::as_str) == Some(GENERATOR))
        .and_then(|package| package.get("manifest_path").and_then(Value::as_str))
        .and_then(|manifest| Path::new(manifest).parent())
        .map(Path::to_path_buf)
        .with_context(|| format!("{GENERATOR} is not among the packages of the workspace"))
}
