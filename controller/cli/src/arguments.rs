//! The command line. Flags that Argo Rollouts has too keep its names.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::plugins::RouterPlugin;

/// What the help of `simulate` ends with.
const AFTER_SIMULATE: &str = "\
Examples:
  tidegate simulate rollout.yaml services.yaml httproute.yaml
  tidegate simulate examples/quick-start --image rollouts-demo=argoproj/rollouts-demo:yellow
  tidegate simulate v1.yaml v2.yaml route.yaml --hold
  tidegate simulate . --image web=example.com/web:bad --pods-never-ready '*:bad' --output json | tail -1
  tidegate simulate examples/analysis --image checkout=checkout:2 --metrics examples/analysis/metrics/failing.yaml

Exit status:
  0  every Rollout ended Healthy
  1  a Rollout did not: the conditions on it say why
  2  the simulation could not be run: bad arguments, files or manifests";

/// What the help of `lint` ends with.
const AFTER_LINT: &str = "\
Examples:
  tidegate lint rollout.yaml services.yaml httproute.yaml
  tidegate lint --partial rollout.yaml
  kustomize build . | tidegate lint - --output json

Exit status:
  0  no error; there may be warnings and notes
  1  at least one error: the controller would set InvalidSpec or could not route, or the API server would refuse
     or leave out what is written
  2  lint could not be run: bad arguments, or files that cannot be read";

/// What the help of `plan` ends with.
const AFTER_PLAN: &str = "\
Examples:
  tidegate plan examples/quick-start --image rollouts-demo=argoproj/rollouts-demo:yellow
  tidegate plan --live rollout-v2.yaml
  tidegate plan --live --abort rollout.yaml --output json
  kubectl get rollouts,replicasets,services,httproutes -o yaml | tidegate plan - --image web=example.com/web:v2

Exit status:
  0  the plan goes to its end; it may be empty
  1  the plan cannot go on: it says for which conditions
  2  there is no plan: bad arguments, files or manifests, or a cluster that cannot be read";

/// Progressive delivery for Kubernetes whose traffic routers are sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a canary on this machine: the real controller and the real plugins against an in-memory cluster.
    ///
    /// The manifests settle as the first revision; then a new pod template starts the canary: a later version of the
    /// Rollout among the FILES, a new image (--image), or otherwise an annotation on the pod template. Time is virtual,
    /// so pauses cost nothing; an indefinite pause is promoted, unless --hold is given.
    ///
    /// Nothing is read but the FILES and plugins, nothing is written but standard output, and no cluster is needed.
    #[command(after_help = AFTER_SIMULATE)]
    Simulate(Simulate),
    /// Find what is wrong with manifests before they are applied: all of it, in the words of the Rollout's conditions.
    ///
    /// Beside the specs of Rollouts: their Services and routes among the FILES, what their routers say of their configuration
    /// (the plugins are asked), steps that a router cannot do, and misspelled fields, which an API server leaves out.
    ///
    /// Nothing is read but the FILES and plugins, nothing is written but standard output, and no cluster is needed.
    #[command(after_help = AFTER_LINT)]
    Lint(crate::lint::Lint),
    /// Print, step by step, what an update would write to each object, and write nothing.
    ///
    /// The real controller and the real plugins run over an in-memory copy of the objects, in virtual time: those of the FILES,
    /// or those of a live cluster (--live), which is only read (get, list). An update in flight is planned from where it stands.
    #[command(after_help = AFTER_PLAN)]
    Plan(crate::plan::PlanArguments),
    /// Start, test and inspect router plugins.
    #[command(subcommand)]
    Plugin(crate::plugin::Plugin),
    /// Print the roles that a controller with these router plugins needs, to apply or to compare.
    ///
    /// The plugins are loaded, since only they know; no cluster is needed. What a resource is called in rules is guessed from its
    /// kind: `HTTPRoute` is `httproutes`.
    Rbac(crate::rbac::Rbac),
    /// Say what a switch from Argo Rollouts would do: to each Rollout as it is now, without writing anything.
    ///
    /// The real controller and the real plugins look at the objects once, and what they would write is compared with what is
    /// there. Run it while Rollouts rest (idle, paused, aborted): of one that is on its way, it shows the next move, which
    /// Argo's controller would make, too.
    #[command(after_help = crate::preflight::AFTER_HELP)]
    Preflight(crate::preflight::Preflight),
    /// Run the controller against a cluster.
    #[cfg(feature = "cluster")]
    Controller(crate::controller::Controller),
    /// Give everything back that was written for Rollouts, before the controller is taken out of a cluster.
    ///
    /// All traffic goes to the stable pods, and nothing of Tidegate's own stays on Rollouts, routes and Ingresses. The controller
    /// must not run meanwhile: its lease is taken, and waited for. Rollouts, ReplicaSets and Services stay. It needs the rights that
    /// the controller has.
    #[cfg(feature = "cluster")]
    #[command(after_help = crate::uninstall::AFTER)]
    Uninstall(crate::uninstall::Uninstall),
}

