//! One watch: discovery, list, watch, and all over again when that is needed; for as long as somebody wants it.
//!
//! What is reported is level-triggered: everything there is (a list), then each change. A watch that ends is
//! resumed where it ended; only when the server no longer knows that place is everything listed again. A kind
//! that is not served, or that we may not watch, is asked about again at a slow pace, so that a CRD or a role
//! that comes later is noticed without a restart.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tidegate_api::{ApiError, Resource, WatchEvent};
use tidegate_shell::{Unwatchable, WatchKey};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info, warn};

use crate::api::{Api, no_answer};
use crate::backoff::{Backoff, spread};
use crate::discovery::{Discovery, discover};
use crate::frames::{self, Lines};
use crate::list::Pages;
use crate::metrics::Metrics;
use crate::request::ListQuery;

/// The delays of a watch.
#[derive(Clone, Debug)]
pub(crate) struct WatchTiming {
    /// How often it is asked whether a kind that could not be watched can be watched now.
    pub(crate) probe: Duration,
    /// A server that watches well reports, or sends a bookmark, about once a minute. After more than twice
    /// that in silence the connection is taken for dead, and the watch is resumed on another one.
    pub(crate) silence: Duration,
    /// How long the server is asked to keep one watch open: 5 to 10 minutes, as with client-go.
    pub(crate) lifetime: Duration,
    /// A watch that ends sooner than this did not work, whatever it says.
    pub(crate) short: Duration,
}

impl Default for WatchTiming {
    fn default() -> Self {
        Self {
            probe: Duration::from_secs(30),
            silence: Duration::from_secs(150),
            lifetime: Duration::from_secs(600),
            short: Duration::from_secs(1),
        }
    }
}

/// What a watch reports.
#[derive(Debug, PartialEq)]
pub(crate) enum Signal {
    /// A list begins, at the start and after a gap: all objects come as `Changed`.
    ListBegan(Resource),
    /// The list is complete.
    ListEnded,
    /// An object appeared or changed.
    Changed(Value),
    /// An object is gone.
    Removed(Value),
    /// It cannot be watched now.
    Unwatchable(Unwatchable),
}

/// Takes what a watch reports; waits while the receiver is behind. `false`: nobody listens any more.
pub(crate) trait Listener: Send {
    fn tell(&self, signal: Signal) -> impl Future<Output = bool> + Send;
}

/// Nobody listens any more.
#[derive(Debug)]
struct Unwanted;

/// One watch.
pub(crate) struct Watch<L> {
    api: Api,
    key: Arc<WatchKey>,
    listener: L,
    metrics: Arc<Metrics>,
    timing: WatchTiming,
    backoff: Backoff,
    /// What was said last, so that it is not said again at every probe.
    unwatchable: Option<Unwatchable>,
}

impl<L: Listener> Watch<L> {
    pub(crate) fn new(
        api: Api,
        key: Arc<WatchKey>,
        listener: L,
        metrics: Arc<Metrics>,
        timing: WatchTiming,
    ) -> Self {
        Self { api, key, listener, metrics, timing, backoff: Backoff::default(), unwatchable: None }
    }

    /// Watches until nobody listens any more.
    pub(crate) async fn run(mut self) {
        while self.attempt().await.is_ok() {}
    }

    /// From discovery to whatever makes another discovery necessary.
    async fn attempt(&mut self) -> Result<(), Unwanted> {
        let resource = match discover(&self.api, &self.key).await {
            Ok(Discovery::Served(resource)) => resource,
            Ok(Discovery::Unwatchable(why)) => return self.cannot(why).await,
            Err(error) => return self.failed("discover", &error).await,
        };
        let query = ListQuery {
            resource,
            namespace: self.key.namespace.as_deref().map(str::to_owned),
            labels: None,
            name: self.key.name.as_deref().map(str::to_owned),
        };
        let mut position = None;
        loop {
            let from = match position.take() {
                Some(from) => from,
                None => match self.list(&query).await? {
                    Ok(from) => {
                        self.unwatchable = None;
                        from
                    }
                    Err(error) => return self.refused("list", error).await,
                },
            };
            let opened = Instant::now();
            let ended = self.follow(&query, from).await?;
            let short = opened.elapsed() < self.timing.short;
            match ended.why {
                Why::Ended if !short => self.backoff.reset(),
                Why::Ended => self.pause().await,
                Why::Failed(error) if error.is_expired() => {
                    info!(kind = %self.key.kind, "watch is too far behind, listing again");
                    self.metrics.watch_restarted(&self.key.kind, "Expired");
                    if short {
                        self.pause().await;
                    }
                    continue;
                }
                Why::Failed(error) if error.is_not_found() || error.code == 403 => {
                    return self.refused("watch", error).await;
                }
                Why::Failed(error) => self.failed("watch", &error).await?,
            }
            position = Some(ended.at);
        }
    }

    async fn list(&mut self, query: &ListQuery) -> Result<Result<String, ApiError>, Unwanted> {
        match self.read(query, Pages::new(&self.api, query)).await? {
            Err(error) if error.is_expired() => self.read(query, Pages::at_once(&self.api, query)).await,
            other => Ok(other),
        }
    }

