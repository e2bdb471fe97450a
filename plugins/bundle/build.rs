//! Puts the plugins' bytes into the crate. It only reads: guests are built beforehand, by `cargo xtask plugins`,
//! for another target and under another profile than whatever this build is.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fmt, fs, io};

use sha2::{Digest, Sha256};

/// Every plugin that is built in, by the name that its crate gives under `package.metadata.tidegate.guest`.
const PLUGINS: [&str; 3] = ["gateway-api", "istio", "nginx"];

/// Where the plugins are, when they are not in the workspace's `target/plugins`.
const PLUGINS_VARIABLE: &str = "TIDEGATE_PLUGINS";

/// How every component begins: `\0asm`, version 13, layer 1.
const COMPONENT_MAGIC: [u8; 8] = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

fn main() -> ExitCode {
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Result<(), BuildProblem> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={PLUGINS_VARIABLE}");
    let folder = match env::var_os(PLUGINS_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => cargo_path("CARGO_MANIFEST_DIR")?.join("../../target/plugins"),
    };
    let out = cargo_path("OUT_DIR")?;
    let mut table = Vec::new();
    for name in PLUGINS {
        let source = folder.join(format!("{name}.wasm"));
        println!("cargo::rerun-if-changed={}", source.display());
        let bytes = fs::read(&source).map_err(|error| BuildProblem::Unreadable(source.clone(), error))?;
        if !bytes.starts_with(&COMPONENT_MAGIC) {
            return Err(BuildProblem::NoComponent(source));
        }
        // A copy, so that the bytes that are embedded are those that were hashed, whatever happens to the file.
        write(&out.join(format!("{name}.wasm")), &bytes)?;
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        table.push(format!(
            "Builtin {{ name: {name:?}, sha256: {sha256:?}, \
             bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\")) }}"
        ));
    }
    write(&out.join("table.rs"), format!("&[{}]\n", table.join(",\n")).as_bytes())
}

fn cargo_path(variable: &'static str) -> Result<PathBuf, BuildProblem> {
    env::var_os(variable).map(PathBuf::from).ok_or(BuildProblem::NotCargo(variable))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildProblem> {
    fs::write(path, bytes).map_err(|error| BuildProblem::Unwritable(path.to_owned(), error))
}

enum BuildProblem {
    NotCargo(&'static str),
    Unreadable(PathBuf, io::Error),
    NoComponent(PathBuf),
    Unwritable(PathBuf, io::Error),
}

impl fmt::Display for BuildProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCargo(variable) => write!(f, "{variable} is not set: this is a build script of cargo"),
            Self::Unreadable(path, error) => write!(
                f,
                "the plugin {} cannot be read ({error}): build the plugins first, with `cargo xtask plugins`, or \
                 set {PLUGINS_VARIABLE} to the folder where they are",
                path.display()
            ),
            Self::NoComponent(path) => write!(
                f,
                "{} is not a WebAssembly component: build the plugins again, with `cargo xtask plugins`",
                path.display()
            ),
            Self::Unwritable(path, error) => write!(f, "{} cannot be written: {error}", path.display()),
        }
    }
}