impl Arguments {
    /// Does what was asked for.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Simulate(arguments) => crate::simulate::run(arguments),
            Command::Lint(arguments) => crate::lint::run(&arguments),
            Command::Plan(arguments) => crate::plan::run(&arguments),
            Command::Plugin(plugin) => plugin.run(),
            Command::Rbac(arguments) => crate::rbac::run(arguments),
            Command::Preflight(arguments) => crate::preflight::run(&arguments),
            #[cfg(feature = "cluster")]
            Command::Controller(arguments) => crate::controller::run(arguments),
            #[cfg(feature = "cluster")]
            Command::Uninstall(arguments) => crate::uninstall::run(arguments),
        }
    }
}

/// Which router plugins there are.
#[derive(Debug, Args)]
pub(crate) struct Plugins {
    /// A router plugin, by the name that Rollouts use: NAME=LOCATION[,OPTION=VALUE]... LOCATION is a path, an https URL or
    /// `builtin:NAME`. Once per plugin. Argo's own keys `istio` and `nginx` in trafficRouting mean the plugins
    /// `builtin:istio` and `builtin:nginx`.
    ///
    /// OPTIONs: `sha256` is what the bytes must hash to; `max-size` (4Mi), `memory` (16Mi) and `fuel` (250M instructions
    /// for each call) raise what it may use, for example `,max-size=32Mi,memory=64Mi` for a plugin in Python.
    #[arg(
        long = "router-plugin",
        value_name = "NAME=LOCATION[,OPTION=VALUE]...",
        default_values = crate::plugins::defaults()
    )]
    pub(crate) router_plugins: Vec<RouterPlugin>,
    /// What plugins may do, where that is less than they describe: a YAML file that says for the name of a plugin
    /// which kinds it may use, with which verbs, fields, elements and namespaces.
    #[arg(long, value_name = "FILE")]
    pub(crate) router_plugin_permissions: Option<PathBuf>,
}

/// The heading of options that say how the in-memory cluster behaves.
const CLUSTER: &str = "How the cluster behaves";

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Manifests (YAML or JSON): the Rollout, its Services and routes. A Rollout that comes again is a later
    /// version of it. A directory stands for all manifests in it; `-` is standard input.
    #[arg(required = true, value_name = "FILES")]
    pub(crate) files: Vec<PathBuf>,
    /// Start the canary with this image. Once per container.
    #[arg(long = "image", value_name = "CONTAINER=IMAGE", value_parser = image)]
    pub(crate) images: Vec<(String, String)>,
    /// What the metrics of analyses are measured to be: a YAML file with values over time or one after another. Without it
    /// every measurement of a web or Prometheus provider is in error, and Jobs succeed.
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,
    /// Stop at the first indefinite pause instead of promoting.
    #[arg(long)]
    pub(crate) hold: bool,
    /// How to print what happens.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// Give up after this much virtual time.
    #[arg(long, value_name = "DURATION", default_value = "30days", value_parser = humantime::parse_duration)]
    pub(crate) limit: Duration,
    /// How long a pod takes to become ready.
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = humantime::parse_duration, help_heading = CLUSTER)]
    pub(crate) pods_ready_after: Duration,
    /// Pods with a container of this image never become ready; `*` stands for any text. Once per pattern.
    #[arg(long, value_name = "IMAGE", help_heading = CLUSTER)]
    pub(crate) pods_never_ready: Vec<String>,
    /// How long the gateway takes to report that a change of a route is in force.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration, help_heading = CLUSTER)]
    pub(crate) gateway_reports_after: Duration,
    /// The gateway never reports on a route.
    #[arg(long, conflicts_with = "gateway_reports_after", help_heading = CLUSTER)]
    pub(crate) gateway_silent: bool,
    /// The gateway refuses every route.
    #[arg(long, help_heading = CLUSTER)]
    pub(crate) gateway_rejects: bool,
    #[command(flatten)]
    pub(crate) plugins: Plugins,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table for people.
    Table,
    /// One JSON object per line; the last one is the result, or the error.
    Json,
}

pub(crate) fn image(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((container, image)) if !container.is_empty() && !image.is_empty() => {
            Ok((container.to_owned(), image.to_owned()))
        }
        _ => Err("expected CONTAINER=IMAGE, for example web=example.com/web:v2".to_owned()),
    }
}
