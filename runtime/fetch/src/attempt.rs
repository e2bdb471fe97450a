//! One try: ask, follow redirects, take what comes.

use std::time::{Duration, SystemTime};

use http::header::{self, HeaderMap};
use reqwest::{Client, Response};
use tidegate_artifact::{Artifact, Collector, LoadError, LoadReason, Stage, shown};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::cause::{self, Explained, Place};
use crate::redirect::Trail;
use crate::request::FetchRequest;
use crate::settings::FetchSettings;
use crate::{retry, status};

/// What one try is made with.
pub(crate) struct Attempt<'a> {
    pub(crate) client: &'a Client,
    pub(crate) settings: &'a FetchSettings,
    pub(crate) request: &'a FetchRequest,
    /// The request's own, marked as sensitive.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) has_roots: bool,
    pub(crate) deadline: Instant,
}

/// A try that failed, and whether another one at once may do better.
pub(crate) struct Failure {
    pub(crate) error: LoadError,
    pub(crate) passes: bool,
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self { error, passes: false }
    }
}

impl From<Explained> for Failure {
    fn from(explained: Explained) -> Self {
        Self { passes: explained.passes, error: explained.into_error() }
    }
}

impl Attempt<'_> {
    pub(crate) async fn run(&self) -> Result<Artifact, Failure> {
        let mut trail = Trail::new(&self.request.url, self.request.allow_http);
        loop {
            let response = self.ask(&trail).await?;
            let status = response.status();
            let location = response.headers().get(header::LOCATION);
            match (status.as_u16(), location) {
                (200, _) => return self.take(response, &trail).await,
                (301 | 302 | 303 | 307 | 308, Some(location)) => trail.follow(status, location.as_bytes())?,
                _ => {
                    let has_headers = trail.is_at_home() && !self.headers.is_empty();
                    let mut error = status::refused(status, &trail.shown(), has_headers);
                    let wait = response.headers().get(header::RETRY_AFTER);
                    error.retry_after = wait.and_then(|wait| retry::retry_after(wait, SystemTime::now()));
                    return Err(Failure { passes: error.is_transient(), error });
                }
            }
        }
    }

    /// The answer, as far as its headers.
    async fn ask(&self, trail: &Trail) -> Result<Response, Failure> {
        let url = trail.here();
        let mut builder = self.client.get(url.clone());
        if trail.is_at_home() {
            builder = builder.headers(self.headers.clone());
        }
        let patience = self.settings.connect.saturating_add(self.settings.idle);
        let shown = trail.shown();
        match timeout_at(self.until(patience), builder.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let place = Place {
                    shown: &shown,
                    host: &host(url),
                    secure: url.scheme() == "https",
                    has_roots: self.has_roots,
                };
                Err(cause::no_answer(&error, &place).into())
            }
            Err(_) => Err(self.too_slow(&format!("{shown} does not answer"), patience)),
        }
    }

    /// The bytes of an answer.
    async fn take(&self, mut response: Response, trail: &Trail) -> Result<Artifact, Failure> {
        let name = trail.shown();
        if let Some(encoding) = encoding(&response) {
            return Err(encoded(&name, &encoding).into());
        }
        let content_type = printable(response.headers(), &header::CONTENT_TYPE);
        let mut collector = Collector::new(&shown(&self.request.url), self.request.cap);
        let announced = response.content_length();
        announced.map_or(Ok(()), |length| collector.announced(length))?;
        loop {
            match timeout_at(self.until(self.settings.idle), response.chunk()).await {
                Ok(Ok(Some(part))) => collector.push(&part)?,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    return Err(cause::broken_off(&error, &name, collector.len(), announced).into());
                }
                Err(_) if !self.is_over() => {
                    let so_far = format!("{name} sends nothing more after {} bytes", collector.len());
                    return Err(self.too_slow(&so_far, self.settings.idle));
                }
                Err(_) => {}
            }
            if self.is_over() {
                let so_far = format!("{name} has sent no more than {} bytes", collector.len());
                return Err(self.too_slow(&so_far, self.settings.deadline));
            }
        }
        collector.finish(self.request.sha256).map_err(|mut error| {
            // A page of a sign-in or an error often comes with 200 OK.
            if let Some(content_type) = content_type.filter(|_| error.reason == LoadReason::DigestMismatch) {
                error.message = format!("{}; the server calls it {content_type}", error.message);
            }
            error.into()
        })
    }

    /// This long from now, but not past the deadline.
    fn until(&self, patience: Duration) -> Instant {
        Instant::now().checked_add(patience).map_or(self.deadline, |until| until.min(self.deadline))
    }

    /// Whether there is no time left.
    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Nothing happened for so long; or not enough before the deadline.
    fn too_slow(&self, what: &str, patience: Duration) -> Failure {
        let is_over = self.is_over();
        let time = if is_over { self.settings.deadline } else { patience };
        let over = if is_over { ", which is all the time that there is" } else { "" };
        let hint = "see whether the server, the proxies in front of it and the network between are overloaded, or serve \
                    the file from somewhere nearer";
        let message = format!("{what} within {time:?}{over}");
        let error = LoadError::new(Stage::Read, LoadReason::Unreachable, message, hint);
        Failure { error, passes: !is_over }
    }
}

/// Host and port.
fn host(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// How the body is encoded, if it is.
fn encoding(response: &Response) -> Option<String> {
    printable(response.headers(), &header::CONTENT_ENCODING)
        .filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
}

/// What is hashed and run must be what the server has; decoding it on the way is not ours to do.
fn encoded(name: &str, encoding: &str) -> LoadError {
    LoadError::new(
        Stage::Recognise,
        LoadReason::NotWasm,
        format!("{name} comes encoded (Content-Encoding: {encoding}), though it was asked for as it is"),
        "have the server send the .wasm file itself: without a precompressed copy, and without Content-Encoding",
    )
}

/// A header's text, if it has one that can be shown.
fn printable(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    const MOST: usize = 100;
    let text = headers.get(name)?.to_str().ok()?.trim();
    Some(text.chars().take(MOST).collect()).filter(|text: &String| !text.is_empty())
}
