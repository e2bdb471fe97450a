//! HTTP clients with their connections, one for each way to trust a server.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, redirect};
use tidegate_fetch::SystemResolver;

use crate::error::MeasureError;
use crate::insecure;
use crate::measurer::MeasureOptions;

/// How many clients are kept: one for the system's authorities, one that trusts anybody, and some with authorities of their own.
/// A cluster has a handful of those; the one that was used longest ago goes.
pub const MOST_CLIENTS: usize = 32;
/// How many idle connections to one server are kept.
const MOST_IDLE: usize = 8;
/// How long an idle connection is kept: longer than the usual interval of a metric, 60 s.
const IDLE: Duration = Duration::from_secs(90);

/// Which servers are believed to be who they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those that the system's authorities vouch for.
    System,
    /// Those, and others that the authorities in this PEM vouch for.
    SystemAnd(String),
    /// All.
    Anybody,
}

/// The clients that were used last, the newest at the end.
#[derive(Debug)]
pub(crate) struct Clients {
    options: MeasureOptions,
    kept: Mutex<Vec<(Trust, Client)>>,
}

impl Clients {
    pub(crate) fn new(options: MeasureOptions) -> Self {
        Self { options, kept: Mutex::default() }
    }

    /// Whether the system has authorities at all.
    pub(crate) fn has_roots(&self) -> bool {
        !self.options.roots.is_empty()
    }

    /// The client for this trust.
    ///
    /// # Errors
    /// When its authorities cannot be read.
    pub(crate) fn get(&self, trust: &Trust) -> Result<Client, MeasureError> {
        if let Some(client) = self.touch(trust) {
            return Ok(client);
        }
        let client = self.build(trust)?;
        self.keep(trust, &client);
        Ok(client)
    }

    fn touch(&self, trust: &Trust) -> Option<Client> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(other, _)| other == trust)?;
        let found = kept.remove(place);
        let client = found.1.clone();
        kept.push(found);
        Some(client)
    }

    fn keep(&self, trust: &Trust, client: &Client) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have made one meanwhile.
        kept.retain(|(other, _)| other != trust);
        if kept.len() >= MOST_CLIENTS {
            kept.remove(0);
        }
        kept.push((trust.clone(), client.clone()));
    }

    fn build(&self, trust: &Trust) -> Result<Client, MeasureError> {
        let fault = |problem: String| MeasureError::Client { problem };
        let roots = &self.options.roots;
        let tls = match trust {
            Trust::System => roots.config(),
            Trust::SystemAnd(pem) => roots.and(pem.as_bytes()).map_err(MeasureError::authority)?.config(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_fetch::Roots;
    use tidegate_zoo::Authority;

    fn clients() -> Clients {
        Clients::new(MeasureOptions::new(Roots::none()))
    }

    fn kept(clients: &Clients) -> Vec<Trust> {
        clients.kept.lock().unwrap().iter().map(|(trust, _)| trust.clone()).collect()
    }

    #[test]
    fn each_trust_has_one_client() {
        let clients = clients();
        let own = Trust::SystemAnd(Authority::new().pem().to_owned());
        for trust in [&Trust::System, &own, &Trust::Anybody, &own, &Trust::System] {
            clients.get(trust).unwrap();
        }
        assert_eq!(kept(&clients), [Trust::Anybody, own, Trust::System]);
    }

    #[test]
    fn the_one_used_longest_ago_goes() {
        let clients = clients();
        let pem = Authority::new().pem().to_owned();
        // PEM may have any text around it.
        let trust = |number: usize| Trust::SystemAnd(format!("{number}\n{pem}"));
        for number in 0..MOST_CLIENTS {
            clients.get(&trust(number)).unwrap();
        }
        clients.get(&trust(0)).unwrap();
        clients.get(&Trust::Anybody).unwrap();
        let kept = kept(&clients);
        assert_eq!(kept.len(), MOST_CLIENTS);
        assert!(kept.contains(&trust(0)) && kept.contains(&Trust::Anybody) && !kept.contains(&trust(1)));
    }

    #[test]
    fn what_is_no_certificate_is_said_and_not_kept() {
        let clients = clients();
        let error = clients.get(&Trust::SystemAnd("no PEM".into())).unwrap_err();
        assert_eq!(error.reason(), "InvalidAuthority");
        assert!(kept(&clients).is_empty());
    }
}
