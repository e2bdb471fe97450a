//! What there is at first: Rollouts with specs that are drawn at random and valid, and the objects around them.

use serde_json::{Map, Value, json};

use crate::evidence::Evidence;
use crate::manifests;
use crate::steps;

/// The namespace in which everything is.
pub const NAMESPACE: &str = "shop";

/// The two names under which the Gateway API plugin is configured, so that a Rollout can have several routers of which one
/// fails.
pub const PLUGINS: [&str; 2] = ["argoproj-labs/gatewayAPI", "example/second"];

/// What there is at first.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The Rollouts.
    pub apps: Vec<App>,
    /// Whether a second controller runs from the start, ready to lead.
    pub has_standby: bool,
    /// Whether lists come page by page.
    pub pages: bool,
    /// Whether gateways report on routes at all.
    pub gateway_reports: bool,
    /// Templates of analyses, and experiments and analyses of no Rollout.
    pub evidence: Evidence,
}

/// One Rollout with its Services and routes.
#[derive(Clone, Debug)]
pub struct App {
    /// The Rollout's name; everything else is named after it.
    pub name: String,
    /// `spec.replicas`.
    pub replicas: i64,
    /// `maxTrafficWeight`.
    pub max_weight: u32,
    /// Its routers.
    pub routers: Vec<Router>,
    /// `managedRoutes`.
    pub managed: Vec<Managed>,
    /// Whether its pods say on which port they listen, so that an experiment's can have a Service.
    pub has_port: bool,
    /// Whether its Services exchange their roles with each promotion.
    pub ping_pong: bool,
    /// The steps.
    pub steps: Vec<Value>,
    /// The Deployment that it takes its template from, if it does not have its own.
    pub deployment: Option<Deployment>,
    /// Further fields of `spec`.
    pub spec: Map<String, Value>,
    /// Further fields of `spec.strategy.canary`.
    pub canary: Map<String, Value>,
}

/// A Deployment that a Rollout refers to; it has the Rollout's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Its `spec.replicas`. No controller makes pods of it here.
    pub replicas: i64,
    /// `scaleDown` in the reference to it.
    pub scale_down: &'static str,
}

/// One router of a Rollout.
#[derive(Clone, Debug)]
pub struct Router {
    /// Which of [`PLUGINS`].
    pub plugin: usize,
    /// The routes that it divides, by name.
    pub routes: Vec<String>,
    /// Whether it finds them by a label instead.
    pub by_label: bool,
    /// Whether it does not wait for what gateways report.
    pub never_verifies: bool,
}

/// A managed route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managed {
    /// Its name.
    pub name: String,
    /// Whether it mirrors requests; otherwise it sends those with a header to the canary.
    pub mirrors: bool,
}

impl Scenario {
    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        let count = *random.choice(&[1, 1, 1, 1, 2, 2, 2, 3, 4]).unwrap_or(&1);
        let names = ["web", "api", "cart", "mail"];
        let mut apps: Vec<App> = names
            .iter()
            .take(count)
            .enumerate()
            .map(|(index, name)| App::draw(random, name, index))
            .collect();
        // Two Rollouts in one route.
        if let [first, second, ..] = apps.as_mut_slice()
            && random.u8(..3) == 0
        {
            for app in [first, second] {
                if let Some(router) = app.routers.first_mut() {
                    router.routes = vec!["shared".to_owned()];
                    router.by_label = false;
                }
            }
        }
        Self {
            apps,
            has_standby: random.bool(),
            pages: random.u8(..4) == 0,
            gateway_reports: random.u8(..8) != 0,
            evidence: Evidence::default(),
        }
    }

    /// The Rollouts, as they are at first.
    pub fn rollouts(&self) -> Vec<Value> {
        self.apps.iter().map(|app| manifests::rollout(app, 0)).collect()
    }

    /// The names of all routes, with the Rollouts that divide traffic there.
    pub fn routes(&self) -> Vec<(String, Vec<usize>)> {
        let mut routes: Vec<(String, Vec<usize>)> = Vec::new();
        for (index, app) in self.apps.iter().enumerate() {
            for name in app.routes() {
                match routes.iter_mut().find(|(other, _)| other == name) {
                    Some((_, apps)) => apps.push(index),
                    None => routes.push((name.to_owned(), vec![index])),
                }
            }
        }
        routes
    }
}

