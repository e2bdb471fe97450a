//! `tidegate controller`: loads the plugins, then runs the controller until it is asked to end.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use tidegate_kube::{Connection, Election, Options, Patience, Shadow};
use tidegate_runtime::{Runtime, RuntimeSettings};
use tracing_subscriber::EnvFilter;

use crate::arguments::Plugins;
use crate::loader::Sandbox;
use crate::permissions;
use crate::plugins;

/// Where a pod's service account says which namespace it is in.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

#[derive(Debug, Args)]
#[command(rename_all = "kebab-case")]
pub(crate) struct Controller {
    #[command(flatten)]
    plugins: Plugins,
    /// A kubeconfig file, instead of KUBECONFIG or the pod's service account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context to use in the kubeconfig.
    #[arg(long)]
    context: Option<String>,
    /// Look after the Rollouts of one namespace only.
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Look after the Rollouts of one namespace only: that of --namespace, else the controller's own.
    #[arg(long)]
    namespaced: bool,
    /// Look after the Rollouts with this instance id only; without it, after those that have none.
    #[arg(long, value_name = "ID")]
    instance_id: Option<String>,
    #[command(flatten)]
    shadow: ShadowFlags,
    /// How long a start may wait for a plugin with `failurePolicy: Strict`; then the process ends and says why.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    plugin_start_deadline: Duration,
    /// Elect one of several controllers by a Lease. With `false` there must be no other.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    leader_elect: bool,
    /// How long others wait after the leader's last renewal.
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = humantime::parse_duration)]
    leader_election_lease_duration: Duration,
    /// How long after its last renewal the leader stops writing.
    #[arg(long, alias = "leader-election-lease-renew-deadline", value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    leader_election_renew_deadline: Duration,
    /// How long between two tries to get or renew the lease.
    #[arg(long, alias = "leader-election-lease-retry-period", value_name = "DURATION", default_value = "2s", value_parser = humantime::parse_duration)]
    leader_election_retry_period: Duration,
    /// When another controller, for example of Argo Rollouts without leader election, is seen to write to our Rollouts, stand by
    /// until it has been silent for so long; each time that it comes back, for twice as long.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = humantime::parse_duration)]
    stand_by_silence: Duration,
    /// The namespace of the Lease; by default the controller's own.
    #[arg(long, value_name = "NAMESPACE")]
    leader_election_namespace: Option<String>,
    /// Authorities, as certificates in PEM, that servers may have their certificates from which analyses ask, beside those that
    /// this machine trusts. Read at the start.
    #[arg(long, value_name = "FILE")]
    analysis_ca_file: Option<PathBuf>,
    /// The address that probes and metrics listen on; by default all.
    #[arg(long, value_name = "ADDRESS")]
    bind_address: Option<IpAddr>,
    /// The port of /healthz and /readyz.
    #[arg(long = "healthzPort", alias = "healthz-port", value_name = "PORT", default_value_t = 8080)]
    healthz_port: u16,
    /// The port of /metrics.
    #[arg(long = "metricsPort", alias = "metrics-port", value_name = "PORT", default_value_t = 8090)]
    metrics_port: u16,
    /// Before anything is read from elsewhere, give up what a controller never needs: starting programs, opening files for
    /// writing, changing file systems, and more (seccomp, on all threads; Linux). A kubeconfig whose user is an `exec` command
    /// does not work with it.
    #[arg(long)]
    lockdown: bool,
    /// What to log: error, warn, info, debug or trace. `RUST_LOG` says it in more detail.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    loglevel: String,
    /// How to log.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    logformat: LogFormat,
}

#[derive(Debug, Args)]
struct ShadowFlags {
    /// Only look, beside a controller that leads, and tell what would be written: as log lines, as metrics (`tidegate_shadow_*`),
    /// and with --output json as lines of JSON on standard output. Nothing is written, not even a lease or an event, and rights
    /// to read are enough.
    #[arg(long)]
    shadow: bool,
    /// With --shadow, a difference that stays the same for so long is more than a matter of a moment.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration, requires = "shadow")]
    shadow_lasting_after: Duration,
    /// With --shadow, how to tell what differs, besides in the log.
    #[arg(long, value_enum, requires = "shadow")]
    output: Option<ShadowOutput>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShadowOutput {
    /// One JSON object for each difference that begins, becomes lasting, or ends.
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

pub(crate) fn run(arguments: Controller) -> anyhow::Result<ExitCode> {
    log(&arguments)?;
    let workers = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if arguments.lockdown {
        // The first thing after the workers are there, whose signals need a pair of sockets: from here on there are bytes
        // of others, those of the API server and of plugins.
        let report = tidegate_lockdown::lock_down().context("--lockdown")?;
        tracing::info!(allowed = report.allowed, refused = report.refused, "locked down");
    }
    let runtime = Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")?;
    let options = options(arguments)?;
    workers.block_on(tidegate_kube::run(options, Arc::new(Sandbox { runtime })))?;
    Ok(ExitCode::SUCCESS)
}

fn log(arguments: &Controller) -> anyhow::Result<()> {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(filter) if !filter.is_empty() => filter,
        _ => arguments.loglevel.clone(),
    };
    let filter =
        EnvFilter::try_new(&filter).with_context(|| format!("{filter:?} does not say what to log"))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match arguments.logformat {
        LogFormat::Text => {
            let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            subscriber.with_ansi(colours && is_terminal).init();
        }
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}

fn options(arguments: Controller) -> anyhow::Result<Options> {
    let own_namespace = std::env::var("POD_NAMESPACE")
        .ok()
        .or_else(|| std::fs::read_to_string(NAMESPACE_FILE).ok())
        .map(|namespace| namespace.trim().to_owned())
        .filter(|namespace| !namespace.is_empty());
    let grants = permissions::read(arguments.plugins.router_plugin_permissions.as_deref())?;
    let read = |file: &PathBuf| {
        std::fs::read(file).with_context(|| format!("--analysis-ca-file {}", file.display()))
    };
    let analysis_authorities = arguments.analysis_ca_file.as_ref().map(read).transpose()?;
    let election = arguments.leader_elect.then(|| Election {
        namespace: arguments.leader_election_namespace.or_else(|| own_namespace.clone()),
        name: None,
        lease_duration: arguments.leader_election_lease_duration,
        renew_deadline: arguments.leader_election_renew_deadline,
        retry_period: arguments.leader_election_retry_period,
    });
    Ok(Options {
        connection: Connection { kubeconfig: arguments.kubeconfig, context: arguments.context },
        namespace: arguments.namespace,
        namespaced: arguments.namespaced,
        patience: Patience {
            silence: arguments.stand_by_silence,
            fresh: arguments.leader_election_lease_duration,
            ..Patience::default()
        },
        instance_id: arguments.instance_id,
        shadow: arguments.shadow.shadow.then_some(Shadow {
            lasting_after: arguments.shadow.shadow_lasting_after,
            json: arguments.shadow.output.is_some(),
        }),
        election,
        identity: std::env::var("POD_NAME").ok().filter(|name| !name.is_empty()),
        bind_address: arguments.bind_address,
        own_namespace,
        plugins: arguments.plugins.router_plugins.iter().map(|one| plugins::wanted(one, &grants)).collect(),
        plugin_start_deadline: arguments.plugin_start_deadline,
        healthz_port: arguments.healthz_port,
        metrics_port: arguments.metrics_port,
        analysis_authorities,
        ..Options::default()
    })
}
