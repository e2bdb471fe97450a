//! A Rollout's spec, read. Reading is total: what is absent or of a wrong type reads as its default, and
//! validation says so in words; nothing is ever written back from here.

use serde_json::Value;
use tidegate_api::object;

use crate::anti_affinity::AntiAffinity;
use crate::status::PingOrPong;
use crate::step::Step;

/// A Rollout's name and spec, as far as a canary needs them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Uid.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `spec.replicas`; 1 when absent.
    pub replicas: i64,
    /// Whether `spec.replicas` is there.
    pub has_replicas: bool,
    /// `spec.paused`.
    pub paused: bool,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i64,
    /// `spec.progressDeadlineSeconds`; 600 when absent.
    pub progress_deadline_seconds: i64,
    /// `spec.progressDeadlineAbort`.
    pub progress_deadline_abort: bool,
    /// `spec.revisionHistoryLimit`; 10 when absent.
    pub revision_history_limit: i64,
    /// `spec.rollbackWindow.revisions`; 0 when absent: no rollback is fast.
    pub rollback_window: i64,
    /// `spec.analysis`: how many AnalysisRuns and Experiments that are over are kept.
    pub run_history: RunHistory,
    /// `spec.strategy.canary`.
    pub canary: Canary,
}

/// `spec.analysis`: how many AnalysisRuns, and how many Experiments, that are over are kept; of each 5 when absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunHistory {
    /// `successfulRunHistoryLimit`.
    pub successful: usize,
    /// `unsuccessfulRunHistoryLimit`: of those that failed, were in error, or inconclusive.
    pub unsuccessful: usize,
}

/// `spec.strategy.canary`.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// The steps.
    pub steps: Vec<Step>,
    /// The Service that is always in the canary role.
    pub canary_service: Option<String>,
    /// The Service that is always in the stable role.
    pub stable_service: Option<String>,
    /// The two Services that change roles with each promotion, instead of those.
    pub ping_pong: Option<PingPong>,
    /// How far pods of the canary keep away from the stable ones.
    pub anti_affinity: Option<AntiAffinity>,
    /// `trafficRouting`, when there is one.
    pub routing: Option<TrafficRouting>,
    /// `maxSurge` as written, for canaries without traffic routing.
    pub max_surge: Value,
    /// `maxUnavailable` as written, for canaries without traffic routing.
    pub max_unavailable: Value,
    /// `scaleDownDelaySeconds`; 30 when absent, and 0 with `dynamicStableScale`, which knows no such delay.
    pub scale_down_delay_seconds: i64,
    /// `scaleDownDelayRevisionLimit`.
    pub scale_down_delay_revision_limit: Option<i64>,
    /// When the canary of an aborted update goes.
    pub abort_scale_down: AbortScaleDown,
    /// `minPodsPerReplicaSet`.
    pub min_pods_per_replica_set: i64,
    /// `dynamicStableScale`: whether the stable ReplicaSet is as large as its share of the traffic needs. Only with
    /// `trafficRouting`.
    pub dynamic_stable_scale: bool,
    /// `replicaProgressThreshold`: how many of the pods that are wanted suffice; all of them when absent.
    pub progress_threshold: Option<ProgressThreshold>,
    /// `analysis`: from which step on an analysis runs in the background; 0 when it does not say. None: there is none.
    pub background_from: Option<usize>,
}

/// When the canary of an aborted update goes (`abortScaleDownDelaySeconds`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortScaleDown {
    /// So many seconds after its traffic; 30 when the field is absent.
    After(i64),
    /// Never: the field is 0.
    Never,
    /// Together with its traffic: the field is absent, with `dynamicStableScale`.
    WithTraffic,
}

/// How many of the pods that are wanted suffice to go on (`replicaProgressThreshold`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressThreshold {
    /// So many of a hundred, 1 to 100.
    Percent(i64),
    /// So many, at least 1. Never more than are wanted.
    Pods(i64),
}

/// `pingPong`: two Services, each of which is in the stable role with every other promotion. Which one it is now is in the
/// status ([`crate::Status::stable_ping_pong`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingPong {
    /// `pingService`.
    pub ping: String,
    /// `pongService`.
    pub pong: String,
}

/// `trafficRouting`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficRouting {
    /// The sum of all weights; 100 when absent. 1 to 1,000,000.
    pub max_weight: u32,
    /// Names of managed routes, highest precedence first.
    pub managed_routes: Vec<String>,
}

