//! `cargo xtask`: everything that takes more than one cargo command.
//!
//! Each sub-command sets up what it needs and may be run again at any time: what is there already is kept.
#![forbid(unsafe_code)]

mod apiserver;
mod apt;
mod argo;
mod bench;
mod checks;
mod cli;
mod console;
mod context;
mod contract;
mod demo;
mod digest;
mod features;
mod go_module;
mod guests;
mod languages;
mod lint_tools;
mod programs;
mod run;
mod simulate;
mod suite;
mod toolchain;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
