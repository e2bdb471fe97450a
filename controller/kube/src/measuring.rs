//! Measurements under way: each a task that ends with an answer, unless nobody waits for it any more.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use tidegate_analysis::Outcome;
use tidegate_measure::Measurer;
use tidegate_shell::{Event, MeasureJob, RequestId};
use tokio::task::{AbortHandle, JoinSet};
use tracing::debug;

/// Takes measurements.
pub(crate) struct Measuring {
    measurer: Arc<Measurer>,
    under_way: BTreeMap<RequestId, AbortHandle>,
}

impl Measuring {
    pub(crate) fn new(measurer: Measurer) -> Self {
        Self { measurer: Arc::new(measurer), under_way: BTreeMap::new() }
    }

    /// Begins one.
    pub(crate) fn begin(&mut self, id: RequestId, job: MeasureJob, tasks: &mut JoinSet<Event>) {
        let measurer = self.measurer.clone();
        let handle = tasks.spawn(async move {
            debug!(run = %job.run, metric = job.metric, number = job.number, "measuring");
            let measuring = AssertUnwindSafe(measurer.measure(&job.provider, job.started_at)).catch_unwind();
            let outcome = measuring.await.unwrap_or_else(|_| {
                Outcome::Error("measuring failed inside Tidegate; please report this".to_owned())
            });
            Event::Measured { id, outcome }
        });
        self.under_way.insert(id, handle);
    }

    /// One has ended.
    pub(crate) fn ended(&mut self, id: RequestId) {
        self.under_way.remove(&id);
    }

    /// Nobody waits for it any more.
    pub(crate) fn give_up(&mut self, id: RequestId) {
        if let Some(handle) = self.under_way.remove(&id) {
            handle.abort();
        }
    }
}
