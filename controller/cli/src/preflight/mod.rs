//! `tidegate preflight`: what a switch from Argo Rollouts would do, against a live cluster or against files.

mod files;
#[cfg(feature = "cluster")]
mod live;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use tidegate_handover::{Outlook, Verdict, outlooks, survey};
use tidegate_runtime::{Runtime, RuntimeSettings};
use tidegate_shell::Settings;

use crate::arguments::{Output, Plugins};
use crate::{permissions, plugins, simulate};

/// What the help ends with.
pub(crate) const AFTER_HELP: &str = "\
Examples:
  tidegate preflight
  tidegate preflight --namespace shop --output json
  kubectl get rollouts,replicasets,services,httproutes -A -o yaml | tidegate preflight -

Exit status:
  0  a switch changes no traffic
  1  for some Rollout, weights, selectors, replica counts, ReplicaSets or the step would become others
  2  the preflight could not be run: bad arguments, no cluster, unreadable files
  3  some Rollout would not be served, or rights are missing; no traffic changes";

const CHANGES_TRAFFIC: u8 = 1;
const COULD_NOT_RUN: u8 = 2;
const NOT_SERVED: u8 = 3;

#[derive(Debug, Args)]
pub(crate) struct Preflight {
    /// Objects as they are in a cluster (`kubectl get -o yaml`): Rollouts with their status, ReplicaSets, Services, and what
    /// routers divide traffic by. A directory stands for all manifests in it; `-` is standard input. None: the cluster of the
    /// kubeconfig is read.
    #[arg(value_name = "FILES")]
    files: Vec<PathBuf>,
    /// A kubeconfig file, instead of KUBECONFIG.
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    kubeconfig: Option<PathBuf>,
    /// The context to use in the kubeconfig.
    #[arg(long, conflicts_with = "files")]
    context: Option<String>,
    /// Only the Rollouts of one namespace.
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Only the Rollouts with this instance id; without it, those that have none.
    #[arg(long, value_name = "ID")]
    instance_id: Option<String>,
    /// The namespace of Argo's controller, where its lease is.
    #[arg(long, value_name = "NAMESPACE", default_value = "argo-rollouts", conflicts_with = "files")]
    controller_namespace: String,
    /// How to print what was found.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    plugins: Plugins,
}

/// What is found about the cluster besides its Rollouts.
#[derive(Debug, Default)]
struct Surroundings {
    /// Who holds the lease: the identity, and whose it is.
    lease: Option<(String, &'static str)>,
    /// Rights that a controller needs and this user has not: verb, group, resource.
    missing_rights: Vec<[String; 3]>,
    /// What could not be found out.
    notes: Vec<String>,
}

pub(crate) fn run(arguments: &Preflight) -> anyhow::Result<ExitCode> {
    match look(arguments) {
        Ok((outlooks, surroundings)) => {
            let text = match arguments.output {
                Output::Json => report::json(&outlooks, &surroundings)?,
                Output::Table => report::table(&outlooks, &surroundings),
            };
            simulate::print(&text)?;
            Ok(ExitCode::from(code(&outlooks, &surroundings)))
        }
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            Ok(ExitCode::from(COULD_NOT_RUN))
        }
    }
}

fn look(arguments: &Preflight) -> anyhow::Result<(Vec<Outlook>, Surroundings)> {
    let runtime = Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")?;
    let grants = permissions::read(arguments.plugins.router_plugin_permissions.as_deref())?;
    let loaded = plugins::load(&runtime, &arguments.plugins.router_plugins);
    let states = plugins::states(&loaded, &grants);
    let settings = Settings {
        namespace: arguments.namespace.clone(),
        instance_id: arguments.instance_id.clone().filter(|id| !id.is_empty()),
        ..Settings::default()
    };
    if !arguments.files.is_empty() {
        let mut files = files::Files::read(&arguments.files)?;
        let found = survey(settings, states.into(), &mut files, Timestamp::now())?;
        return Ok((outlooks(&found), Surroundings::default()));
    }
    #[cfg(feature = "cluster")]
    return live::look(arguments, settings, states);
    #[cfg(not(feature = "cluster"))]
    anyhow::bail!("this build cannot talk to a cluster: name FILES");
}

fn code(outlooks: &[Outlook], surroundings: &Surroundings) -> u8 {
    match outlooks.iter().map(|outlook| outlook.verdict).max() {
        Some(Verdict::ChangesTraffic) => CHANGES_TRAFFIC,
        Some(Verdict::NotServed) => NOT_SERVED,
        _ if !surroundings.missing_rights.is_empty() => NOT_SERVED,
        _ => 0,
    }
}
