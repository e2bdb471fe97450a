//! How the cluster behaves: what takes how long, and what goes wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_api::object;

/// How a cluster behaves. All of it may be changed while it runs; what is under way goes on as it began.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The time at which the cluster starts.
    pub start: Timestamp,
    /// Varies generated names and uids; clusters with the same seed behave the same.
    pub seed: u64,
    /// How many changes are kept for watches; whoever is further behind has to list again.
    pub watch_window: usize,
    /// Whether objects can only be created in namespaces that exist. Otherwise any namespace will do.
    pub namespaces_must_exist: bool,
    /// How soon controllers act on what they see.
    pub controllers_act_after: Duration,
    /// How soon the garbage collector acts on what it sees.
    pub garbage_collected_after: Duration,
    /// How pods behave.
    pub pods: PodBehaviour,
    /// How the gateway behaves.
    pub gateway: GatewayBehaviour,
    /// What admission webhooks refuse.
    pub refusals: Vec<Refusal>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // 2025-01-01T00:00:00Z
            start: Timestamp::constant(1_735_689_600, 0),
            seed: 0,
            watch_window: 10_000,
            namespaces_must_exist: false,
            controllers_act_after: Duration::from_millis(10),
            garbage_collected_after: Duration::from_millis(50),
            pods: PodBehaviour::default(),
            gateway: GatewayBehaviour::default(),
            refusals: Vec::new(),
        }
    }
}

/// How pods behave.
#[derive(Clone, Debug, PartialEq)]
pub struct PodBehaviour {
    /// How long after its creation a pod is Running and Ready.
    pub ready_after: Duration,
    /// How long after the request to delete it a pod is gone.
    pub terminates_after: Duration,
    /// Whether evictions are refused, as they are by a disruption budget that allows none.
    pub refuses_evictions: bool,
    /// How long a pod that is not to be started again for ever (its `restartPolicy` is not `Always`) runs before it
    /// succeeds.
    pub succeeds_after: Duration,
    /// Pods that behave otherwise; the first rule that fits a new pod counts.
    pub rules: Vec<PodRule>,
}

impl Default for PodBehaviour {
    fn default() -> Self {
        Self {
            ready_after: Duration::from_secs(3),
            terminates_after: Duration::from_secs(1),
            refuses_evictions: false,
            succeeds_after: Duration::from_secs(2),
            rules: Vec::new(),
        }
    }
}

/// How some pods behave. Every condition that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodRule {
    /// A pattern for the image of any of its containers (`*` stands for any text).
    pub image: Option<String>,
    /// Labels that it has.
    pub labels: BTreeMap<String, String>,
    /// What becomes of it.
    pub outcome: PodOutcome,
}

/// What becomes of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PodOutcome {
    /// It becomes ready and stays so, in the time of [`PodBehaviour::ready_after`].
    #[default]
    Ready,
    /// It becomes ready and stays so, in its own time.
    ReadyAfter(Duration),
    /// It runs, but its readiness probe never succeeds.
    NeverReady,
    /// It never starts: its container waits with this reason, for example `ImagePullBackOff`.
    NeverStarts {
        /// The reason.
        reason: String,
    },
    /// It becomes ready, and its container exits with success some time later. With the `restartPolicy` `Always` it is
    /// started again as after a crash.
    Succeeds {
        /// How long it is ready before it exits.
        after: Duration,
    },
    /// Its container exits with a failure some time after it became ready, and is started again after a growing pause
    /// (10 s doubling to 5 min, as a kubelet does), for ever; with the `restartPolicy` `Never` the pod has failed.
    Crashes {
        /// How long it is ready before it exits.
        after: Duration,
    },
}

impl PodBehaviour {
    /// What becomes of this pod.
    pub(crate) fn outcome(&self, pod: &Value) -> PodOutcome {
        let fits = |rule: &&PodRule| {
            let containers = crate::json::items(pod, &["spec", "containers"]);
            let mut images = containers.iter().map(|container| crate::json::text(container, &["image"]));
            rule.image.as_ref().is_none_or(|pattern| images.any(|image| matches(pattern, image)))
                && rule.labels.iter().all(|(key, value)| object::label(pod, key) == Some(value))
        };
        match self.rules.iter().find(fits) {
            Some(rule) => rule.outcome.clone(),
            None if crate::json::text(pod, &["spec", "restartPolicy"]) == "Always" => PodOutcome::Ready,
            None => PodOutcome::Succeeds { after: self.succeeds_after },
        }
    }
}

