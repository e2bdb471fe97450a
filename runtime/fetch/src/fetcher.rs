//! Fetches: tries, and tries again as long as it makes sense.

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, Proxy, redirect};
use tidegate_artifact::{Artifact, LoadError, LoadReason, Stage, shown};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::attempt::{Attempt, Failure};
use crate::request::{self, FetchRequest, invalid};
use crate::resolver::SystemResolver;
use crate::retry;
use crate::settings::FetchSettings;
use crate::tls::Roots;

/// Fetches plugins. Holds nothing between two of them but its settings and the certificates that it trusts.
#[derive(Clone, Debug)]
pub struct Fetcher {
    settings: FetchSettings,
    roots: Roots,
}

impl Fetcher {
    /// One that trusts these authorities, and those that a request brings.
    pub fn new(settings: FetchSettings, roots: Roots) -> Self {
        Self { settings, roots }
    }

    /// Gets the bytes, within the deadline of the settings. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// `InvalidConfig`, `Unreachable`, `HttpStatus`, `TooLarge`, `DigestMismatch`; `NotWasm` for what comes compressed.
    /// `HostFault` if this process cannot make connections at all.
    pub async fn fetch(&self, request: &FetchRequest) -> Result<Artifact, LoadError> {
        let deadline = Instant::now() + self.settings.deadline;
        request::check(&request.url, request.allow_http)?;
        let headers = request::headers(request)?;
        let roots = match &request.ca_pem {
            Some(pem) => self.roots.and(pem)?,
            None => self.roots.clone(),
        };
        let client = self.client(&roots, request.proxy.as_ref())?;
        let attempt = Attempt {
            client: &client,
            settings: &self.settings,
            request,
            headers: &headers,
            has_roots: !roots.is_empty(),
            deadline,
        };
        let mut failures: u32 = 0;
        loop {
            let Failure { mut error, passes } = match attempt.run().await {
                Ok(artifact) => return Ok(artifact),
                Err(failure) => failure,
            };
            failures = failures.saturating_add(1);
            let wait = error.retry_after.unwrap_or_else(|| retry::backoff(failures, fastrand::f64()));
            let fits = Instant::now().checked_add(wait).is_some_and(|then| then < deadline);
            if !passes || failures > self.settings.retries || !fits {
                if failures > 1 {
                    error.message = format!("{} (tried {failures} times)", error.message);
                }
                return Err(error);
            }
            tracing::debug!(url = shown(&request.url), reason = %error.reason, message = error.message, ?wait, "trying again");
            sleep(wait).await;
        }
    }

    /// A client for one request: connections do not outlive it, and what one is trusted with no other one is.
    fn client(&self, roots: &Roots, proxy: Option<&Url>) -> Result<Client, LoadError> {
        let fault = |error: String| {
            LoadError::new(
                Stage::Read,
                LoadReason::HostFault,
                format!("this process cannot make connections: {error}"),
                "not the plugin's fault: see the log of this process",
            )
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/wasm, application/octet-stream, */*;q=0.5"),
        );
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let tls = roots.config().map_err(|error| fault(error.to_string()))?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(SystemResolver::shared())
            .redirect(redirect::Policy::none())
            .referer(false)
            .default_headers(headers)
            .user_agent(&self.settings.user_agent)
            .connect_timeout(self.settings.connect);
        builder = match proxy {
            Some(url) => builder.proxy(through(url)?),
            None if self.settings.environment_proxy => builder,
            None => builder.no_proxy(),
        };
        builder.build().map_err(|error| fault(error.without_url().to_string()))
    }
}

/// Everything through this proxy.
fn through(url: &Url) -> Result<Proxy, LoadError> {
    const HINT: &str =
        "write http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host if it wants that";
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(invalid(format!("{} is no proxy that can be used", shown(url)), HINT));
    }
    Proxy::all(url.as_str())
        .map_err(|_| invalid(format!("{} is no proxy that can be used", shown(url)), HINT))
}
