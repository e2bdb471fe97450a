//! Puts the parts together, and takes them apart in order.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tidegate_fetch::{FetchSettings, Fetcher, Roots};
use tidegate_lease::{Config as LeaseConfig, ConfigError, Elector};
use tidegate_measure::{MeasureOptions, Measurer};
use tidegate_plugins::{Gate, Manager, ManagerSettings};
use tidegate_shell::{Plugins, Settings, Shell};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::api::Api;
use crate::client::{ConnectError, connect};
use crate::clock::Clock;
use crate::driver::{Driver, Parts, Phase, WATCH_REPORTS};
use crate::events::Publisher;
use crate::health::Health;
use crate::jobs::Jobs;
use crate::leadership::Leadership;
use crate::lease::Candidate;
use crate::measuring::Measuring;
use crate::metrics::Metrics;
use crate::options::{Election, Options};
use crate::plugins::{self, Loader, PluginDriver, PluginJobs, PluginParts, start};
use crate::probes;
use crate::shadow::ShadowLedger;
use crate::stack::lease_config;
use crate::stand_by::{Scope, StandBy, alone};
use crate::uninstall::{Closing, Left, Meant};
use crate::watch::WatchTiming;
use crate::watches::Watches;

/// How long the last Kubernetes events may take when everything else has ended.
const LAST_EVENTS: Duration = Duration::from_secs(3);

/// Why the controller ended, or did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no way to the API server.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A port cannot be had.
    #[error("cannot listen on port {port} for {what}: {source}; choose another port, or 0 for any")]
    Listen {
        /// What should be served there.
        what: &'static str,
        /// The port.
        port: u16,
        /// Why not.
        source: std::io::Error,
    },
    /// The times of the leader election cannot work together.
    #[error("the leader election cannot work: {0}")]
    Election(#[from] ConfigError),
    /// The authorities for analyses cannot be read: why, and what to do.
    #[error("the authorities that analyses are to trust: {0}; {1}")]
    Authorities(String, String),
    /// Signals cannot be received.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] std::io::Error),
    /// A part ended that never should: a defect. Starting again is the best that can be done.
    #[error("{part} ended unexpectedly: {message}")]
    Ended {
        /// Which part.
        part: &'static str,
        /// What is known about it.
        message: String,
    },
    /// A plugin with `failurePolicy: Strict` could not be had in the time that the start may take.
    #[error(
        "the controller does not start without its strict plugins, and after {deadline:?} it waits for: {waits_for}"
    )]
    Plugins {
        /// The time.
        deadline: Duration,
        /// Each plugin, with the reason and what to do.
        waits_for: String,
    },
    /// A second signal came before everything had ended.
    #[error("interrupted before everything had ended; the lease expires by itself")]
    Interrupted,
}

/// Runs the controller until SIGTERM or SIGINT: then nothing new begins, what is under way ends, the lease is
/// given back, and all is well. A second signal ends it at once.
///
/// # Errors
/// When it cannot start, when a part of it fails, or when it is interrupted. That the API server cannot be
/// reached is not among them: that is waited for.
pub async fn run(options: Options, loader: Arc<dyn Loader>) -> Result<(), RunError> {
    operate(options, loader, None).await.map(drop)
}

/// Gives back everything of all Rollouts, or leaves it as it is for another controller, takes Tidegate's own marks off them, and
/// ends. Answers with what could not be done in time.
///
/// # Errors
/// The same as those of [`run`].
pub async fn uninstall(
    options: Options,
    loader: Arc<dyn Loader>,
    closing: Closing,
) -> Result<Vec<Left>, RunError> {
    operate(options, loader, Some(closing)).await
}

