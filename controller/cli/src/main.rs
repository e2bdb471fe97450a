//! `tidegate`: the controller, and the tools around it.
#![forbid(unsafe_code)]

mod arguments;
#[cfg(feature = "cluster")]
mod controller;
mod patch;
mod permissions;
mod plugin;
mod plugins;
mod simulate;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    arguments::Arguments::parse().run().unwrap_or_else(|error| {
        anstream::eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
