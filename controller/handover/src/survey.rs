//! What Tidegate would write if it took over now: the shell, as a shadow, over objects that are read once.
//!
//! Nothing is watched and nothing waits. Time that the shell asks for, for example to see whether a gateway reports, passes
//! at once; calendar time stands still, so that no pause ends while one looks.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_api::{ApiError, ObjectKey, Operation, Request, Resource, builtin, object};
use tidegate_core::RouterReport;
use tidegate_shell::{
    Effect, Event, Intention, Now, Plugins, Report, RequestId, Settings, Shell, Unwatchable, WatchKey,
};

/// Longer than anything that the shell waits for before it decides, shorter than after what it looks again for no reason.
const HORIZON: Duration = Duration::from_mins(1);

/// So many steps are enough for any cluster; what takes more never ends.
const STEPS: usize = 10_000_000;

/// Some objects, as they are.
#[derive(Clone, Debug)]
pub struct Listing {
    /// At the version at which they are served.
    pub resource: Resource,
    /// The objects.
    pub objects: Vec<Value>,
}

/// Where objects are read. It can do nothing else.
pub trait Source {
    /// The objects that a watch would begin with; `None`: the kind is not served.
    ///
    /// # Errors
    /// When they cannot be read.
    fn list(&mut self, watch: &WatchKey) -> Result<Option<Listing>, ApiError>;
}

/// Why there is no survey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyError {
    /// The kind that could not be read.
    pub kind: String,
    /// What the API server says.
    pub error: ApiError,
}

impl fmt::Display for SurveyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read objects of the kind {}: {}", self.kind, self.error)
    }
}

impl std::error::Error for SurveyError {}

/// What was found of one Rollout.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What would be written; `None`: it did not come so far.
    pub intention: Option<Intention>,
    /// What its routers say.
    pub routers: Vec<RouterReport>,
    /// A defect of Tidegate that it met.
    pub panic: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Each Rollout that a controller with these settings would look after.
    pub rollouts: BTreeMap<ObjectKey, Seen>,
    /// All ReplicaSets.
    pub replica_sets: Vec<Value>,
    /// Kinds that may not be read, with what the API server says.
    pub forbidden: BTreeMap<String, String>,
}

/// Looks at everything once.
///
/// # Errors
/// When something cannot be read that every controller needs.
pub fn survey(
    settings: Settings,
    plugins: Plugins,
    source: &mut dyn Source,
    wall: Timestamp,
) -> Result<Survey, SurveyError> {
    let mut shell = Shell::new(Settings { shadow: true, ..settings });
    let mut events = VecDeque::from([Event::Plugins(plugins), Event::Woken]);
    let mut found = Survey::default();
    let mut now = Duration::ZERO;
    let mut wake: Option<Duration> = None;
    for _ in 0..STEPS {
        let event = match events.pop_front() {
            Some(event) => event,
            None => match wake.take() {
                Some(at) if at <= HORIZON => {
                    now = now.max(at);
                    Event::Woken
                }
                _ => break,
            },
        };
        for effect in shell.step(Now { wall, monotonic: now }, event) {
            match effect {
                Effect::Watch(watch) => events.push_back(found.list(watch, source)?),
                Effect::Route { id, job } => events.push_back(Event::Routed { id, answer: job.ask() }),
                Effect::Send { id, request } => events.push_back(answer(id, &request)),
                Effect::WakeAt(at) => wake = Some(wake.map_or(at, |earlier| earlier.min(at))),
                Effect::Report(report) => found.note(report),
                // A shadow takes no measurements.
                Effect::Measure { .. }
                | Effect::Forget { .. }
                | Effect::Unwatch(_)
                | Effect::InUse(_)
                | Effect::Publish(_) => {}
            }
        }
    }
    Ok(found)
}

/// A shadow sends only reads, of objects that it has just been given: nothing newer can be had here.
fn answer(id: RequestId, request: &Request) -> Event {
    let name = match &request.operation {
        Operation::Get { name } => name.as_str(),
        _ => "",
    };
    let message = format!("{} {name:?} is not read again", request.resource.plural);
    Event::Answered { id, result: Err(ApiError::new(404, "NotFound", message)) }
}

impl Survey {
    fn list(&mut self, watch: WatchKey, source: &mut dyn Source) -> Result<Event, SurveyError> {
        let kind = watch.kind.to_string();
        match source.list(&watch) {
            Ok(Some(Listing { resource, objects })) => {
                if resource.kind == builtin::replica_sets().kind {
                    self.replica_sets.clone_from(&objects);
                }
                Ok(Event::Listed { watch, resource, objects })
            }
            Ok(None) if !is_needed(&kind) => Ok(Event::Unwatchable { watch, why: Unwatchable::NotServed }),
            Ok(None) => Err(SurveyError { kind, error: ApiError::new(404, "NotFound", "it is not served") }),
            Err(error) if error.is_missing_right() && !is_needed(&kind) => {
                self.forbidden.insert(kind, error.message.clone());
                Ok(Event::Unwatchable { watch, why: Unwatchable::Forbidden { message: error.message } })
            }
            Err(error) => Err(SurveyError { kind, error }),
        }
    }

    fn note(&mut self, report: Report) {
        match report {
            Report::Intends(intention) => {
                let seen = self.rollouts.entry(intention.rollout.clone()).or_default();
                seen.intention = Some(*intention);
            }
            Report::Pass { rollout, routing, .. } => {
                let routers = routing.map(|routing| routing.routers).unwrap_or_default();
                self.rollouts.entry(rollout).or_default().routers = routers;
            }
            Report::Panicked { rollout, message } => {
                self.rollouts.entry(rollout).or_default().panic = Some(message);
            }
            Report::Wrote { .. } | Report::WriteFailed { .. } | Report::GivenBack { .. } => {}
        }
    }

    /// The ReplicaSets of a Rollout.
    pub(crate) fn sets_of<'a>(&'a self, rollout: &'a Value) -> impl Iterator<Item = &'a Value> {
        self.replica_sets.iter().filter(|set| {
            object::namespace(set) == object::namespace(rollout)
                && object::controller_uid(set) == Some(object::uid(rollout))
        })
    }
}

/// Without these no controller does anything.
fn is_needed(kind: &str) -> bool {
    ["Rollout", "ReplicaSet", "Service"].contains(&kind)
}
