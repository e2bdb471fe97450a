//! A Rollout's spec, read. Reading is total: what is absent or of a wrong type reads as its default, and
//! validation says so in words; nothing is ever written back from here.

use serde_json::Value;
use tidegate_api::object;

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
    /// `spec.strategy.canary`.
    pub canary: Canary,
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
    /// `trafficRouting`, when there is one.
    pub routing: Option<TrafficRouting>,
    /// `maxSurge` as written, for canaries without traffic routing.
    pub max_surge: Value,
    /// `maxUnavailable` as written, for canaries without traffic routing.
    pub max_unavailable: Value,
    /// `scaleDownDelaySeconds`; 30 when absent.
    pub scale_down_delay_seconds: i64,
    /// `scaleDownDelayRevisionLimit`.
    pub scale_down_delay_revision_limit: Option<i64>,
    /// `abortScaleDownDelaySeconds`; 30 when absent, 0 means never.
    pub abort_scale_down_delay_seconds: i64,
    /// `minPodsPerReplicaSet`.
    pub min_pods_per_replica_set: i64,
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
            canary: Canary::read(value.pointer("/spec/strategy/canary").unwrap_or(&Value::Null)),
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
            routing: routing.map(TrafficRouting::read),
            max_surge: canary.get("maxSurge").cloned().unwrap_or_default(),
            max_unavailable: canary.get("maxUnavailable").cloned().unwrap_or_default(),
            scale_down_delay_seconds: number("scaleDownDelaySeconds").unwrap_or(30).max(0),
            scale_down_delay_revision_limit: number("scaleDownDelayRevisionLimit"),
            abort_scale_down_delay_seconds: number("abortScaleDownDelaySeconds").unwrap_or(30).max(0),
            min_pods_per_replica_set: number("minPodsPerReplicaSet").unwrap_or_default().max(0),
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
