//! Leader election: carries out what the elector wants, and tells the rest of the process what the lease allows.

use std::sync::Arc;

use tidegate_lease::{Elector, LeaseEffect, LeaseEvent, RequestId, Term};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::api::Api;
use crate::clock::Clock;
use crate::leadership::Leading;
use crate::stand_by::StandBy;

/// One candidate, until it is told to give the lease back.
pub(crate) struct Candidate {
    api: Api,
    elector: Elector,
    leading: Leading,
    stand_by: Arc<StandBy>,
    clock: Clock,
    /// The elector's times count from here.
    started: Instant,
    wake_at: Option<Instant>,
    under_way: JoinSet<(RequestId, Result<serde_json::Value, tidegate_api::ApiError>)>,
    released: bool,
    led_by: Option<String>,
}

impl Candidate {
    pub(crate) fn new(api: Api, elector: Elector, stand_by: Arc<StandBy>, clock: Clock) -> Self {
        Self {
            api,
            elector,
            leading: Leading::No,
            stand_by,
            clock,
            started: Instant::now(),
            wake_at: None,
            under_way: JoinSet::new(),
            released: false,
            led_by: None,
        }
    }

    /// Runs until the lease was given back. Nothing may be written any more when that is asked for.
    pub(crate) async fn run(mut self, mut release: oneshot::Receiver<()>) {
        self.step(LeaseEvent::Woken);
        let mut releasing = false;
        while !self.released {
            let wake_at = self.wake_at.unwrap_or_else(Instant::now);
            let event = tokio::select! {
                // Also when the sender is gone: then nobody is left who could write.
                _ = &mut release, if !releasing => {
                    releasing = true;
                    LeaseEvent::Release
                }
                Some(Ok((id, result))) = self.under_way.join_next() => LeaseEvent::Answered { id, result },
                () = sleep_until(wake_at) => LeaseEvent::Woken,
            };
            self.step(event);
        }
    }

    fn step(&mut self, event: LeaseEvent) {
        let effects = self.elector.step(self.started.elapsed(), self.clock.now(), event);
        for effect in effects {
            match effect {
                LeaseEffect::Send { id, request, timeout } => {
                    let api = self.api.clone();
                    self.under_way.spawn(async move { (id, api.send_within(&request, timeout).await) });
                }
                LeaseEffect::Leading(term) => self.lead(term),
                LeaseEffect::WakeAt(at) => self.wake_at = Some(self.started + at),
                LeaseEffect::Failed(error) => {
                    warn!(code = error.code, reason = error.reason, %error, "could not look after the lease");
                }
                LeaseEffect::Released => self.released = true,
            }
        }
        self.notice_holder();
        self.stand_by.lease(self.leading, self.led_by.as_deref());
    }

    fn lead(&mut self, term: Option<Term>) {
        let leading = term.map_or(Leading::No, |term| Leading::Held {
            write_until: self.started + term.write_until,
            expires: self.started + term.expires,
        });
        let before = std::mem::replace(&mut self.leading, leading);
        match (before, leading) {
            (Leading::No, Leading::Held { .. }) => info!("leading: the lease is held"),
            (Leading::Held { .. }, Leading::No) => warn!("not leading any more"),
            _ => {}
        }
    }

    fn notice_holder(&mut self) {
        let holder = self.elector.holder().map(str::to_owned);
        if holder != self.led_by {
            if let Some(holder) = &holder {
                info!(holder, "the lease has a new holder");
            }
            self.led_by = holder;
        }
    }
}