/// Default of the limits of `spec.analysis` (Argo Rollouts).
const DEFAULT_RUN_HISTORY: usize = 5;
/// Default of `scaleDownDelaySeconds` and `abortScaleDownDelaySeconds` (Argo Rollouts).
const DEFAULT_DELAY_SECONDS: i64 = 30;
/// Default of `trafficRouting.maxTrafficWeight` (Argo Rollouts).
pub const DEFAULT_MAX_WEIGHT: u32 = 100;
/// The largest `trafficRouting.maxTrafficWeight` (the plugin contract, and Gateway API's largest weight).
pub const LARGEST_MAX_WEIGHT: u32 = 1_000_000;

impl Rollout {
    /// Reads a Rollout.
    pub fn read(value: &Value) -> Self {
        let spec = value.get("spec").unwrap_or(&Value::Null);
        let number = |field: &str| spec.get(field).and_then(Value::as_i64);
        let flag = |field: &str| spec.get(field).and_then(Value::as_bool).unwrap_or_default();
        Self {
            name: object::name(value).to_owned(),
            namespace: object::namespace(value).to_owned(),
            uid: object::uid(value).to_owned(),
            generation: object::generation(value).unwrap_or_default(),
            replicas: number("replicas").unwrap_or(1).max(0),
            has_replicas: number("replicas").is_some(),
            paused: flag("paused"),
            min_ready_seconds: number("minReadySeconds").unwrap_or_default(),
            progress_deadline_seconds: number("progressDeadlineSeconds").unwrap_or(600),
            progress_deadline_abort: flag("progressDeadlineAbort"),
            revision_history_limit: number("revisionHistoryLimit").unwrap_or(10).max(0),
            rollback_window: spec
                .pointer("/rollbackWindow/revisions")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            run_history: RunHistory::read(spec.get("analysis").unwrap_or(&Value::Null)),
            canary: Canary::read(value.pointer("/spec/strategy/canary").unwrap_or(&Value::Null)),
        }
    }
}

impl RunHistory {
    fn read(analysis: &Value) -> Self {
        let limit = |field: &str| {
            let given = analysis.get(field).and_then(Value::as_i64);
            given.map_or(DEFAULT_RUN_HISTORY, |limit| usize::try_from(limit).unwrap_or_default())
        };
        Self {
            successful: limit("successfulRunHistoryLimit"),
            unsuccessful: limit("unsuccessfulRunHistoryLimit"),
        }
    }
}

impl Canary {
    fn read(canary: &Value) -> Self {
        let number = |field: &str| canary.get(field).and_then(Value::as_i64);
        let service = |field: &str| {
            canary.get(field).and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned)
        };
        let routing = canary.get("trafficRouting").filter(|routing| routing.is_object());
        let is_dynamic = routing.is_some()
            && canary.get("dynamicStableScale").and_then(Value::as_bool).unwrap_or_default();
        Self {
            steps: canary
                .get("steps")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .map(Step::read)
                .collect(),
            canary_service: service("canaryService"),
            stable_service: service("stableService"),
            ping_pong: canary.get("pingPong").and_then(PingPong::read),
            anti_affinity: canary.get("antiAffinity").and_then(AntiAffinity::read),
            routing: routing.map(TrafficRouting::read),
            max_surge: canary.get("maxSurge").cloned().unwrap_or_default(),
            max_unavailable: canary.get("maxUnavailable").cloned().unwrap_or_default(),
            scale_down_delay_seconds: if is_dynamic {
                0
            } else {
                number("scaleDownDelaySeconds").unwrap_or(DEFAULT_DELAY_SECONDS).max(0)
            },
            scale_down_delay_revision_limit: number("scaleDownDelayRevisionLimit"),
            abort_scale_down: match number("abortScaleDownDelaySeconds") {
                Some(..=0) => AbortScaleDown::Never,
                Some(seconds) => AbortScaleDown::After(seconds),
                None if is_dynamic => AbortScaleDown::WithTraffic,
                None => AbortScaleDown::After(DEFAULT_DELAY_SECONDS),
            },
            min_pods_per_replica_set: number("minPodsPerReplicaSet").unwrap_or_default().max(0),
            dynamic_stable_scale: is_dynamic,
            progress_threshold: canary.get("replicaProgressThreshold").and_then(ProgressThreshold::read),
            background_from: canary.get("analysis").filter(|analysis| analysis.is_object()).map(|analysis| {
                let step = analysis.get("startingStep").and_then(Value::as_i64).unwrap_or_default();
                usize::try_from(step).unwrap_or_default()
            }),
        }
    }

    /// The Services that it names, each with its field.
    pub fn services(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let ping_pong = self.ping_pong.as_ref();
        let named = [
            ("canaryService", self.canary_service.as_ref()),
            ("stableService", self.stable_service.as_ref()),
            ("pingPong.pingService", ping_pong.map(|services| &services.ping)),
            ("pingPong.pongService", ping_pong.map(|services| &services.pong)),
        ];
        named.into_iter().filter_map(|(field, service)| Some((field, service?)))
    }

    /// The sum of all weights.
    pub fn max_weight(&self) -> u32 {
        self.routing.as_ref().map_or(DEFAULT_MAX_WEIGHT, |routing| routing.max_weight)
    }
}

