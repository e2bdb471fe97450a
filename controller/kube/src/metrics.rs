//! What is counted and measured, for Prometheus.
//!
//! Names and labels that Argo Rollouts has too mean the same here, so that dashboards keep working; what is
//! ours begins with `tidegate_`. All of them are listed, with their meaning, in the registration below.

mod evidence;
mod plugins;
mod rollouts;
mod table;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tidegate_api::{ApiError, ObjectKey, Request, object};
use tidegate_core::{NoteKind, Routing};
use tidegate_handover::{Age, Subject, Why};
use tidegate_route::Answer;

pub(crate) use evidence::EvidenceMetrics;
pub(crate) use plugins::PluginMetrics;
use rollouts::Table;

/// Buckets of Argo's `rollout_reconcile`, in seconds.
const PASS_SECONDS: [f64; 5] = [0.01, 0.15, 0.25, 0.5, 1.0];
/// A call takes well under a millisecond; seconds mean that it ran into its limits.
const CALL_SECONDS: [f64; 8] = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.1, 1.0, 10.0];
/// From a request that etcd answers at once to one that ran into its time limit.
const REQUEST_SECONDS: [f64; 8] = [0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0];

#[derive(Clone, Copy)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RolloutLabels {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EventLabels {
    namespace: String,
    name: String,
    r#type: &'static str,
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WriteLabels {
    namespace: String,
    name: String,
    kind: String,
    verb: &'static str,
    result: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    verb: &'static str,
    kind: String,
    code: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerbLabels {
    verb: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PluginLabels {
    plugin: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    plugin: String,
    outcome: &'static str,
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DifferenceLabels {
    namespace: String,
    name: String,
    subject: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NewsLabels {
    subject: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RestartLabels {
    kind: String,
    reason: &'static str,
}

/// Which counters there are about a Rollout besides those that carry only its name: so that they can go when
/// it goes, or clusters with short-lived Rollouts would make the controller grow.
#[derive(Default)]
struct About {
    events: HashSet<EventLabels>,
    writes: HashSet<WriteLabels>,
}

type Counters<L> = Family<L, Counter>;
type Histograms<L> = Family<L, Histogram, Buckets>;

/// All metrics of one controller.
pub(crate) struct Metrics {
    registry: Registry,
    table: Arc<Mutex<Table>>,
    about: Mutex<HashMap<RolloutLabels, About>>,
    passes: Histograms<RolloutLabels>,
    pass_errors: Family<RolloutLabels, Gauge>,
    events: Counters<EventLabels>,
    events_dropped: Counter,
    writes: Counters<WriteLabels>,
    requests: Counters<RequestLabels>,
    request_seconds: Histograms<VerbLabels>,
    calls: Counters<CallLabels>,
    call_seconds: Histograms<PluginLabels>,
    /// About plugins, whether they are called or not.
    pub(crate) plugins: PluginMetrics,
    /// About AnalysisRuns, Experiments and templates.
    pub(crate) evidence: EvidenceMetrics,
    watch_restarts: Counters<RestartLabels>,
    malformed: Counters<KindLabels>,
    leader: Gauge,
    standing_by: Family<ReasonLabels, Gauge>,
    shadow_differences: Family<DifferenceLabels, Gauge>,
    shadow_news: Counters<NewsLabels>,
    panics: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let table = Arc::new(Mutex::new(Table::default()));
        let mut metrics = Self {
            registry: Registry::default(),
            table: table.clone(),
            about: Mutex::default(),
            passes: Family::new_with_constructor(Buckets(&PASS_SECONDS)),
            pass_errors: Family::default(),
            events: Family::default(),
            events_dropped: Counter::default(),
            writes: Family::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(Buckets(&REQUEST_SECONDS)),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(Buckets(&CALL_SECONDS)),
            plugins: PluginMetrics::default(),
            evidence: EvidenceMetrics::default(),
            watch_restarts: Family::default(),
            malformed: Family::default(),
            leader: Gauge::default(),
            standing_by: Family::default(),
            shadow_differences: Family::default(),
            shadow_news: Counters::default(),
            panics: Counter::default(),
        };
        metrics.register(table);
        metrics.standing_by(None);
        metrics
    }

    fn register(&mut self, table: Arc<Mutex<Table>>) {
        let registry = &mut self.registry;
        registry.register_collector(Box::new(rollouts::Rollouts(table)));
        registry.register(
            "rollout_reconcile",
            "Time that a pass over a Rollout computes",
            self.passes.clone(),
        );
        // A gauge that only grows: a counter would get the suffix _total, and Argo's has none.
        registry.register(
            "rollout_reconcile_error",
            "Passes over a Rollout in which a write failed or which panicked",
            self.pass_errors.clone(),
        );
        registry.register("rollout_events", "Kubernetes events about Rollouts", self.events.clone());
        registry.register(
            "tidegate_kubernetes_events_dropped",
            "Kubernetes events that were given up because too many were waiting",
            self.events_dropped.clone(),
        );
        registry.register(
            "tidegate_writes",
            "Writes for a Rollout by kind of object, verb and result (a reason of the API server, or Done)",
            self.writes.clone(),
        );
        registry.register(
            "tidegate_api_requests",
            "Requests to the API server by verb, kind and status code (0: no answer); without watches",
            self.requests.clone(),
        );
        registry.register(
            "tidegate_api_request_seconds",
            "Time until the API server answered",
            self.request_seconds.clone(),
        );
        registry.register(
            "tidegate_router_calls",
            "Passes through a router plugin by outcome (verdict, needs, problem, fault, refused) and reason",
            self.calls.clone(),
        );
        registry.register(
            "tidegate_router_call_seconds",
            "Time that a pass through a router plugin takes, sandbox included",
            self.call_seconds.clone(),
        );
        self.plugins.register(registry);
        self.evidence.register(registry);
        registry.register(
            "tidegate_watch_restarts",
            "Watches that did not end as watches end, by kind and reason",
            self.watch_restarts.clone(),
        );
        registry.register(
            "tidegate_malformed_objects",
            "Objects that the API server sent and that could not be read",
            self.malformed.clone(),
        );
        registry.register("tidegate_leader", "Whether this process may write", self.leader.clone());
        registry.register(
            "tidegate_standing_by",
            "Whether this process leaves the work to another controller, by the reason",
            self.standing_by.clone(),
        );
        registry.register(
            "tidegate_shadow_differences",
            "Places where a shadow would write something else than is there, by how long they have been so",
            self.shadow_differences.clone(),
        );
        registry.register(
            "tidegate_shadow_news",
            "Differences that a shadow has seen begin, become lasting, and end",
            self.shadow_news.clone(),
        );
        registry.register("tidegate_pass_panics", "Passes that panicked", self.panics.clone());
        registry.register(
            "tidegate_build",
            "This program",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
    }

    /// Everything, in the OpenMetrics text format.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic of a thread that held the lock leaves a table that is at worst incomplete.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn about(&self, rollout: &RolloutLabels, note: impl FnOnce(&mut About)) {
        let mut about = self.about.lock().unwrap_or_else(PoisonError::into_inner);
        note(about.entry(rollout.clone()).or_default());
    }

    /// All Rollouts come now.
    pub(crate) fn rollouts_begin(&self) {
        self.table().begin();
    }

    /// All have come; the others are gone.
    pub(crate) fn rollouts_end(&self) {
        let gone = self.table().end();
        for (namespace, name) in gone {
            self.forget(&RolloutLabels { namespace, name });
        }
    }

    /// A Rollout as the API server has it.
    pub(crate) fn rollout_changed(&self, object: &Value) {
        self.table().insert(object);
    }

    /// A Rollout is gone, and with it what is only about it.
    pub(crate) fn rollout_removed(&self, object: &Value) {
        self.table().remove(object);
        self.forget(&RolloutLabels {
            namespace: object::namespace(object).to_owned(),
            name: object::name(object).to_owned(),
        });
    }

    fn forget(&self, rollout: &RolloutLabels) {
        self.passes.remove(rollout);
        self.pass_errors.remove(rollout);
        let about = self.about.lock().unwrap_or_else(PoisonError::into_inner).remove(rollout);
        for labels in about.iter().flat_map(|about| &about.events) {
            self.events.remove(labels);
        }
        for labels in about.iter().flat_map(|about| &about.writes) {
            self.writes.remove(labels);
        }
    }

    /// A pass ended.
    pub(crate) fn passed(&self, rollout: &ObjectKey, routing: Option<&Routing>, computing: Duration) {
        self.passes.get_or_create(&labels(rollout)).observe(computing.as_secs_f64());
        self.table().routed(rollout, routing);
    }

    /// A pass panicked, over a Rollout, an AnalysisRun or an Experiment.
    pub(crate) fn panicked(&self, about: &ObjectKey) {
        self.panics.inc();
        if is_rollout(about) {
            self.pass_errors.get_or_create(&labels(about)).inc();
        } else {
            self.evidence.failed(about);
        }
    }

    /// A write for a Rollout, an AnalysisRun or an Experiment ended.
    pub(crate) fn wrote(&self, rollout: &ObjectKey, request: &Request, error: Option<&ApiError>) {
        if !is_rollout(rollout) {
            if error.is_some() {
                self.evidence.failed(rollout);
            }
            return;
        }
        let result = match error {
            None => "Done".to_owned(),
            Some(error) if error.reason.is_empty() => error.code.to_string(),
            Some(error) => error.reason.clone(),
        };
        if error.is_some() {
            self.pass_errors.get_or_create(&labels(rollout)).inc();
        }
        let rollout = labels(rollout);
        let labels = WriteLabels {
            namespace: rollout.namespace.clone(),
            name: rollout.name.clone(),
            kind: request.resource.kind.to_string(),
            verb: request.verb(),
            result,
        };
        self.writes.get_or_create(&labels).inc();
        self.about(&rollout, |about| {
            about.writes.insert(labels);
        });
    }

    /// A request was answered.
    pub(crate) fn requested(&self, request: &Request, code: u16, took: Duration) {
        let (verb, kind) = (request.verb(), request.resource.kind.to_string());
        self.requests.get_or_create(&RequestLabels { verb, kind, code: code.to_string() }).inc();
        self.request_seconds.get_or_create(&VerbLabels { verb }).observe(took.as_secs_f64());
    }

    /// A router was asked.
    pub(crate) fn called(&self, plugin: &str, answer: &Answer, took: Duration) {
        let (outcome, reason) = outcome(answer);
        let plugin = plugin.to_owned();
        self.call_seconds.get_or_create(&PluginLabels { plugin: plugin.clone() }).observe(took.as_secs_f64());
        self.calls.get_or_create(&CallLabels { plugin, outcome, reason }).inc();
    }

    /// A Kubernetes event is published. Those about Rollouts are counted, as in Argo Rollouts.
    pub(crate) fn event(&self, regarding: &Value, kind: NoteKind, reason: &str) {
        if regarding.get("kind").and_then(Value::as_str) != Some(ROLLOUT) {
            return;
        }
        let rollout = RolloutLabels {
            namespace: object::namespace(regarding).to_owned(),
            name: object::name(regarding).to_owned(),
        };
        let labels = EventLabels {
            namespace: rollout.namespace.clone(),
            name: rollout.name.clone(),
            r#type: crate::events::type_of(kind),
            reason: reason.to_owned(),
        };
        self.events.get_or_create(&labels).inc();
        self.about(&rollout, |about| {
            about.events.insert(labels);
        });
    }

    /// A Kubernetes event was given up.
    pub(crate) fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// A watch had to be opened again.
    pub(crate) fn watch_restarted(&self, kind: &str, reason: &'static str) {
        self.watch_restarts.get_or_create(&RestartLabels { kind: kind.to_owned(), reason }).inc();
    }

    /// Objects could not be read.
    pub(crate) fn malformed(&self, kind: &str, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.malformed.get_or_create(&KindLabels { kind: kind.to_owned() }).inc_by(count);
    }

    /// Whether this process may write.
    pub(crate) fn leading(&self, leading: bool) {
        self.leader.set(leading.into());
    }

    /// How many differences of a Rollout about a subject there are: those of a moment, and the lasting ones.
    pub(crate) fn shadow(&self, rollout: &ObjectKey, subject: Subject, (momentary, lasting): (usize, usize)) {
        let RolloutLabels { namespace, name } = labels(rollout);
        for (state, count) in [("momentary", momentary), ("lasting", lasting)] {
            let labels = DifferenceLabels {
                namespace: namespace.clone(),
                name: name.clone(),
                subject: subject.as_str(),
                state,
            };
            if count == 0 {
                self.shadow_differences.remove(&labels);
            } else {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                self.shadow_differences.get_or_create(&labels).set(count);
            }
        }
    }

    /// A difference has begun, has become lasting, or has ended.
    pub(crate) fn shadow_news(&self, subject: Subject, age: Age) {
        self.shadow_news.get_or_create(&NewsLabels { subject: subject.as_str(), state: age.as_str() }).inc();
    }

    /// Why this process leaves the work to another controller; `None`: it does not.
    pub(crate) fn standing_by(&self, why: Option<&str>) {
        for reason in Why::REASONS {
            self.standing_by.get_or_create(&ReasonLabels { reason }).set((why == Some(reason)).into());
        }
    }
}

/// The kind of Rollouts.
const ROLLOUT: &str = "Rollout";

fn is_rollout(key: &ObjectKey) -> bool {
    *key.kind == *ROLLOUT
}

fn labels(rollout: &ObjectKey) -> RolloutLabels {
    RolloutLabels { namespace: rollout.namespace.to_string(), name: rollout.name.to_string() }
}

fn outcome(answer: &Answer) -> (&'static str, String) {
    use tidegate_contract::Verdict;
    match answer {
        Answer::Needs(_) => ("needs", String::new()),
        Answer::Routed(routed) if !routed.writes.is_empty() => ("change", String::new()),
        Answer::Routed(routed) => (
            "verdict",
            match routed.verdict {
                Verdict::Verified => "Verified",
                Verdict::Pending(_) => "Pending",
                Verdict::Rejected(_) => "Rejected",
                Verdict::Unreported(_) => "Unreported",
                Verdict::Unverifiable => "Unverifiable",
            }
            .to_owned(),
        ),
        // A plugin's own codes are open words: not fit for a label.
        Answer::Problem(_) => ("problem", String::new()),
        Answer::Fault(fault) => ("fault", fault.reason.as_str().to_owned()),
        Answer::Refused(refusal) => ("refused", refusal.reason.to_owned()),
    }
}

#[cfg(test)]
mod tests;