async fn operate(
    mut options: Options,
    loader: Arc<dyn Loader>,
    closing: Option<Closing>,
) -> Result<Vec<Left>, RunError> {
    let roots = Roots::native();
    let analysis_roots = match &options.analysis_authorities {
        Some(pem) => roots.and(pem).map_err(|error| RunError::Authorities(error.message, error.hint))?,
        None => roots.clone(),
    };
    let mut signals = Signals::new()?;
    let healthz = listen(&options, "/healthz and /readyz", options.healthz_port).await?;
    let metrics_listener = listen(&options, "/metrics", options.metrics_port).await?;
    let api = Api::new(connect(&options.connection).await?);
    let api = if options.shadow.is_some() { api.reading_only() } else { api };
    // An empty id is none, as in Argo Rollouts.
    options.instance_id = options.instance_id.filter(|id| !id.is_empty());
    if options.namespaced && options.namespace.is_none() {
        let own = options.own_namespace.clone();
        options.namespace = Some(own.unwrap_or_else(|| api.default_namespace().to_owned()));
    }
    let identity = options.identity.clone().unwrap_or_else(|| "tidegate".to_owned());

    let metrics = Arc::new(Metrics::new());
    let health = Arc::new(Health::new());
    let mut health_server = serve(healthz, probes::health(health.clone()));
    let mut metrics_server = serve(metrics_listener, probes::metrics(metrics.clone()));

    let (leading, leadership) = Leadership::new();
    let (release, released) = oneshot::channel();
    let (gate, gates) = watch::channel(start::closed());
    let lease = lease(&options, &api, &identity);
    let scope = Scope {
        lease_namespace: lease.namespace.clone(),
        lease_name: lease.name.clone(),
        instance_id: options.instance_id.clone(),
    };
    let stand_by = StandBy::new(
        scope,
        options.patience.clone(),
        leading,
        metrics.clone(),
        health.clone(),
        Clock::system(),
    );
    let stand_by = Arc::new(stand_by);
    let mut candidate = if options.shadow.is_some() {
        // It never leads, whoever does.
        tokio::spawn(async move {
            let _ = released.await;
        })
    } else if options.election.is_some() {
        let config = lease;
        let elector = Elector::new(config.clone(), fastrand::u64(..))?;
        let candidate = Candidate::new(api.clone(), elector, stand_by.clone(), Clock::system());
        let gates = gates.clone();
        tokio::spawn(async move {
            if let Some(released) = opened(gates, released).await {
                info!(
                    namespace = config.namespace,
                    name = config.name,
                    identity = config.identity,
                    "electing"
                );
                candidate.run(released).await;
            }
        })
    } else {
        let (gates, api, stand_by) = (gates.clone(), api.clone(), stand_by.clone());
        tokio::spawn(async move {
            if let Some(released) = opened(gates, released).await {
                alone(api, stand_by, released).await;
            }
        })
    };
    let mut failing = Box::pin(start::failed(gates.clone(), options.plugin_start_deadline));
    tokio::spawn(tell_health(gates, health.clone()));

    let ending = closing.as_ref().map(|closing| closing.ending);
    let (reports_of_shell, heard) = mpsc::unbounded_channel();
    let (closed_sender, mut closed) = oneshot::channel();
    // Without a closing the sender is never used, and never dropped before the end.
    let kept = match closing {
        Some(closing) => {
            tokio::spawn(closing.watch(meant(&options, &api, &identity), api.clone(), heard, closed_sender));
            None
        }
        None => Some(closed_sender),
    };
    let (phase, phases) = watch::channel(Phase::Running);
    let (publisher, publishing) =
        Publisher::new(api.clone(), leadership.clone(), metrics.clone(), identity.clone(), Clock::system());
    let publishing = tokio::spawn(publishing);
    let (plugins, known_plugins) = watch::channel(Plugins::default());
    let (in_use, known_in_use) = watch::channel(None);
    let mut plugin_driver = {
        let (watched, reports) = mpsc::channel(plugins::WATCH_REPORTS);
        let namespace =
            options.own_namespace.as_deref().unwrap_or_else(|| api.default_namespace()).to_owned();
        let fetcher = Fetcher::new(FetchSettings::default(), roots);
        let parts = PluginParts {
            jobs: PluginJobs::new(api.clone(), fetcher, loader, &namespace, options.namespace.as_deref()),
            requests: Jobs::new(api.clone(), leadership.clone(), metrics.clone(), 1),
            watches: Watches::new(api.clone(), metrics.clone(), WatchTiming::default(), watched),
            reports,
            publisher: publisher.clone(),
            leadership: leadership.clone(),
            metrics: metrics.clone(),
            plugins,
            in_use: known_in_use,
            gate,
        };
        let settings = ManagerSettings::new(namespace, options.plugins.clone(), fastrand::u64(..));
        let mut manager = Manager::new(settings);
        let driver = PluginDriver::new(move |now, event| manager.step(now, event), parts);
        tokio::spawn(driver.run(phases.clone(), options.shutdown_grace))
    };
    let mut driver = {
        let (watched, reports) = mpsc::channel(WATCH_REPORTS);
        let calls = options.router_calls.unwrap_or_else(processors);
        let parts = Parts {
            jobs: Jobs::new(api.clone(), leadership.clone(), metrics.clone(), calls),
            measuring: Measuring::new(Measurer::new(MeasureOptions::new(analysis_roots))),
            watches: Watches::new(api, metrics.clone(), WatchTiming::default(), watched),
            reports,
            publisher,
            leadership,
            stand_by,
            shadow: options.shadow.as_ref().map(ShadowLedger::new),
            health,
            metrics,
            plugins: known_plugins,
            in_use,
            listener: ending.map(|_| reports_of_shell),
            clock: Clock::system(),
        };
        let mut shell = Shell::new(Settings { ending, ..settings(&options) });
        let driver = Driver::new(move |now, event| shell.step(now, event), parts);
        tokio::spawn(driver.run(phases, options.shutdown_grace))
    };

    let mut left = Vec::new();
    tokio::select! {
        name = signals.next() => {
            info!(signal = name, "ending");
            if ending.is_some() {
                return Err(RunError::Interrupted);
            }
        }
        Ok(still) = &mut closed => left = still,
        result = &mut driver => return Err(ended("the event loop", result)),
        result = &mut plugin_driver => return Err(ended("the manager of plugins", result)),
        waits_for = &mut failing => {
            return Err(RunError::Plugins { deadline: options.plugin_start_deadline, waits_for: waits_for.join("; ") });
        }
        result = &mut candidate => return Err(ended("the leader election", result)),
        result = &mut health_server => return Err(ended("the server of the probes", result)),
        result = &mut metrics_server => return Err(ended("the server of the metrics", result)),
    }

    phase.send_replace(Phase::Draining);
    let orderly = async {
        driver.await.map_err(|error| ended::<()>("the event loop", Err(error)))?;
        plugin_driver.await.map_err(|error| ended::<()>("the manager of plugins", Err(error)))?;
        // The two loops owned the only ways into the queue, so the task ends once the queue is empty.
        if timeout(LAST_EVENTS, publishing).await.is_err() {
            warn!("some Kubernetes events were not published in time");
        }
        // Nothing is left that could write.
        let _ = release.send(());
        candidate.await.map_err(|error| ended::<()>("the leader election", Err(error)))
    };
    tokio::select! {
        result = orderly => result?,
        _ = signals.next() => return Err(RunError::Interrupted),
    }
    drop(kept);
    info!("ended in order");
    Ok(left)
}

