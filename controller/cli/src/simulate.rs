//! `tidegate simulate`: reads the manifests, loads the plugins, plays the scenario, prints each line.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use tidegate_cluster::{PodOutcome, PodRule, Rejection};
use tidegate_runtime::{Runtime, RuntimeSettings};
use tidegate_simulate::manifests::{self, ManifestError};
use tidegate_simulate::metrics::{MetricsError, Script};
use tidegate_simulate::{Ending, Line, Scenario, ScenarioError};

use crate::arguments::{Output, Simulate};
use crate::files;
use crate::out::Out;
use crate::permissions;
use crate::plugins::{self, Loaded};
use crate::table::Table;

/// The simulation could not be run. The same as for arguments that cannot be parsed.
const COULD_NOT_RUN: u8 = 2;

pub(crate) fn run(arguments: Simulate) -> anyhow::Result<ExitCode> {
    let mut out = Out::default();
    match simulate(&arguments, &mut out) {
        Ok(ending) => {
            out.finish()?;
            Ok(if ending.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(error) => {
            if arguments.output == Output::Json {
                let message = format!("{error:#}");
                out.json(&json!({"result": "Error", "reason": reason(&error), "message": message}));
            }
            anstream::eprintln!("error: {error:#}");
            Ok(ExitCode::from(COULD_NOT_RUN))
        }
    }
}

fn simulate(arguments: &Simulate, out: &mut Out) -> anyhow::Result<Ending> {
    let mut objects = Vec::new();
    for file in files::read(&arguments.files)? {
        objects.extend(manifests::parse(&file.name, &file.content)?);
    }
    let metrics = match &arguments.metrics {
        None => Script::default(),
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
            Script::parse(&name, &text)?
        }
    };
    let scenario = Scenario {
        objects,
        metrics,
        images: arguments.images.iter().cloned().collect(),
        hold: arguments.hold,
        limit: arguments.limit,
        cluster: cluster_settings(arguments),
        controller: tidegate_shell::Settings::default(),
    };
    let runtime = Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")?;
    let needed = plugins::needed(&arguments.plugins.router_plugins, &scenario.routers());
    let loaded = plugins::load(&runtime, &needed);
    let grants = permissions::read(arguments.plugins.router_plugin_permissions.as_deref())?;
    let states = plugins::states(&loaded, &grants);
    match arguments.output {
        Output::Json => {
            complain(&loaded);
            let ending = tidegate_simulate::play(scenario, states, &mut |line: &Line| out.json(line))?;
            out.json(&ending);
            Ok(ending)
        }
        Output::Table => {
            let mut table = Table::new(&scenario.rollouts());
            out.text(&table.head(&loaded));
            let ending =
                tidegate_simulate::play(scenario, states, &mut |line: &Line| out.text(&table.line(line)))?;
            out.text(&Table::foot(&ending));
            Ok(ending)
        }
    }
}

/// Prints a text to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = Out::default();
    out.text(text);
    out.finish()
}

/// The stable code of what went wrong.
fn reason(error: &anyhow::Error) -> &'static str {
    if let Some(error) = error.downcast_ref::<ScenarioError>() {
        error.reason()
    } else if let Some(error) = error.downcast_ref::<ManifestError>() {
        error.reason()
    } else if let Some(error) = error.downcast_ref::<MetricsError>() {
        error.reason()
    } else if error.downcast_ref::<std::io::Error>().is_some() {
        "Unreadable"
    } else {
        "Error"
    }
}

/// Says which plugins could not be loaded. Rollouts that use them say so, too; this is for those who wonder why.
fn complain(loaded: &[Loaded]) {
    for one in loaded {
        if let Err(error) = &one.result {
            let reason = error.reason.as_str();
            anstream::eprintln!(
                "warning: {} = {}: {reason}: {}; {}",
                one.name,
                one.location,
                error.message,
                error.hint
            );
        }
    }
}

fn cluster_settings(arguments: &Simulate) -> tidegate_cluster::Settings {
    let mut settings = tidegate_cluster::Settings::default();
    settings.pods.ready_after = arguments.pods_ready_after;
    settings.pods.rules = arguments
        .pods_never_ready
        .iter()
        .map(|image| PodRule {
            image: Some(image.clone()),
            outcome: PodOutcome::NeverReady,
            ..PodRule::default()
        })
        .collect();
    settings.gateway.programs_after = Some(arguments.gateway_reports_after);
    settings.gateway.reports_after = (!arguments.gateway_silent).then_some(arguments.gateway_reports_after);
    settings.gateway.rejects = arguments.gateway_rejects.then(|| Rejection {
        reason: "NotAllowedByListeners".to_owned(),
        message: "no listener of the gateway takes this route (--gateway-rejects)".to_owned(),
    });
    settings
}
