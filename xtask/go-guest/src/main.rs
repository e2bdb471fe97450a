//! Makes components of Go programs. `cargo xtask guests` calls it; a program of its own, so that nothing else has to
//! wait for what it needs to be compiled.
//!
//! Go itself compiles to modules of WASI preview 1. What turns one into a component is done by componentize-go, which is
//! published for download only, in no package registry; the crates that it is made of are, and here they are called in the
//! same way: bindings from the WIT package before Go compiles, the component around the module afterwards.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

#[derive(Debug, Parser)]
enum Step {
    /// Writes the Go packages that stand for a world
    Bindings {
        /// The folder of the WIT package
        wit: PathBuf,
        /// The world
        world: String,
        /// The folder of the Go module
        folder: PathBuf,
    },
    /// Makes a component of a module that Go compiled with -buildmode=c-shared
    Component {
        /// The folder of the WIT package
        wit: PathBuf,
        /// The world
        world: String,
        /// The module
        module: PathBuf,
        /// Where the component goes
        component: PathBuf,
    },
}

fn main() -> Result<()> {
    match Step::parse() {
        Step::Bindings { wit, world, folder } => bindings(&wit, &world, &folder),
        Step::Component { wit, world, module, component } => make(&wit, &world, &module, &component),
    }
}

fn read(wit: &Path, world: &str) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some(world))?;
    Ok((resolve, world))
}

fn bindings(wit: &Path, world: &str, folder: &Path) -> Result<()> {
    let (mut resolve, world) = read(wit, world)?;
    let options =
        wit_bindgen_go::Opts { format: wit_bindgen_go::Format::False, quiet: true, ..Default::default() };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    for (name, contents) in files.iter() {
        // The module is the author's own, with its requirements pinned.
        if name == "go.mod" {
            continue;
        }
        let place = folder.join(name);
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
        }
        std::fs::write(&place, contents).with_context(|| format!("writing {}", place.display()))?;
    }
    Ok(())
}

fn make(wit: &Path, world: &str, module: &Path, component: &Path) -> Result<()> {
    let (resolve, world) = read(wit, world)?;
    let mut bytes = std::fs::read(module).with_context(|| format!("reading {}", module.display()))?;
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8, false)?;
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .encode()?;
    std::fs::write(component, bytes).with_context(|| format!("writing {}", component.display()))
}
