//! `tidegate plan`: reads the manifests, and a live cluster if asked to, makes the plan, prints it.

#[cfg(feature = "cluster")]
mod live;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use tidegate_plan::{Action, Input, Plan, PlanError, plan};
use tidegate_runtime::{Runtime, RuntimeSettings};
use tidegate_simulate::manifests::{self, ManifestError};
use tidegate_simulate::{Scenario, ScenarioError};

use crate::arguments::{Output, Plugins, image};
use crate::out::Out;
use crate::{files, permissions, plugins};

/// There is no plan. The same as for arguments that cannot be parsed.
const COULD_NOT_RUN: u8 = 2;

/// The heading of options about a live cluster.
#[cfg(feature = "cluster")]
const LIVE: &str = "Against a live cluster";

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// Manifests (YAML or JSON): the Rollout, its Services and routes. A Rollout that comes again is a later version. What
    /// was read from a cluster (`kubectl get -o yaml`) is taken as it is, with its status. Against a live cluster: the new
    /// version of each Rollout. A directory stands for all manifests in it; `-` is standard input.
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// Plan an update to this image. Once per container.
    #[arg(long = "image", value_name = "CONTAINER=IMAGE", value_parser = image)]
    images: Vec<(String, String)>,
    /// Plan that the update is aborted: where it stands, or at its first indefinite pause.
    #[arg(long)]
    abort: bool,
    /// Plan that the revision before the newest comes back.
    #[arg(long, conflicts_with_all = ["abort", "images"])]
    undo: bool,
    /// How to print the plan.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Give up after this much virtual time.
    #[arg(long, value_name = "DURATION", default_value = "30days", value_parser = humantime::parse_duration)]
    limit: Duration,
    /// How long a pod takes to become ready.
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = humantime::parse_duration)]
    pods_ready_after: Duration,
    /// The instance id of the controller that the Rollouts are for.
    #[arg(long, value_name = "ID")]
    instance_id: Option<String>,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    live: Live,
    #[command(flatten)]
    plugins: Plugins,
}

/// Which cluster, if any. Only reading rights are needed: `get` and `list`.
#[cfg(feature = "cluster")]
#[derive(Debug, Args)]
struct Live {
    /// Plan against what a live cluster has, which is only read.
    #[arg(long = "live", help_heading = LIVE)]
    is_wanted: bool,
    /// A kubeconfig file, instead of KUBECONFIG; means --live.
    #[arg(long, value_name = "FILE", help_heading = LIVE)]
    kubeconfig: Option<PathBuf>,
    /// The context to use in the kubeconfig; means --live.
    #[arg(long, help_heading = LIVE)]
    context: Option<String>,
    /// The namespace of Rollouts that say none; by default that of the context.
    #[arg(long, short, value_name = "NAMESPACE", help_heading = LIVE)]
    namespace: Option<String>,
}

pub(crate) fn run(arguments: &PlanArguments) -> anyhow::Result<ExitCode> {
    let mut out = Out::default();
    match plans(arguments) {
        Ok(plans) => {
            match arguments.output {
                Output::Json => plans.iter().for_each(|plan| out.json(plan)),
                Output::Table => plans.iter().for_each(|plan| out.text(&text::of(plan))),
            }
            out.finish()?;
            let is_complete = plans.iter().all(Plan::is_complete);
            Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

fn plans(arguments: &PlanArguments) -> anyhow::Result<Vec<Plan>> {
    let mut objects: Vec<Value> = Vec::new();
    for file in files::read(&arguments.files)? {
        objects.extend(manifests::parse(&file.name, &file.content)?);
    }
    let runtime = Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")?;
    // A live cluster may have Rollouts beside these that use others.
    let needed = if is_live(arguments) {
        arguments.plugins.router_plugins.clone()
    } else {
        plugins::needed(&arguments.plugins.router_plugins, &Scenario::routers_of(&objects))
    };
    let loaded = plugins::load(&runtime, &needed);
    let grants = permissions::read(arguments.plugins.router_plugin_permissions.as_deref())?;
    let states = plugins::states(&loaded, &grants);
    let mut cluster = tidegate_cluster::Settings::default();
    cluster.pods.ready_after = arguments.pods_ready_after;
    let is_from_a_cluster =
        |object: &Value| object.pointer("/metadata/uid").is_some_and(|uid| !uid.is_null());
    // A status has times in it; without one, each plan is the same.
    let now = if is_live(arguments) || objects.iter().any(is_from_a_cluster) {
        jiff::Timestamp::now()
    } else {
        cluster.start
    };
    let input = Input {
        manifests: objects,
        live: None,
        images: arguments.images.iter().cloned().collect(),
        action: match (arguments.abort, arguments.undo) {
            (true, _) => Action::Abort,
            (_, true) => Action::Undo,
            _ => Action::Update,
        },
        now,
        limit: arguments.limit,
        cluster,
        controller: tidegate_shell::Settings {
            instance_id: arguments.instance_id.clone(),
            ..tidegate_shell::Settings::default()
        },
    };
    #[cfg(feature = "cluster")]
    if is_live(arguments) {
        return live::plans(&arguments.live, input, &states);
    }
    Ok(vec![plan(input, &states)?])
}

#[cfg(feature = "cluster")]
fn is_live(arguments: &PlanArguments) -> bool {
    let Live { is_wanted, kubeconfig, context, .. } = &arguments.live;
    *is_wanted || kubeconfig.is_some() || context.is_some()
}

#[cfg(not(feature = "cluster"))]
const fn is_live(_: &PlanArguments) -> bool {
    false
}

/// The stable code of what went wrong.
fn reason(error: &anyhow::Error) -> &'static str {
    #[cfg(feature = "cluster")]
    if let Some(reason) = live::reason(error) {
        return reason;
    }
    if let Some(error) = error.downcast_ref::<PlanError>() {
        error.reason()
    } else if let Some(error) = error.downcast_ref::<ScenarioError>() {
        error.reason()
    } else if let Some(error) = error.downcast_ref::<ManifestError>() {
        error.reason()
    } else if error.downcast_ref::<std::io::Error>().is_some() {
        "Unreadable"
    } else {
        "Error"
    }
}
