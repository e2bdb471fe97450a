//! What can happen, one thing at a time. Each is complete in itself, so that any subset of a run's happenings is a run.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::ApiError;
use tidegate_contract::FaultReason;

use crate::evidence::{JobFault, Meddling, MetricFault};
use crate::scenario::PLUGINS;

/// Something happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// Somebody changes something.
    Edit {
        /// Whose Rollout, or its surroundings.
        app: usize,
        /// What.
        what: Edit,
    },
    /// Of the requests of a controller that fit, the next one but so many meets a fate.
    Request {
        /// The controller.
        controller: usize,
        /// Which requests.
        which: Which,
        /// So many go well first.
        after: u32,
        /// What becomes of it.
        fate: Fate,
    },
    /// A controller's process ends, and another begins after a while.
    Crash {
        /// The controller.
        controller: usize,
        /// How long nothing runs.
        down: Duration,
    },
    /// A controller is told that it leads, or no longer.
    Leads {
        /// The controller.
        controller: usize,
        /// Whether it does.
        leads: bool,
    },
    /// Something is wrong with a controller's watches.
    Watch {
        /// The controller.
        controller: usize,
        /// Of this kind; `None`: of all.
        kind: Option<&'static str>,
        /// What is wrong.
        what: WatchFault,
    },
    /// The API server forgets the past: watches that are behind have to list again (410).
    Compact,
    /// Something is wrong with a plugin, or well again.
    Plugin {
        /// Which of the scenario's plugins.
        plugin: usize,
        /// What.
        what: PluginFault,
    },
    /// The gateways behave otherwise from now on.
    Gateway(GatewayFault),
    /// New pods of an image behave like this from now on.
    Pods {
        /// The image's number.
        image: u8,
        /// How.
        what: Pods,
    },
    /// Some pods of an app are lost.
    PodsLost {
        /// The app.
        app: usize,
        /// How many.
        count: usize,
    },
    /// Metrics behave otherwise from now on.
    Metrics(MetricFault),
    /// The pods of Jobs that measure behave otherwise from now on.
    Jobs(JobFault),
    /// Somebody meddles with analyses and experiments.
    Meddling(Meddling),
    /// The clocks of the controllers are set forward, or back.
    ClockJump {
        /// By so many seconds.
        seconds: i64,
    },
}

/// What somebody does to a Rollout and what is around it.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Another image.
    Image(u8),
    /// Other steps.
    Steps(Vec<Value>),
    /// Another number of replicas.
    Replicas(i64),
    /// `spec.paused`.
    Paused(bool),
    /// `kubectl argo rollouts abort`.
    Abort,
    /// `kubectl argo rollouts retry`.
    Retry,
    /// `kubectl argo rollouts promote`.
    Promote,
    /// `kubectl argo rollouts promote --full`.
    PromoteFull,
    /// Other fields of the strategy, as a merge patch of `spec.strategy.canary`.
    Canary(Value),
    /// What its newest ReplicaSet has from it besides the template: an annotation, and `minReadySeconds`.
    Beside(u8),
    /// The Rollout is deleted.
    Delete,
    /// It is made again, if it is not there.
    Make,
    /// `kubectl argo rollouts restart`, so many seconds from now.
    Restart(i64),
    /// The Deployment that it refers to is deleted.
    DeleteWorkload,
    /// It is made again with an image, if it is not there.
    MakeWorkload(u8),
    /// Somebody scales it.
    ScaleWorkload(i64),
    /// A spec that is not valid, until other steps come.
    Invalid,
    /// Somebody writes weights into all rules of the app in its first route.
    Weights(u32, u32),
    /// Somebody puts a label on the first route.
    Label(u8),
    /// Somebody adds a rule of their own to the first route, at its beginning or its end.
    Rule {
        /// Whether at the beginning.
        first: bool,
    },
    /// Somebody writes the selector of a Service.
    Selector {
        /// Of the stable Service; otherwise of the canary's.
        stable: bool,
    },
    /// Somebody scales the ReplicaSet that is this one in order of its name.
    Scale {
        /// Which.
        set: usize,
        /// To what.
        replicas: i64,
    },
    /// Somebody deletes it.
    DeleteSet(usize),
}

