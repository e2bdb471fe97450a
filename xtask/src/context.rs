//! What every task needs to know: where things are, and how to call cargo.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::console::Console;
use crate::guests;
use crate::run;

/// The workspace as cargo sees it, and the console.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) console: &'a Console,
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds: `target`, unless the user has set another.
    pub(crate) target: PathBuf,
    /// `packages` of `cargo metadata`: the members of the workspace.
    pub(crate) packages: Vec<Value>,
}

impl<'a> Context<'a> {
    /// Asks cargo about the workspace that this program was built in.
    pub(crate) fn new(console: &'a Console) -> Result<Self> {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = own.parent().context("the xtask folder has no parent")?.to_path_buf();
        let output =
            run::capture(cargo_in(&root).args(["metadata", "--format-version=1", "--no-deps", "--offline"]))?;
        let metadata: Value = serde_json::from_str(&output).context("reading cargo's metadata")?;
        let target = metadata
            .get("target_directory")
            .and_then(Value::as_str)
            .map(PathBuf::from)
            .context("cargo's metadata names no target directory")?;
        let packages = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(Self { console, root, target, packages })
    }

    /// Cargo, in the workspace's root.
    pub(crate) fn cargo(&self) -> Command {
        cargo_in(&self.root)
    }

    /// A command in the workspace's root, without the variables that `cargo run` adds for this program: some build
    /// scripts watch them, and would run again for each way that cargo was started.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        command_in(&self.root, program)
    }

    /// The host's rustc, as cargo uses it.
    pub(crate) fn rustc(&self) -> Command {
        self.command(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
    }

    /// A binary in the profile that the demo and the tests share.
    pub(crate) fn release(&self, name: &str) -> PathBuf {
        self.target.join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// A binary in the profile of what is shipped, which the benchmarks measure.
    pub(crate) fn shipped(&self, name: &str) -> PathBuf {
        self.target.join("dist").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// Selects all packages but those for the guests' target only.
    pub(crate) fn host_packages(&self, cargo: &mut Command) {
        cargo.arg("--workspace");
        for package in guests::packages(self) {
            cargo.args(["--exclude", &package]);
        }
    }

    /// `path` as seen from the workspace's root, for messages.
    pub(crate) fn relative<'p>(&self, path: &'p Path) -> std::path::Display<'p> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// The folder for what is too expensive to build once per clone. `TIDEGATE_CACHE` names another.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("TIDEGATE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("tidegate")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/tidegate")))
        .context("no cache folder: set TIDEGATE_CACHE, XDG_CACHE_HOME or HOME")?;
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}

fn cargo_in(root: &Path) -> Command {
    command_in(root, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn command_in(root: &Path, program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_cargo_run) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_cargo_run(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"].contains(&name)
}

/// Removes a folder with all that is in it; one that is not there is fine.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}
