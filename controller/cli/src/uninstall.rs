//! `tidegate uninstall`: has everything given back that routers wrote for Rollouts, before the controller is taken out of the
//! cluster; or hands the Rollouts over to another controller as they are.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tidegate_kube::{Closing, Connection, Election, Left, Options, Progress};
use tidegate_runtime::{Runtime, RuntimeSettings};
use tidegate_shell::Ending;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Output, Plugins};
use crate::loader::Sandbox;
use crate::permissions;
use crate::plugins;

/// What the help ends with.
pub(crate) const AFTER: &str = "\
Examples:
  kubectl -n tidegate scale deployment tidegate --replicas 0
  tidegate uninstall --controller-namespace tidegate
  tidegate uninstall --controller-namespace tidegate --keep-traffic   # before Argo Rollouts goes on

Exit status:
  0  nothing of Tidegate's is on any Rollout any more
  1  something could not be given back in time: it is named, with the reason; or it could not be done at all";

#[derive(Debug, Args)]
#[command(rename_all = "kebab-case")]
pub(crate) struct Uninstall {
    #[command(flatten)]
    plugins: Plugins,
    /// A kubeconfig file, instead of KUBECONFIG or the pod's service account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context to use in the kubeconfig.
    #[arg(long)]
    context: Option<String>,
    /// The namespace that the controller runs in, where its lease and its stored plugins are.
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE")]
    controller_namespace: String,
    /// The Rollouts of one namespace only.
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The Rollouts with this instance id only; without it, those that have none.
    #[arg(long, value_name = "ID")]
    instance_id: Option<String>,
    /// Leave all traffic as it is, for another controller to go on with; take only Tidegate's own annotations and its finalizer
    /// off the Rollouts.
    #[arg(long)]
    keep_traffic: bool,
    /// How long it may take, waiting for the lease included.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// How to print what happens.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(crate) fn run(arguments: Uninstall) -> anyhow::Result<ExitCode> {
    let filter = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|filter| !filter.is_empty());
    let filter = EnvFilter::try_new(filter.as_deref().unwrap_or("error"))
        .with_context(|| format!("{filter:?} does not say what to log"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let grants = permissions::read(arguments.plugins.router_plugin_permissions.as_deref())?;
    let own = Some(arguments.controller_namespace);
    let options = Options {
        connection: Connection { kubeconfig: arguments.kubeconfig, context: arguments.context },
        namespace: arguments.namespace,
        instance_id: arguments.instance_id,
        election: Some(Election { namespace: own.clone(), ..Election::default() }),
        identity: Some("tidegate-uninstall".to_owned()),
        bind_address: Some(std::net::Ipv4Addr::LOCALHOST.into()),
        own_namespace: own,
        plugins: arguments.plugins.router_plugins.iter().map(|one| plugins::wanted(one, &grants)).collect(),
        // Nobody asks; any port will do.
        healthz_port: 0,
        metrics_port: 0,
        ..Options::default()
    };
    let output = arguments.output;
    let closing = Closing {
        ending: if arguments.keep_traffic { Ending::LeaveTraffic } else { Ending::GiveBack },
        deadline: arguments.timeout,
        tell: Box::new(move |progress| tell(output, progress)),
    };
    let runtime = Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")?;
    let workers = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let left = workers.block_on(tidegate_kube::uninstall(options, Arc::new(Sandbox { runtime }), closing))?;
    conclude(output, &left);
    Ok(if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(output: Output, progress: Progress) {
    match (output, progress) {
        (Output::Json, Progress::Done { rollout, objects }) => {
            anstream::println!("{}", json!({"rollout": rollout, "objects": objects}));
        }
        (Output::Table, Progress::Done { rollout, objects }) if objects.is_empty() => {
            anstream::println!("{rollout}: nothing was held");
        }
        (Output::Table, Progress::Done { rollout, objects }) => {
            anstream::println!("{rollout}: {}", objects.join(", "));
        }
        (_, Progress::Began { rollouts }) => anstream::eprintln!("{rollouts} Rollouts"),
        (_, Progress::LeaseHeld { holder }) => anstream::eprintln!(
            "The lease is held by {holder}: scale that controller down, or wait until its lease has run out"
        ),
    }
}

fn conclude(output: Output, left: &[Left]) {
    match output {
        Output::Json => {
            let left: Vec<_> =
                left.iter().map(|one| json!({"rollout": one.rollout, "why": one.why})).collect();
            anstream::println!("{}", json!({"isDone": left.is_empty(), "left": left}));
        }
        Output::Table if left.is_empty() => {
            anstream::println!(
                "Nothing of Tidegate's is on these Rollouts any more; the controller can be deleted"
            );
        }
        Output::Table => {
            for Left { rollout, why } in left {
                anstream::println!("{rollout}: NOT DONE: {why}");
            }
        }
    }
}
