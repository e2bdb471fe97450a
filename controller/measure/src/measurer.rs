//! Measures: asks what a metric's provider says, and has the answer read.

use jiff::Timestamp;
use tidegate_analysis::Outcome;
use tidegate_analysis::provider::{Observation, Provider};
use tidegate_fetch::Roots;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::clients::Clients;
use crate::error::MeasureError;
use crate::exchange::{Answered, Exchange, MOST_LARGE_ANSWERS};
use crate::question::Asking;

/// How a [`Measurer`] goes about it.
#[derive(Clone, Debug)]
pub struct MeasureOptions {
    /// The authorities whose certificates are trusted.
    pub roots: Roots,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count.
    pub environment_proxy: bool,
    /// The header `User-Agent`.
    pub user_agent: String,
}

impl MeasureOptions {
    /// With these authorities, and the environment's proxies.
    pub fn new(roots: Roots) -> Self {
        let user_agent = concat!("tidegate/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { roots, environment_proxy: true, user_agent }
    }
}

/// Takes measurements over HTTP, any number at a time. Keeps connections between them.
#[derive(Debug)]
pub struct Measurer {
    clients: Clients,
    large: Semaphore,
}

impl Measurer {
    /// One without connections yet.
    pub fn new(options: MeasureOptions) -> Self {
        Self { clients: Clients::new(options), large: Semaphore::new(MOST_LARGE_ANSWERS) }
    }

    /// What a provider measures, or why there is no value. `started_at` is what `now()` of a Prometheus range means, and the
    /// time at which other queries are evaluated. Needs a tokio runtime with I/O and time. To give a measurement up, drop the future.
    pub async fn measure(&self, provider: &Provider, started_at: Timestamp) -> Outcome {
        match self.observe(provider, started_at).await {
            Ok(observation) => Outcome::Observed(observation),
            Err(error) => Outcome::Error(error.to_string()),
        }
    }

    /// As [`Self::measure`], with errors that a program can tell apart.
    ///
    /// # Errors
    /// When there is no value.
    pub async fn observe(
        &self,
        provider: &Provider,
        started_at: Timestamp,
    ) -> Result<Observation, MeasureError> {
        match provider {
            Provider::Web(config) => {
                let answered = self.ask(Asking::web(config)?).await?;
                read(&answered, config.observe(answered.status.as_u16(), &answered.body))
            }
            Provider::Prometheus(config) => {
                let answered = self.ask(Asking::prometheus(config, started_at)?).await?;
                read(&answered, config.observe(answered.status.as_u16(), &answered.body))
            }
            Provider::Job(_) => Err(MeasureError::NotOverHttp { provider: "job" }),
            Provider::Unreadable => Err(MeasureError::NotOverHttp { provider: "unreadable" }),
        }
    }

    async fn ask(&self, asking: Asking) -> Result<Answered<'_>, MeasureError> {
        let client = self.clients.get(asking.trust)?;
        let exchange = Exchange { client, large: &self.large, has_roots: self.clients.has_roots() };
        let asked = asking.question.shown();
        match timeout(asking.timeout, exchange.run(asking.question)).await {
            Ok(result) => result,
            Err(_) => Err(MeasureError::TooSlow {
                asked,
                seconds: asking.timeout.as_secs(),
                field: asking.timeout_field,
            }),
        }
    }
}

fn read(answered: &Answered<'_>, observed: Result<Observation, String>) -> Result<Observation, MeasureError> {
    observed.map_err(|problem| MeasureError::NoValue { asked: answered.asked.clone(), problem })
}
