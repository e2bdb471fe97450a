//! HTTP clients with their connections, one for each way to trust a server.

use std::sync::OnceLock;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, redirect};
use tidegate_fetch::SystemResolver;

use crate::error::MeasureError;
use crate::insecure;
use crate::measurer::MeasureOptions;

/// How many idle connections to one server are kept.
const MOST_IDLE: usize = 8;
/// How long an idle connection is kept: longer than the usual interval of a metric, 60 s.
const IDLE: Duration = Duration::from_secs(90);

/// Which servers are believed to be who they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those that the trusted authorities vouch for.
    Authorities,
    /// All.
    Anybody,
}

/// The clients, made when they are first needed.
#[derive(Debug)]
pub(crate) struct Clients {
    options: MeasureOptions,
    checking: OnceLock<Client>,
    believing: OnceLock<Client>,
}

impl Clients {
    pub(crate) fn new(options: MeasureOptions) -> Self {
        Self { options, checking: OnceLock::new(), believing: OnceLock::new() }
    }

    /// Whether there are authorities at all.
    pub(crate) fn has_roots(&self) -> bool {
        !self.options.roots.is_empty()
    }

    /// The client for this trust.
    ///
    /// # Errors
    /// When this process cannot make connections.
    pub(crate) fn get(&self, trust: Trust) -> Result<Client, MeasureError> {
        let place = match trust {
            Trust::Authorities => &self.checking,
            Trust::Anybody => &self.believing,
        };
        if let Some(client) = place.get() {
            return Ok(client.clone());
        }
        let client = self.build(trust)?;
        Ok(place.get_or_init(|| client).clone())
    }

    fn build(&self, trust: Trust) -> Result<Client, MeasureError> {
        let fault = |problem: String| MeasureError::Client { problem };
        let tls = match trust {
            Trust::Authorities => self.options.roots.config(),
            Trust::Anybody => insecure::config(),
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let builder = Client::builder()
            .tls_backend_preconfigured(tls.map_err(|error| fault(error.to_string()))?)
            .dns_resolver(SystemResolver::shared())
            .redirect(redirect::Policy::none())
            .referer(false)
            .default_headers(headers)
            .user_agent(&self.options.user_agent)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE);
        let builder = if self.options.environment_proxy { builder } else { builder.no_proxy() };
        builder.build().map_err(|error| fault(error.without_url().to_string()))
    }
}