/// How the gateway that serves all routes behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayBehaviour {
    /// Its `controllerName` in what it reports.
    pub controller_name: String,
    /// Whether it reports under the names that a route has reports of already, where it has any: it stands in for the
    /// gateways of another cluster ([`crate::Cluster::restore`]).
    pub keeps_names: bool,
    /// How long after a change of a route its traffic follows; `None`: never.
    pub programs_after: Option<Duration>,
    /// How long after a change of a route its status tells so; `None`: never.
    pub reports_after: Option<Duration>,
    /// Whether it refuses routes: `Accepted` is False, and the traffic stays as it was.
    pub rejects: Option<Rejection>,
    /// Whether it serves only parents that exist. Otherwise a `parentRef` is enough.
    pub parents_must_exist: bool,
    /// Parents at which it behaves otherwise; the first rule that fits counts.
    pub rules: Vec<ParentRule>,
}

impl Default for GatewayBehaviour {
    fn default() -> Self {
        Self {
            controller_name: "gateway.example/controller".into(),
            keeps_names: false,
            programs_after: Some(Duration::from_secs(1)),
            reports_after: Some(Duration::from_secs(1)),
            rejects: None,
            parents_must_exist: false,
            rules: Vec::new(),
        }
    }
}

/// Why a gateway refuses a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The reason of the condition, for example `NotAllowedByListeners`.
    pub reason: String,
    /// The message of the condition.
    pub message: String,
}

/// How the gateway behaves at some parents.
#[derive(Clone, Debug, PartialEq)]
pub struct ParentRule {
    /// A pattern for the name of the parent (`*` stands for any text).
    pub parent: String,
    /// A pattern for the name of the route.
    pub route: String,
    /// As [`GatewayBehaviour::programs_after`].
    pub programs_after: Option<Duration>,
    /// As [`GatewayBehaviour::reports_after`].
    pub reports_after: Option<Duration>,
    /// As [`GatewayBehaviour::rejects`].
    pub rejects: Option<Rejection>,
}

/// What holds at one parent of one route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParentBehaviour<'a> {
    pub(crate) programs_after: Option<Duration>,
    pub(crate) reports_after: Option<Duration>,
    pub(crate) rejects: Option<&'a Rejection>,
}

impl GatewayBehaviour {
    pub(crate) fn at(&self, parent: &str, route: &str) -> ParentBehaviour<'_> {
        let rule =
            self.rules.iter().find(|rule| matches(&rule.parent, parent) && matches(&rule.route, route));
        match rule {
            Some(rule) => ParentBehaviour {
                programs_after: rule.programs_after,
                reports_after: rule.reports_after,
                rejects: rule.rejects.as_ref(),
            },
            None => ParentBehaviour {
                programs_after: self.programs_after,
                reports_after: self.reports_after,
                rejects: self.rejects.as_ref(),
            },
        }
    }
}

/// What an admission webhook refuses: writes to objects that fit, by whomever.
///
/// The stand-in kubelet and gateway and the status writes of controllers are exempt; pods that the `ReplicaSet`
/// controller makes are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind.
    pub kind: String,
    /// A pattern for the namespace (`*` stands for any text).
    pub namespace: String,
    /// A pattern for the name.
    pub name: String,
    /// Whether writes to subresources are refused too.
    pub subresources: bool,
    /// The status of the answer, 403 unless the webhook says otherwise.
    pub code: u16,
    /// What the webhook says.
    pub message: String,
}

impl Refusal {
    /// A webhook that denies every write to these objects, with 403 as webhooks do by default.
    pub fn denied(kind: &str, namespace: &str, name: &str, message: &str) -> Self {
        Self {
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
            subresources: false,
            code: 403,
            message: message.into(),
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, mut pattern)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    while let Some((part, rest)) = pattern.split_once('*') {
        let Some(position) = text.find(part) else { return false };
        text = text.get(position + part.len()..).unwrap_or_default();
        pattern = rest;
    }
    text.ends_with(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "web", true),
            ("", "", true),
            ("", "web", false),
            ("web", "web", true),
            ("web", "webs", false),
            ("web*", "webs", true),
            ("*:bad", "registry/web:bad", true),
            ("*:bad", "registry/web:bader", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