/// Which requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All, reads included.
    Any,
    /// All that change something.
    Writes,
    /// Those that change something of this kind.
    Of(&'static str),
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is refused with this status, and was not carried out.
    Refused(u16),
    /// Nobody answers, and it was not carried out.
    Vanishes,
    /// It is carried out, and nobody answers.
    Unanswered,
    /// It arrives this much later.
    Late(Duration),
    /// The process ends before it is sent.
    CrashBefore,
    /// It is carried out, and the process ends before the answer arrives.
    CrashAfter,
}

/// What is wrong with a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFault {
    /// It is interrupted for so long, and goes on where it was.
    Interrupted(Duration),
    /// Everything comes this much later from now on.
    Late(Duration),
    /// The last so many changes come again.
    Repeated(u64),
    /// It lists again.
    Relisted,
    /// It lists again, and is told how things were this long ago.
    Stale(Duration),
}

/// What is wrong with a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginFault {
    /// Nothing any more.
    Well,
    /// Every question ends like this.
    Fault(FaultReason),
    /// Every answer takes this long.
    Slow(Duration),
    /// It is being loaded.
    Loading,
    /// It cannot be had.
    Unavailable,
}

/// How gateways behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayFault {
    /// As they should.
    Well,
    /// They take routes, and report, this late.
    Slow(Duration),
    /// They take routes and say nothing.
    Silent,
    /// They refuse every change.
    Refuses,
}

/// How pods behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pods {
    /// They become ready.
    Well,
    /// They take this long.
    Slow(Duration),
    /// They never become ready.
    NeverReady,
    /// They become ready and exit again and again after this long.
    Crash(Duration),
}

/// What a server says that refuses a request with this status.
pub fn refusal(code: u16, about: &impl fmt::Display) -> ApiError {
    let (reason, message) = match code {
        403 => ("Forbidden", format!("admission webhook \"guard\" denied the request: {about}")),
        409 => ("Conflict", "the object has been modified".to_owned()),
        422 => ("Invalid", "the server rejected our request due to an error in our request".to_owned()),
        429 => ("TooManyRequests", "the server is busy".to_owned()),
        503 => ("ServiceUnavailable", "the server is not available".to_owned()),
        _ => ("InternalError", "an internal error".to_owned()),
    };
    let retry_after = (code == 429).then_some(2);
    ApiError { retry_after, ..ApiError::new(code, reason, message) }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edit { app, what } => write!(f, "Rollout {app}: {what:?}"),
            Self::Request { controller, which, after, fate } => {
                write!(
                    f,
                    "controller {controller}: of its requests ({which:?}), number {after} from now: {fate:?}"
                )
            }
            Self::Crash { controller, down } => {
                write!(f, "controller {controller} ends; another begins after {down:?}")
            }
            Self::Leads { controller, leads: true } => write!(f, "controller {controller} leads"),
            Self::Leads { controller, leads: false } => write!(f, "controller {controller} leads no longer"),
            Self::Watch { controller, kind, what } => {
                write!(f, "controller {controller}: watches of {}: {what:?}", kind.unwrap_or("all kinds"))
            }
            Self::Compact => write!(f, "the API server forgets the past"),
            Self::Plugin { plugin, what } => {
                write!(f, "plugin {}: {what:?}", PLUGINS.get(*plugin).copied().unwrap_or_default())
            }
            Self::Gateway(what) => write!(f, "gateways: {what:?}"),
            Self::Pods { image, what } => write!(f, "new pods of image {image}: {what:?}"),
            Self::PodsLost { app, count } => write!(f, "Rollout {app} loses {count} pods"),
            Self::Metrics(what) => write!(f, "metrics: {what:?}"),
            Self::Jobs(what) => write!(f, "new Jobs: {what:?}"),
            Self::Meddling(what) => write!(f, "somebody meddles: {what:?}"),
            Self::ClockJump { seconds } => write!(f, "the controllers' clocks jump by {seconds} s"),
        }
    }
}