/// Which Rollouts and which lease an uninstallation is about.
fn meant(options: &Options, api: &Api, identity: &str) -> Meant {
    let LeaseConfig { namespace, name, .. } = lease(options, api, identity);
    Meant {
        namespace: options.namespace.clone(),
        instance_id: options.instance_id.clone().filter(|id| !id.is_empty()),
        lease_namespace: namespace,
        lease_name: name,
    }
}

fn settings(options: &Options) -> Settings {
    Settings {
        namespace: options.namespace.clone(),
        instance_id: options.instance_id.clone(),
        shadow: options.shadow.is_some(),
        field_manager: crate::request::FIELD_MANAGER.to_owned(),
        ..Settings::new(tidegate_core::decide)
    }
}

/// The lease that is competed for, or without an election is looked at.
fn lease(options: &Options, api: &Api, identity: &str) -> LeaseConfig {
    let election = options
        .election
        .clone()
        .unwrap_or_else(|| Election { namespace: options.own_namespace.clone(), ..Election::default() });
    lease_config(&election, options.instance_id.as_deref(), api, identity)
}

/// Waits until plugins do not keep this process from trying to lead. `None`: the end came before.
async fn opened(
    gates: watch::Receiver<Gate>,
    mut released: oneshot::Receiver<()>,
) -> Option<oneshot::Receiver<()>> {
    tokio::select! {
        _ = &mut released => None,
        () = start::open(gates) => Some(released),
    }
}

/// Says on `/readyz` what the start waits for.
async fn tell_health(mut gates: watch::Receiver<Gate>, health: Arc<Health>) {
    loop {
        let gate = gates.borrow_and_update().clone();
        health.plugins_wait(gate.waits_for);
        if gates.changed().await.is_err() {
            return;
        }
    }
}

async fn listen(options: &Options, what: &'static str, port: u16) -> Result<TcpListener, RunError> {
    let listener = probes::listen(options.bind_address, port).await.map_err(|source| RunError::Listen {
        what,
        port,
        source,
    })?;
    if let Ok(address) = listener.local_addr() {
        info!(%address, "listening for {what}");
    }
    Ok(listener)
}

fn serve(listener: TcpListener, router: Router) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            warn!(%error, "a server ended");
        }
    })
}

fn ended<T>(part: &'static str, result: Result<T, tokio::task::JoinError>) -> RunError {
    let message = result.err().map_or_else(|| "without saying why".to_owned(), |error| error.to_string());
    RunError::Ended { part, message }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The two signals that ask for an end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, RunError> {
        let listen = |kind| signal(kind).map_err(RunError::Signals);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
