//! `tidegate`: the controller, and the tools around it.
#![forbid(unsafe_code)]

mod arguments;
#[cfg(feature = "cluster")]
mod controller;
mod files;
mod lint;
#[cfg(feature = "cluster")]
mod loader;
mod out;
mod patch;
mod permissions;
mod plan;
mod plugin;
mod plugins;
mod preflight;
mod rbac;
mod simulate;
mod table;
#[cfg(feature = "cluster")]
mod uninstall;
mod web;

use std::process::ExitCode;

use clap::Parser;

/// The same allocator in every build: musl's, which the static image would have, is several times as slow, and glibc's
/// keeps for itself what compiling plugins took. `docs/benchmarks.md` has the numbers.
#[cfg(feature = "cluster")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    arguments::Arguments::parse().run().unwrap_or_else(|error| {
        anstream::eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
