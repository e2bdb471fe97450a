//! The objects of a scenario, as users write them.

use serde_json::{Map, Value, json};

use crate::scenario::{App, NAMESPACE, PLUGINS, Router, Scenario};

/// All objects, in the order in which they are made.
pub(crate) fn all(scenario: &Scenario) -> Vec<Value> {
    let mut objects = Vec::new();
    for app in &scenario.apps {
        objects.push(service(&app.stable_service(), app));
        objects.push(service(&app.canary_service(), app));
    }
    for (name, apps) in scenario.routes() {
        let apps: Vec<&App> = apps.iter().filter_map(|index| scenario.apps.get(*index)).collect();
        objects.push(route(&name, &apps));
    }
    objects.extend(scenario.evidence.templates.iter().cloned());
    objects.extend(scenario.apps.iter().filter_map(|app| deployment(app, 0)));
    objects.extend(scenario.apps.iter().map(|app| rollout(app, 0)));
    objects.extend(scenario.evidence.alone.iter().cloned());
    objects
}

/// The Rollout of an app, with an image of this number.
pub(crate) fn rollout(app: &App, image: u8) -> Value {
    let mut canary = app.canary.clone();
    let services = roles(app, app.ping_pong);
    canary
        .extend(services.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    canary.insert("steps".into(), json!(app.steps));
    canary.insert("trafficRouting".into(), routing(app));
    let mut spec = app.spec.clone();
    spec.insert("replicas".into(), json!(app.replicas));
    match &app.deployment {
        Some(deployment) => {
            let scale_down = deployment.scale_down;
            spec.insert(
                "workloadRef".into(),
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name, "scaleDown": scale_down}),
            );
        }
        None => spec.extend(pods(app, image)),
    }
    spec.insert("strategy".into(), json!({"canary": canary}));
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": app.name, "namespace": NAMESPACE},
        "spec": spec,
    })
}

/// Selector and template.
fn pods(app: &App, image: u8) -> Map<String, Value> {
    let template = json!({
        "metadata": {"labels": {"app": app.name}},
        "spec": {"containers": [container(app, image)]},
    });
    let selector = json!({"matchLabels": {"app": app.name}});
    Map::from_iter([("selector".to_owned(), selector), ("template".to_owned(), template)])
}

/// The container of its pods, with an image of this number.
pub(crate) fn container(app: &App, image: u8) -> Value {
    let mut container = json!({"name": "main", "image": image_name(image)});
    if let Some(fields) = container.as_object_mut().filter(|_| app.has_port) {
        fields.insert("ports".to_owned(), json!([{"containerPort": 80}]));
    }
    container
}

/// The Deployment that the Rollout of an app refers to, if it does, with an image of this number.
pub(crate) fn deployment(app: &App, image: u8) -> Option<Value> {
    let mut spec = pods(app, image);
    spec.insert("replicas".into(), json!(app.deployment?.replicas));
    Some(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app.name, "namespace": NAMESPACE},
        "spec": spec,
    }))
}

/// The fields of `spec.strategy.canary` that name the Services.
pub(crate) fn roles(app: &App, ping_pong: bool) -> Value {
    let [stable, canary] = app.services();
    if ping_pong {
        json!({"stableService": null, "canaryService": null, "pingPong": {"pingService": canary, "pongService": stable}})
    } else {
        json!({"stableService": stable, "canaryService": canary, "pingPong": null})
    }
}

/// `spec.strategy.canary.trafficRouting` of an app.
pub(crate) fn routing(app: &App) -> Value {
    let plugins: Map<String, Value> =
        app.routers.iter().map(|router| (plugin(router).to_owned(), config(app, router))).collect();
    let mut routing = json!({"plugins": plugins});
    if let Some(fields) = routing.as_object_mut() {
        if app.max_weight != 100 {
            fields.insert("maxTrafficWeight".into(), json!(app.max_weight));
        }
        if !app.managed.is_empty() {
            let names: Vec<Value> = app.managed.iter().map(|one| json!({"name": one.name})).collect();
            fields.insert("managedRoutes".into(), json!(names));
        }
    }
    routing
}

/// The image of this number.
pub(crate) fn image_name(image: u8) -> String {
    format!("app:{image}")
}

fn plugin(router: &Router) -> &'static str {
    PLUGINS.get(router.plugin).copied().unwrap_or_default()
}

fn config(app: &App, router: &Router) -> Value {
    let mut config = if router.by_label {
        json!({"httpRouteSelector": {"matchLabels": {"app": app.name}}})
    } else {
        let route = |name: &String| json!({"name": name, "useHeaderRoutes": true});
        json!({"httpRoutes": router.routes.iter().map(route).collect::<Vec<_>>()})
    };
    if let Some(fields) = config.as_object_mut() {
        fields.insert("verify".into(), json!(if router.never_verifies { "Never" } else { "IfReported" }));
    }
    config
}

fn service(name: &str, app: &App) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"team": "shop"}},
        "spec": {"selector": {"app": app.name}, "ports": [{"port": 80}]},
    })
}

/// A route with a rule for each app, and one that is nobody's.
fn route(name: &str, apps: &[&App]) -> Value {
    let mut rules = vec![json!({
        "matches": [{"path": {"type": "PathPrefix", "value": "/static"}}],
        "backendRefs": [{"name": "assets", "port": 80, "weight": 3}, {"name": "cdn", "port": 80}],
    })];
    rules.extend(apps.iter().map(|app| {
        json!({
            "matches": [{"path": {"type": "PathPrefix", "value": format!("/{}", app.name)}}],
            "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x-debug"]}}],
            "backendRefs": [
                {"name": app.stable_service(), "port": 80},
                {"name": app.canary_service(), "port": 80, "weight": 0},
            ],
        })
    }));
    let labels = apps.first().map(|app| json!({"app": app.name}));
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"parentRefs": [{"name": "public"}], "hostnames": ["shop.example"], "rules": rules},
    })
}

/// The Service in front of what is nobody's.
pub(crate) fn others() -> Vec<Value> {
    let service = |name: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
        })
    };
    vec![service("assets"), service("cdn")]
}
