//! `tidegate simulate`: reads the manifests, loads the plugins, plays the scenario, prints each line.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;
use tidegate_runtime::{Runtime, RuntimeSettings};
use tidegate_simulate::{Line, Scenario, manifests};

use crate::arguments::{Output, Simulate};
use crate::plugins;
use crate::table::Table;

pub(crate) fn run(arguments: Simulate) -> anyhow::Result<ExitCode> {
    let mut objects = Vec::new();
    for file in &arguments.files {
        read(file, &mut objects)?;
    }
    let runtime = Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")?;
    let loaded = plugins::load(&runtime, &arguments.plugins.router_plugins);
    let states = plugins::states(&loaded);
    let scenario = Scenario {
        objects,
        images: arguments.images.iter().cloned().collect(),
        hold: arguments.hold,
        limit: arguments.limit,
        cluster: cluster_settings(&arguments),
        controller: tidegate_shell::Settings::new(tidegate_core::decide),
    };

    let mut out = anstream::stdout().lock();
    let mut failed_to_write = None;
    let mut write = |text: std::fmt::Arguments<'_>| {
        if failed_to_write.is_none() {
            failed_to_write = out.write_fmt(text).and_then(|()| out.flush()).err();
        }
    };
    let ending = match arguments.output {
        Output::Json => {
            let ending = tidegate_simulate::play(scenario, states, &mut |line: &Line| {
                write(format_args!("{}\n", serde_json::to_string(line).unwrap_or_default()));
            })?;
            write(format_args!("{}\n", serde_json::to_string(&ending)?));
            ending
        }
        Output::Table => {
            let mut table = Table::default();
            write(format_args!("{}", table.head(&loaded)));
            let ending = tidegate_simulate::play(scenario, states, &mut |line: &Line| {
                write(format_args!("{}", table.row(line)));
            })?;
            write(format_args!("{}", table.foot(&ending)));
            ending
        }
    };
    match failed_to_write {
        // Whoever reads has seen enough, for example `head`.
        Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ if ending.is_healthy() => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::FAILURE),
    }
}

fn cluster_settings(arguments: &Simulate) -> tidegate_cluster::Settings {
    let mut settings = tidegate_cluster::Settings::default();
    settings.pods.ready_after = arguments.pods_ready_after;
    settings.gateway.programs_after = Some(arguments.gateway_reports_after);
    settings.gateway.reports_after = (!arguments.gateway_silent).then_some(arguments.gateway_reports_after);
    settings
}

/// Reads a file, all manifests in a directory (sorted by name), or standard input.
fn read(path: &Path, objects: &mut Vec<Value>) -> anyhow::Result<()> {
    let origin = path.display().to_string();
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        objects.extend(manifests::parse("standard input", &text)?);
    } else if path.is_dir() {
        let mut files: Vec<PathBuf> = std::fs::read_dir(path)
            .with_context(|| format!("cannot read {origin}"))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|file| file.extension().is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json"))
            .collect();
        files.sort();
        for file in files {
            read(&file, objects)?;
        }
    } else {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {origin}"))?;
        objects.extend(manifests::parse(&origin, &text)?);
    }
    Ok(())
}
