//! A compiler for wasm32-wasip2, the target of guests.
//!
//! First choice is rustup, which adds the target to the toolchain in use. Where rustup is missing or cannot fetch,
//! Debian's testing release has a rustc with the standard library for the target in one matching version. That rustc
//! is unpacked under `target/`, runs with its own C library, and is used for guests only; the linker comes from the
//! toolchain in use, which ships `wasm-component-ld` and `rust-lld`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::apt::{self, PrivateApt};
use crate::context::{Context, remove_folder};
use crate::run;

/// The target of guests.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The release of Debian with a recent rustc and the target.
const RELEASE: &str = "forky";

/// Where the compiler comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// The toolchain in use, completed by rustup; Debian's where that fails
    #[default]
    Auto,
    /// The toolchain in use, completed by rustup
    Rustup,
    /// Debian's packages
    Debian,
}

/// A compiler that can build guests.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The toolchain in use has the target.
    InUse,
    /// Another rustc, for guests only.
    Debian {
        /// A script that runs it.
        rustc: PathBuf,
        /// `PATH` with the linker's folder in front.
        path: OsString,
    },
}

impl Toolchain {
    /// Makes a cargo command use this compiler.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        if let Self::Debian { rustc, path } = self {
            cargo
                .env("RUSTC", rustc)
                .env("PATH", path)
                .env_remove("RUSTC_WRAPPER")
                .env_remove("RUSTC_WORKSPACE_WRAPPER");
        }
    }

    /// Tells a test program which compiler builds guests, when it is not the one in use.
    pub(crate) fn name_it(&self, tests: &mut Command) {
        if let Self::Debian { rustc, path } = self {
            tests.env("TIDEGATE_GUEST_RUSTC", rustc).env("TIDEGATE_GUEST_PATH", path);
        }
    }

    /// The folder under `target/` to build in: one per compiler, so that neither rebuilds the other's work.
    pub(crate) fn folder(&self) -> &'static str {
        match self {
            Self::InUse => "guests",
            Self::Debian { .. } => "guests-debian",
        }
    }
}

/// Finds or fetches a compiler for guests.
pub(crate) fn ensure(context: &Context<'_>, source: Source) -> Result<Toolchain> {
    match source {
        Source::Rustup => by_rustup(context),
        Source::Debian => by_debian(context),
        Source::Auto => match by_rustup(context) {
            Ok(toolchain) => Ok(toolchain),
            Err(first) => {
                context.console.warning(&format!("{first:#}"));
                by_debian(context).with_context(|| {
                    format!(
                        "the target {TARGET} cannot be had: rustup could not add it (above), and neither could \
                         Debian's packages. On a machine with a network, `rustup target add {TARGET}` is all it takes"
                    )
                })
            }
        },
    }
}

fn by_rustup(context: &Context<'_>) -> Result<Toolchain> {
    let sysroot = sysroot(context)?;
    if has_target(&sysroot.join("lib/rustlib")) {
        return Ok(Toolchain::InUse);
    }
    context.console.heading(&format!("Adding the target {TARGET}"));
    if !run::works(context.command("rustup").arg("--version")) {
        bail!(
            "the toolchain in {} lacks the target {TARGET}, and there is no rustup to add it",
            sysroot.display()
        );
    }
    run::visibly(context.command("rustup").args(["target", "add", TARGET]))?;
    if !has_target(&sysroot.join("lib/rustlib")) {
        bail!("rustup added {TARGET} to another toolchain than the one in use, {}", sysroot.display());
    }
    Ok(Toolchain::InUse)
}

fn by_debian(context: &Context<'_>) -> Result<Toolchain> {
    let home = context.target.join("toolchains").join(format!("debian-{RELEASE}"));
    let rustc = home.join("rustc");
    if !rustc.exists() {
        context.console.heading(&format!("Fetching a compiler for {TARGET}"));
        let work = home.with_extension("incomplete");
        remove_folder(&work)?;
        unpack(context, &work, &home)
            .with_context(|| format!("unpacking Debian's rustc in {}", work.display()))?;
        remove_folder(&home)?;
        std::fs::rename(&work, &home).with_context(|| format!("moving {} into place", home.display()))?;
    }
    let version = run::capture(context.command(&rustc).arg("--version")).with_context(|| {
        format!("Debian's rustc does not run; remove {} to fetch it again", home.display())
    })?;
    context.console.note(&format!("guests are compiled by Debian's {}", version.trim()));
    Ok(Toolchain::Debian { rustc, path: path_with_linker(context)? })
}