impl PingPong {
    /// The name of one of them.
    pub const fn name(&self, which: PingOrPong) -> &String {
        match which {
            PingOrPong::Ping => &self.ping,
            PingOrPong::Pong => &self.pong,
        }
    }

    /// Reads it; one name without the other is as good as none.
    fn read(value: &Value) -> Option<Self> {
        let service = |field: &str| {
            value.get(field).and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned)
        };
        Some(Self { ping: service("pingService")?, pong: service("pongService")? })
    }
}

impl ProgressThreshold {
    /// The kinds of it, as they are written. Argo Rollouts' documentation spells the second one without its `s`.
    pub const KINDS: [&str; 3] = ["Percent", "Pods", "Pod"];

    fn read(threshold: &Value) -> Option<Self> {
        let value = threshold.get("value")?.as_i64().filter(|value| *value > 0)?;
        match threshold.get("type")?.as_str()? {
            "Percent" => Some(Self::Percent(value.min(100))),
            "Pods" | "Pod" => Some(Self::Pods(value)),
            _ => None,
        }
    }
}

impl TrafficRouting {
    fn read(routing: &Value) -> Self {
        let max_weight = routing
            .get("maxTrafficWeight")
            .and_then(Value::as_u64)
            .and_then(|weight| u32::try_from(weight).ok())
            .unwrap_or(DEFAULT_MAX_WEIGHT)
            .clamp(1, LARGEST_MAX_WEIGHT);
        let names = routing.get("managedRoutes").and_then(Value::as_array);
        let managed_routes = names
            .into_iter()
            .flatten()
            .filter_map(|route| route.get("name")?.as_str().map(str::to_owned))
            .collect();
        Self { max_weight, managed_routes }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canary(fields: &Value) -> Canary {
        Rollout::read(&json!({"spec": {"strategy": {"canary": fields}}})).canary
    }

    #[test]
    fn what_is_not_said_of_an_abort_depends_on_the_scale_of_stable() {
        let routed = json!({});
        for (fields, expected) in [
            (json!({"trafficRouting": routed}), AbortScaleDown::After(30)),
            (json!({"trafficRouting": routed, "dynamicStableScale": true}), AbortScaleDown::WithTraffic),
            (json!({"dynamicStableScale": true}), AbortScaleDown::After(30)),
            (json!({"abortScaleDownDelaySeconds": null}), AbortScaleDown::After(30)),
            (
                json!({"trafficRouting": routed, "dynamicStableScale": true, "abortScaleDownDelaySeconds": 7}),
                AbortScaleDown::After(7),
            ),
            (
                json!({"trafficRouting": routed, "dynamicStableScale": true, "abortScaleDownDelaySeconds": 0}),
                AbortScaleDown::Never,
            ),
            (json!({"abortScaleDownDelaySeconds": 0}), AbortScaleDown::Never),
        ] {
            assert_eq!(canary(&fields).abort_scale_down, expected, "{fields}");
        }
    }

    #[test]
    fn stable_follows_its_traffic_only_where_there_is_some() {
        assert!(!canary(&json!({"dynamicStableScale": true})).dynamic_stable_scale);
        let dynamic = canary(&json!({"dynamicStableScale": true, "trafficRouting": {}}));
        assert_eq!((dynamic.dynamic_stable_scale, dynamic.scale_down_delay_seconds), (true, 0));
        assert_eq!(canary(&json!({"trafficRouting": {}})).scale_down_delay_seconds, 30);
    }

    #[test]
    fn thresholds_are_percent_or_pods() {
        for (threshold, expected) in [
            (json!({"type": "Percent", "value": 90}), Some(ProgressThreshold::Percent(90))),
            (json!({"type": "Percent", "value": 900}), Some(ProgressThreshold::Percent(100))),
            (json!({"type": "Pods", "value": 3}), Some(ProgressThreshold::Pods(3))),
            (json!({"type": "Pod", "value": 3}), Some(ProgressThreshold::Pods(3))),
            (json!({"type": "Pods", "value": 0}), None),
            (json!({"type": "Percent", "value": -1}), None),
            (json!({"type": "Pods"}), None),
            (json!({"type": "percent", "value": 3}), None),
            (json!([]), None),
        ] {
            assert_eq!(
                canary(&json!({"replicaProgressThreshold": threshold})).progress_threshold,
                expected,
                "{threshold}"
            );
        }
    }
}