impl App {
    fn draw(random: &mut fastrand::Rng, name: &str, index: usize) -> Self {
        let max_weight =
            if random.u8(..6) == 0 { *random.choice(&[10, 1000, 7]).unwrap_or(&10) } else { 100 };
        let routers = draw_routers(random, name, index);
        let managed = draw_managed(random, name, &routers);
        let mut app = Self {
            name: name.to_owned(),
            replicas: if random.u8(..20) == 0 { 0 } else { random.i64(1..=5) },
            max_weight,
            routers,
            managed,
            has_port: false,
            ping_pong: random.u8(..3) == 0,
            steps: Vec::new(),
            deployment: draw_deployment(random),
            spec: Map::new(),
            canary: Map::new(),
        };
        app.steps = steps::draw(random, &app);
        let (spec, canary) = (&mut app.spec, &mut app.canary);
        maybe(random, spec, "minReadySeconds", &[2, 5]);
        maybe(random, spec, "revisionHistoryLimit", &[0, 1, 3]);
        maybe(random, spec, "progressDeadlineSeconds", &[60, 120, 300]);
        if random.u8(..8) == 0 {
            spec.insert("progressDeadlineAbort".into(), json!(true));
        }
        if random.u8(..4) == 0 {
            spec.insert("rollbackWindow".into(), json!({"revisions": random.u8(0..=2)}));
        }
        match random.u8(..6) {
            0 => {
                let form = json!({"requiredDuringSchedulingIgnoredDuringExecution": {}});
                canary.insert("antiAffinity".into(), form);
            }
            1 => {
                let weight = random.u8(1..=100);
                let form = json!({"preferredDuringSchedulingIgnoredDuringExecution": {"weight": weight}});
                canary.insert("antiAffinity".into(), form);
            }
            _ => {}
        }
        maybe(random, canary, "scaleDownDelaySeconds", &[0, 5, 60]);
        maybe(random, canary, "abortScaleDownDelaySeconds", &[0, 5, 60]);
        maybe(random, canary, "scaleDownDelayRevisionLimit", &[0, 1]);
        maybe(random, canary, "minPodsPerReplicaSet", &[1, 2]);
        if random.u8(..3) == 0 {
            canary.shift_remove("scaleDownDelaySeconds");
            canary.insert("dynamicStableScale".into(), json!(true));
        }
        if random.u8(..4) == 0 {
            canary.insert("replicaProgressThreshold".into(), draw_threshold(random));
        }
        app
    }

    /// The Services: those of the stable and of the canary's pods where roles are fixed, otherwise pong and ping.
    pub fn services(&self) -> [String; 2] {
        [self.stable_service(), self.canary_service()]
    }

    /// The Service of the stable pods, or pong.
    pub fn stable_service(&self) -> String {
        format!("{}-stable", self.name)
    }

    /// The Service of the canary's pods, or ping.
    pub fn canary_service(&self) -> String {
        format!("{}-canary", self.name)
    }

    /// The names of the routes that its routers divide.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.routers.iter().flat_map(|router| &router.routes).map(String::as_str)
    }
}

fn draw_deployment(random: &mut fastrand::Rng) -> Option<Deployment> {
    if random.u8(..4) != 0 {
        return None;
    }
    let scale_down = random.choice(&["never", "onsuccess", "progressively"]).copied().unwrap_or("never");
    Some(Deployment { replicas: random.i64(0..=5), scale_down })
}

fn draw_routers(random: &mut fastrand::Rng, name: &str, index: usize) -> Vec<Router> {
    let plugin = usize::from(index > 0 && random.u8(..4) == 0);
    let router = |plugin, routes| Router { plugin, routes, by_label: false, never_verifies: false };
    let mut routers = match random.u8(..8) {
        0 => vec![router(0, vec![name.to_owned()]), router(1, vec![format!("{name}-b")])],
        1 => vec![router(plugin, vec![name.to_owned(), format!("{name}-b")])],
        2 => vec![Router { by_label: true, ..router(plugin, vec![name.to_owned()]) }],
        _ => vec![router(plugin, vec![name.to_owned()])],
    };
    if random.u8(..8) == 0 {
        for router in &mut routers {
            router.never_verifies = true;
        }
    }
    routers
}

/// Header routes need routes that are named, at every router.
fn draw_managed(random: &mut fastrand::Rng, name: &str, routers: &[Router]) -> Vec<Managed> {
    if routers.iter().any(|router| router.by_label) || random.bool() {
        return Vec::new();
    }
    let one = |suffix: &str, mirrors| Managed { name: format!("{name}-{suffix}"), mirrors };
    let mut managed = vec![one("beta", false)];
    if random.bool() {
        managed.push(one("shadow", true));
    }
    if random.u8(..3) == 0 {
        managed.insert(0, one("staff", false));
    }
    managed
}

/// A `replicaProgressThreshold`; some of them more pods than there ever are.
pub(crate) fn draw_threshold(random: &mut fastrand::Rng) -> Value {
    let (kind, values) = if random.bool() { ("Percent", [50, 80, 100]) } else { ("Pods", [1, 2, 9]) };
    json!({"type": kind, "value": random.choice(&values)})
}

fn maybe(random: &mut fastrand::Rng, fields: &mut Map<String, Value>, name: &str, values: &[i64]) {
    if random.u8(..3) == 0
        && let Some(value) = random.choice(values)
    {
        fields.insert(name.to_owned(), json!(value));
    }
}
