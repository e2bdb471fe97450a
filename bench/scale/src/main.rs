//! Measures what Tidegate promises about many Rollouts: the memory of a controller that looks after them, how long it takes from
//! its start until it rests, that it sends nothing then, and how soon it writes when many move at once. `cargo xtask bench
//! scale` builds what is measured and runs this; what each number means is in `docs/benchmarks.md`.
//!
//! This process is the API server: the in-memory cluster over loopback. The controller is the real binary, in a process of
//! its own.
//!
//! | module | what it holds |
//! |---|---|
//! | `manifests` | Rollouts and what is around them, of realistic sizes |
//! | `fleet` | a cluster at rest with very many of them |
//! | `controller` | the process that is measured, and what the system knows of it |
//! | `traffic` | what the controller asks for and writes, and how soon |
//! | `measure` | the phases, one after the other |
//! | `report` | the numbers, with what they should be |
#![forbid(unsafe_code)]

mod controller;
mod fleet;
mod manifests;
mod measure;
mod report;
mod traffic;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};

/// So that the server takes as little of the processors as it can.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Debug, Parser)]
struct Arguments {
    /// The binary whose controller is measured.
    #[arg(long)]
    tidegate: PathBuf,
    /// How many Rollouts there are; made a multiple of those in one namespace.
    #[arg(long, default_value_t = 10_000)]
    rollouts: usize,
    /// How many of them move at once.
    #[arg(long, default_value_t = 1_000)]
    moving: usize,
    /// What the controller logs.
    #[arg(long, default_value = "warn")]
    loglevel: String,
    /// How to print the numbers.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A text for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // One worker: the server must leave the processors to what is measured.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let report = runtime.block_on(measure::measure(&measure::Wanted {
        tidegate: arguments.tidegate,
        rollouts: arguments.rollouts,
        moving: arguments.moving,
        loglevel: arguments.loglevel,
    }))?;
    match arguments.output {
        Output::Text => print!("{}", report.text()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(())
}