/// Fetches rustc, its libraries down to libc, and the standard libraries of the host (for build scripts and macros)
/// and of the target into `work`, with a script that will run it from `home`.
fn unpack(context: &Context<'_>, work: &Path, home: &Path) -> Result<()> {
    let apt = PrivateApt::new(context, &work.join("apt"), RELEASE, false)?;
    let version = apt.version(context, "rustc")?;
    apt::announce(context.console, &format!("rustc {version}"), RELEASE);
    // rustc itself also depends on gcc, but the machine's own linker does for build scripts and macros.
    let needs = apt.closure(context, &["rustc"])?;
    let library = needs
        .iter()
        .find(|package| {
            package.strip_prefix("libstd-rust-").is_some_and(|rest| rest.starts_with(char::is_numeric))
        })
        .context("Debian's rustc depends on no libstd-rust-VERSION")?;
    let mut packages = apt.closure(context, &[library])?;
    packages.extend(["rustc", "libstd-rust-dev", "libstd-rust-dev-wasm32"].map(String::from));
    apt.unpack(context, &packages, &work.join("packages"), &work.join("root"))?;
    if !has_target(&work.join("root/usr/lib/rustlib")) {
        bail!("Debian's rustc {version} has no standard library for {TARGET}");
    }
    let loader = loader(&work.join("root"))?;
    let script = script(&home.join("root"), loader.strip_prefix(work.join("root")).unwrap_or(&loader));
    let file = work.join("rustc");
    std::fs::write(&file, script).with_context(|| format!("writing {}", file.display()))?;
    run::capture(context.command("chmod").arg("+x").arg(&file))?;
    remove_folder(&work.join("apt"))?;
    remove_folder(&work.join("packages"))
}

/// A script that runs rustc by its own loader and libraries, which are newer than the machine's.
fn script(root: &Path, loader: &Path) -> String {
    let root_text = root.display();
    let loader_text = root.join(loader).display().to_string();
    let libraries =
        loader.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    format!(
        "#!/bin/sh\n\
         exec '{loader_text}' --library-path '{root_text}/usr/lib/{libraries}:{root_text}/lib/{libraries}' \
         --argv0 rustc '{root_text}/usr/bin/rustc' --sysroot '{root_text}/usr' \"$@\"\n"
    )
}

/// The dynamic loader under `root`: `lib/ARCHITECTURE/ld-linux-*.so.*`.
fn loader(root: &Path) -> Result<PathBuf> {
    for lib in ["usr/lib", "lib"] {
        let Ok(architectures) = std::fs::read_dir(root.join(lib)) else { continue };
        for folder in architectures.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            let Ok(files) = std::fs::read_dir(&folder) else { continue };
            for file in files.flatten().map(|entry| entry.path()) {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if name.starts_with("ld-linux") && name.contains(".so.") {
                    return Ok(file);
                }
            }
        }
    }
    bail!("no dynamic loader among Debian's packages in {}", root.display())
}

/// `PATH` with the folders of `wasm-component-ld` and of the `wasm-ld` that it calls in front.
fn path_with_linker(context: &Context<'_>) -> Result<OsString> {
    let host = run::capture(context.rustc().arg("-vV"))?
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .context("rustc names no host")?;
    let tools = sysroot(context)?.join("lib/rustlib").join(host).join("bin");
    let linker = tools.join(format!("wasm-component-ld{}", std::env::consts::EXE_SUFFIX));
    let mut folders = Vec::new();
    if linker.exists() {
        folders.extend([tools.clone(), tools.join("gcc-ld")]);
    } else if !run::works(context.command("wasm-component-ld").arg("--version")) {
        bail!(
            "no wasm-component-ld in {} nor on the PATH: it links guests. `cargo install wasm-component-ld` and \
             Debian's package lld provide what is missing",
            tools.display()
        );
    }
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    std::env::join_paths(folders).context("composing PATH")
}

fn sysroot(context: &Context<'_>) -> Result<PathBuf> {
    Ok(PathBuf::from(run::capture(context.rustc().args(["--print", "sysroot"]))?.trim()))
}

/// Whether the standard library for the target is under `rustlib`.
fn has_target(rustlib: &Path) -> bool {
    let Ok(files) = std::fs::read_dir(rustlib.join(TARGET).join("lib")) else { return false };
    files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}
