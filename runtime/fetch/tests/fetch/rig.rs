//! What all tests need: an authority, servers, and a fetcher that is less patient than usual.

use std::time::Duration;

use tidegate_artifact::{Artifact, LoadError};
use tidegate_fetch::{FetchRequest, FetchSettings, Fetcher, Roots};
use tidegate_zoo::{Answer, Authority, Request, Server, Validity};

/// What a plugin would be; fetching does not look into it.
pub(crate) const BODY: &[u8] = b"some bytes";

/// More than `BODY` has.
pub(crate) const CAP: u64 = 100;

/// Text that must never be shown.
pub(crate) const SECRET: &str = "hunter2";

pub(crate) struct Rig {
    pub(crate) authority: Authority,
    pub(crate) settings: FetchSettings,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let settings = FetchSettings {
            deadline: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            retries: 0,
            environment_proxy: false,
            ..FetchSettings::default()
        };
        Self { authority: Authority::new(), settings }
    }

    /// An https server for `localhost`.
    pub(crate) fn server(&self, answers: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
        Server::start(Some(self.authority.server("localhost", Validity::Now)), answers)
    }

    /// What asks for this, and trusts the authority.
    pub(crate) fn request(&self, url: &str) -> FetchRequest {
        let mut request = FetchRequest::new(url.parse().unwrap(), CAP);
        request.ca_pem = Some(self.authority.pem().as_bytes().to_vec());
        request
    }

    /// Fetches; whatever comes of it shows nothing secret.
    pub(crate) async fn fetch(&self, request: &FetchRequest) -> Result<Artifact, LoadError> {
        let result = Fetcher::new(self.settings.clone(), Roots::none()).fetch(request).await;
        match &result {
            Ok(artifact) => assert!(!artifact.origin().contains(SECRET), "{}", artifact.origin()),
            Err(error) => {
                assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
                assert!(!error.message.is_empty() && !error.hint.is_empty(), "{error:?}");
            }
        }
        result
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Artifact, LoadError> {
        self.fetch(&self.request(url)).await
    }
}