    /// Reads a list to its end; answers its resource version.
    async fn read(
        &self,
        query: &ListQuery,
        mut pages: Pages<'_>,
    ) -> Result<Result<String, ApiError>, Unwanted> {
        let mut began = false;
        let mut objects = 0_usize;
        loop {
            let page = match pages.next().await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            };
            if pages.resource_version().is_empty() {
                return Ok(Err(no_answer("the API server listed without a resourceVersion".into())));
            }
            if page.malformed > 0 {
                warn!(kind = %self.key.kind, count = page.malformed, "ignoring malformed objects in a list");
                self.metrics.malformed(&self.key.kind, page.malformed);
            }
            if !began {
                began = true;
                self.tell(Signal::ListBegan(query.resource.clone())).await?;
            }
            objects += page.objects.len();
            for object in page.objects {
                self.tell(Signal::Changed(object)).await?;
            }
        }
        debug!(kind = %self.key.kind, objects, "listed");
        self.tell(Signal::ListEnded).await?;
        Ok(Ok(pages.resource_version().to_owned()))
    }

    /// Watches once, from a resource version on, until it ends.
    async fn follow(&mut self, query: &ListQuery, from: String) -> Result<End, Unwanted> {
        let mut at = from;
        let seconds = spread(self.timing.lifetime).as_secs().max(1);
        let request = match query.watch(&at, u32::try_from(seconds).unwrap_or(u32::MAX)) {
            Ok(request) => request,
            Err(error) => return Ok(End { at, why: Why::Failed(error) }),
        };
        let opening = timeout(crate::api::REQUEST_TIMEOUT, self.api.open(request)).await;
        let body = match opening {
            Ok(Ok(response)) => response.into_body(),
            Ok(Err(error)) => return Ok(End { at, why: Why::Failed(error) }),
            Err(_) => return Ok(End { at, why: Why::Failed(no_answer("the watch did not open".into())) }),
        };
        let mut chunks = http_body_util::BodyDataStream::new(body);
        let mut lines = Lines::default();
        loop {
            let chunk = match timeout(self.timing.silence, chunks.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => {
                    // Proxies and servers cut long connections; that is how most watches end.
                    debug!(kind = %self.key.kind, %error, "watch was cut");
                    self.metrics.watch_restarted(&self.key.kind, "Cut");
                    return Ok(End { at, why: Why::Ended });
                }
                Ok(None) => return Ok(End { at, why: Why::Ended }),
                Err(_) => {
                    debug!(kind = %self.key.kind, "watch was silent for too long");
                    self.metrics.watch_restarted(&self.key.kind, "Silent");
                    return Ok(End { at, why: Why::Ended });
                }
            };
            let Ok(complete) = lines.push(&chunk) else {
                // The next list brings the object, if it is one; a page may be larger than a line.
                warn!(kind = %self.key.kind, "an event of a watch is too large");
                self.metrics.malformed(&self.key.kind, 1);
                return Ok(End { at, why: Why::Failed(ApiError::new(410, "Expired", "event too large")) });
            };
            for line in complete {
                match frames::decode(&line) {
                    Ok(WatchEvent::Bookmark(version)) => at = version,
                    Ok(WatchEvent::Failed(error)) => return Ok(End { at, why: Why::Failed(error) }),
                    Ok(WatchEvent::Applied(object)) => {
                        tidegate_api::object::resource_version(&object).clone_into(&mut at);
                        self.tell(Signal::Changed(object)).await?;
                    }
                    Ok(WatchEvent::Deleted(object)) => {
                        tidegate_api::object::resource_version(&object).clone_into(&mut at);
                        self.tell(Signal::Removed(object)).await?;
                    }
                    Err(why) => {
                        warn!(kind = %self.key.kind, %why, "ignoring a malformed event of a watch");
                        self.metrics.malformed(&self.key.kind, 1);
                    }
                }
            }
        }
    }

    async fn refused(&mut self, doing: &str, error: ApiError) -> Result<(), Unwanted> {
        if error.code == 403 {
            return self.cannot(Unwatchable::Forbidden { message: error.message }).await;
        }
        self.failed(doing, &error).await
    }

    /// Says so, unless it was said before, and waits until it is time to ask again.
    async fn cannot(&mut self, why: Unwatchable) -> Result<(), Unwanted> {
        if self.unwatchable.as_ref() != Some(&why) {
            let reason = match &why {
                Unwatchable::NotServed => "the API server does not serve it",
                Unwatchable::Forbidden { message } => message,
            };
            info!(group = %self.key.group, kind = %self.key.kind, reason, "cannot be watched now");
            self.unwatchable = Some(why.clone());
            self.tell(Signal::Unwatchable(why)).await?;
        }
        self.backoff.reset();
        sleep(spread(self.timing.probe)).await;
        Ok(())
    }

    async fn failed(&mut self, doing: &str, error: &ApiError) -> Result<(), Unwanted> {
        warn!(kind = %self.key.kind, code = error.code, %error, "could not {doing}, trying again");
        self.metrics.watch_restarted(&self.key.kind, "Failed");
        let wait = error.retry_after.map(|seconds| Duration::from_secs(seconds.into())).unwrap_or_default();
        sleep(wait.min(Duration::from_secs(60)).max(self.backoff.next())).await;
        Ok(())
    }

    async fn pause(&mut self) {
        sleep(self.backoff.next()).await;
    }

    async fn tell(&self, signal: Signal) -> Result<(), Unwanted> {
        if self.listener.tell(signal).await { Ok(()) } else { Err(Unwanted) }
    }
}

/// How a watch ended, and up to where it had reported.
struct End {
    at: String,
    why: Why,
}

enum Why {
    /// As watches end.
    Ended,
    /// The server says why.
    Failed(ApiError),
}

#[cfg(test)]
mod tests;
