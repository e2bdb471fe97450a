//! What runs beside the loop: requests under way and questions to routers.

use std::sync::Arc;
use std::time::Duration;

use tidegate_api::{ApiError, Operation, Request};
use tidegate_contract::{Fault, FaultReason};
use tidegate_route::Answer;
use tidegate_shell::{Event, RequestId, RouteAnswer, RouteJob};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::api::{Api, REQUEST_TIMEOUT};
use crate::leadership::Leadership;
use crate::metrics::Metrics;

/// So many requests are under way at the same time; the API server's own fairness divides what it can do, this
/// only keeps a controller with thousands of Rollouts from opening thousands of connections.
const REQUESTS: usize = 64;

/// Sends requests and asks routers.
#[derive(Clone)]
pub(crate) struct Jobs {
    api: Api,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    requests: Arc<Semaphore>,
    calls: Arc<Semaphore>,
}

impl Jobs {
    /// `calls`: so many routers compute at the same time.
    pub(crate) fn new(api: Api, leadership: Leadership, metrics: Arc<Metrics>, calls: usize) -> Self {
        Self {
            api,
            leadership,
            metrics,
            requests: Arc::new(Semaphore::new(REQUESTS)),
            calls: Arc::new(Semaphore::new(calls.max(1))),
        }
    }

    /// Sends a request; answers what became of it, whatever happens.
    pub(crate) async fn send(self, id: RequestId, request: Request) -> Event {
        // The semaphore is never closed.
        let _permit = self.requests.acquire().await;
        let result = match self.limit(&request) {
            Some(limit) => {
                let started = Instant::now();
                // A task of its own, so that a panic in a library is an answer too.
                let request = Arc::new(request);
                let (api, sent) = (self.api.clone(), request.clone());
                let result = tokio::spawn(async move { api.send_within(&sent, limit).await })
                    .await
                    .unwrap_or_else(|_| Err(ApiError::new(0, "InternalError", "sending a request panicked")));
                let code = result.as_ref().map_or_else(|error| error.code, |_| 200);
                self.metrics.requested(&request, code, started.elapsed());
                result
            }
            None => Err(ApiError::new(0, "NotLeading", "not sent, because the lease is not held")),
        };
        Event::Answered { id, result }
    }

    /// How long a request may take; `None`: it may not be sent.
    fn limit(&self, request: &Request) -> Option<Duration> {
        match request.operation {
            Operation::Get { .. } | Operation::List { .. } => Some(REQUEST_TIMEOUT),
            _ => self.leadership.write_within(REQUEST_TIMEOUT),
        }
    }

    /// Asks a router, off the asynchronous workers; answers whatever happens.
    pub(crate) async fn route(self, id: RequestId, job: RouteJob) -> Event {
        let permit = self.calls.clone().acquire_owned().await;
        let plugin = job.router.description().name.clone();
        let started = Instant::now();
        let asked = tokio::task::spawn_blocking(move || {
            // Held until the computation ends, also when nobody waits for it any more.
            let _permit = permit;
            job.ask()
        });
        let answer = asked.await.unwrap_or_else(|error| {
            let message =
                if error.is_panic() { panic_text(error.into_panic().as_ref()) } else { error.to_string() };
            RouteAnswer::from(Answer::Fault(Fault {
                reason: FaultReason::HostFault,
                message: format!("the host failed while the plugin was asked: {message}"),
                last_words: String::new(),
            }))
        });
        self.metrics.called(&plugin, &answer.answer, started.elapsed());
        Event::Routed { id, answer }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".to_owned())
}

#[cfg(test)]
mod tests;
