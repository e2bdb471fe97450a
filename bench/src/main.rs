//! Measures what Tidegate promises about speed and size: the stages of loading each built-in plugin, the plugin's part of
//! a pass, whole passes, and the resident memory of the idle controller. `cargo xtask bench` builds what is measured and
//! runs this; what each number means is in `docs/benchmarks.md`.
//!
//! | module | what it measures or holds |
//! |---|---|
//! | `loading` | the stages from bytes to a plugin that is ready |
//! | `fleet` | many plugins at once |
//! | `question` | a fixture as the question of a pass |
//! | `passes` | calls of plugins, and passes |
//! | `idle` | the memory of a controller that has nothing to do, with `server`, an API server without objects |
//! | `spread` | how long something takes, over many times |
//! | `machine` | what it was measured on |
//! | `report` | the numbers, as text and as JSON, with what they should be |
#![forbid(unsafe_code)]

mod fleet;
mod idle;
mod loading;
mod machine;
mod passes;
mod question;
mod report;
mod server;
mod spread;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use tidegate_runtime::{Runtime, RuntimeSettings};

use crate::machine::Versions;
use crate::question::Question;
use crate::report::{PluginReport, Report};

/// As the binary has it, so that passes are measured with it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Debug, Parser)]
struct Arguments {
    /// How to print the numbers.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// The folder with a folder for each plugin, in which its fixtures are.
    #[arg(long)]
    plugins: PathBuf,
    /// The binary whose idle controller is measured.
    #[arg(long)]
    tidegate: PathBuf,
    #[command(flatten)]
    versions: Versions,
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
    // First of all that is missing, so that nobody waits for it.
    let questions: Vec<_> = tidegate_bundle::names()
        .map(|name| {
            Question::read(&arguments.plugins, name)
                .with_context(|| format!("nothing to ask the built-in plugin {name}"))
        })
        .collect::<Result<_>>()?;
    let runtime = Runtime::new(RuntimeSettings::default())?;
    let mut plugins = Vec::new();
    for (builtin, question) in tidegate_bundle::all().iter().zip(questions) {
        let measured = || -> Result<PluginReport> {
            let (plugin, loading) = loading::measure(&runtime, builtin)?;
            let passes = passes::measure(&plugin, question)?;
            Ok(PluginReport { name: builtin.name.to_owned(), bytes: builtin.bytes.len(), loading, passes })
        };
        plugins.push(measured().with_context(|| format!("measuring the plugin {}", builtin.name))?);
    }
    let fleet = fleet::measure(&runtime, tidegate_bundle::all()).context("loading many plugins at once")?;
    let names: Vec<_> = tidegate_bundle::names().collect();
    let idle = idle::measure(&arguments.tidegate, &names).context("measuring the idle controller")?;
    let report = Report::new(machine::describe(arguments.versions), plugins, fleet, idle);
    match arguments.output {
        Output::Text => print!("{}", report.text()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(())
}
