//! Asks the system for the addresses of a name, and fails in a way that is told apart from everything else.

use std::io;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name that has no address.
#[derive(Debug, thiserror::Error)]
#[error("{name} does not resolve: {error}")]
pub(crate) struct Unresolved {
    /// The name.
    pub(crate) name: String,
    /// What the system says.
    pub(crate) error: io::Error,
}

/// The system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl SystemResolver {
    /// As the client takes it.
    pub fn shared() -> Arc<Self> {
        Arc::new(Self)
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        Box::pin(async move {
            // The port is the connector's to fill in.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map(Vec::from_iter);
            match found {
                Ok(addresses) => Ok(Box::new(addresses.into_iter()) as Addrs),
                Err(error) => Err(Unresolved { name, error }.into()),
            }
        })
    }
}
