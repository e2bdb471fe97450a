//! The controller without what makes it a process: no signals, no probes, and plugins that somebody else looks after. The
//! simulation runs the parts that talk to the API server so, in its time.

use std::sync::Arc;
use std::time::Duration;

use tidegate_fetch::Roots;
use tidegate_handover::Patience;
use tidegate_lease::{Config, ConfigError, Elector};
use tidegate_measure::{MeasureOptions, Measurer};
use tidegate_shell::{Plugins, Settings, Shell};
use tokio::sync::{mpsc, oneshot, watch};

use crate::api::Api;
use crate::clock::Clock;
use crate::driver::{Driver, Parts, Phase, WATCH_REPORTS};
use crate::events::Publisher;
use crate::health::Health;
use crate::jobs::Jobs;
use crate::leadership::Leadership;
use crate::lease::Candidate;
use crate::measuring::Measuring;
use crate::metrics::Metrics;
use crate::options::{Election, argo_lease_name};
use crate::plugins::InUse;
use crate::stand_by::{Scope, StandBy};
use crate::watch::WatchTiming;
use crate::watches::Watches;

/// What it needs.
pub struct Stack {
    /// The API server.
    pub api: Api,
    /// The shell's.
    pub settings: Settings,
    /// The lease that it competes for.
    pub election: Election,
    /// Who it is; in the lease a number is added that no other has.
    pub identity: String,
    /// What time it is.
    pub clock: Clock,
    /// The plugins that there are.
    pub plugins: watch::Receiver<Plugins>,
    /// Where it says which versions of them it uses.
    pub in_use: watch::Sender<Option<InUse>>,
}

impl Stack {
    /// Runs until it is dropped, which ends it as a crash does: what is on its way to the API server may arrive, and nobody
    /// hears of it.
    ///
    /// # Errors
    /// When the times of the election cannot work together.
    pub async fn run(self) -> Result<(), ConfigError> {
        let Self { api, settings, election, identity, clock, plugins, in_use } = self;
        let metrics = Arc::new(Metrics::new());
        let (leading, leadership) = Leadership::new();
        let config = lease_config(&election, settings.instance_id.as_deref(), &api, &identity);
        let scope = Scope {
            lease_namespace: config.namespace.clone(),
            lease_name: config.name.clone(),
            instance_id: settings.instance_id.clone(),
        };
        let health = Arc::new(Health::new());
        let patience = Patience::default();
        let stand_by = StandBy::new(scope, patience, leading, metrics.clone(), health.clone(), clock.clone());
        let stand_by = Arc::new(stand_by);
        let elector = Elector::new(config, fastrand::u64(..))?;
        let candidate = Candidate::new(api.clone(), elector, stand_by.clone(), clock.clone());
        // Nobody asks it to give the lease back.
        let (_release, released) = oneshot::channel();
        let (publisher, publishing) =
            Publisher::new(api.clone(), leadership.clone(), metrics.clone(), identity, clock.clone());
        let (watched, reports) = mpsc::channel(WATCH_REPORTS);
        let parts = Parts {
            jobs: Jobs::new(api.clone(), leadership.clone(), metrics.clone(), 1),
            measuring: Measuring::new(Measurer::new(MeasureOptions::new(Roots::native()))),
            watches: Watches::new(api, metrics.clone(), WatchTiming::default(), watched),
            reports,
            publisher,
            leadership,
            stand_by,
            shadow: None,
            health,
            metrics,
            plugins,
            in_use,
            listener: None,
            clock,
        };
        let mut shell = Shell::new(settings);
        let driver = Driver::new(move |now, event| shell.step(now, event), parts);
        // Nor to end.
        let (_phase, phases) = watch::channel(Phase::Running);
        tokio::join!(driver.run(phases, Duration::ZERO), publishing, candidate.run(released));
        Ok(())
    }
}

/// The lease of an election, for a process that has this name.
pub(crate) fn lease_config(
    election: &Election,
    instance_id: Option<&str>,
    api: &Api,
    identity: &str,
) -> Config {
    Config {
        namespace: election.namespace.clone().unwrap_or_else(|| api.default_namespace().to_owned()),
        name: election.name.clone().unwrap_or_else(|| argo_lease_name(instance_id)),
        // A pod whose container restarts keeps its name, but is another process.
        identity: format!("{identity}_{:016x}", fastrand::u64(..)),
        lease_duration: election.lease_duration,
        renew_deadline: election.renew_deadline,
        retry_period: election.retry_period,
    }
}
