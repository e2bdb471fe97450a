//! All kinds at once in one controller, each with a Rollout of its own, beside a Rollout that has a good plugin.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Request, Resource, builtin, object};
use tidegate_cluster::{Cluster, ServeOptions, Settings};
use tidegate_contract::Router;
use tidegate_hostile::{Ends, Hostile, Question, zoo};
use tidegate_runtime::Allocation;
use tidegate_shell::{PluginState, Shell};
use tidegate_simulate::Driver;

use crate::keeper::Keeper;
use crate::watch::watched;
use crate::world::{HOME, bystanders, config, route};

const GOOD: &str = "argoproj-labs/gatewayAPI";

/// When all get a new version: the first ones are there by then.
const UPDATE: Duration = Duration::from_mins(10);

/// When it is looked at: each plugin that failed was asked again several times.
const END: Duration = Duration::from_mins(60);

#[test]
fn one_rollout_completes_its_canary_among_all_that_misbehave() {
    watched(|at| {
        at("loading");
        let keeper = Keeper::new(Allocation::Auto);
        let kinds: Vec<_> = zoo().into_iter().filter(is_seen).collect();
        let mut plugins: BTreeMap<_, _> =
            kinds.iter().map(|hostile| (plugin_name(hostile), load(&keeper, hostile))).collect();
        plugins.insert(GOOD.to_owned(), PluginState::ready(keeper.good.clone()));

        let mut cluster = Cluster::new(Settings::default());
        let legacy = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "legacy", "namespace": HOME},
                            "spec": {"selector": {"app": "legacy"}, "ports": [{"port": 80}]}});
        for object in
            bystanders().into_iter().chain([legacy]).chain(app("web", GOOD, json!({"httpRoute": "web"})))
        {
            create(&mut cluster, object);
        }
        for hostile in &kinds {
            let config = config(hostile, hostile.name);
            app(hostile.name, &plugin_name(hostile), config).for_each(|object| create(&mut cluster, object));
        }
        let before = untouched(&cluster, &kinds);

        let mut play = Play {
            driver: Driver::new(cluster, Shell::new(tidegate_shell::Settings::default()), plugins),
            weights: Vec::new(),
        };
        at("the first version");
        play.until(UPDATE);
        for name in kinds.iter().map(|hostile| hostile.name).chain(["web"]) {
            update(&mut play.driver.cluster, name);
        }
        at("the canaries");
        play.until(END);

        let cluster = &play.driver.cluster;
        let web = get(cluster, &builtin::rollouts(), "web");
        assert_eq!(web["status"]["phase"], "Healthy", "{:#}", web["status"]);
        assert_eq!(web["status"]["stableRS"], web["status"]["currentPodHash"], "{:#}", web["status"]);
        assert_eq!(play.weights, [[100, 0], [80, 20], [40, 60], [0, 100], [100, 0]]);

        let wrong: Vec<_> = kinds.iter().filter_map(|hostile| shows(cluster, hostile).err()).collect();
        assert!(wrong.is_empty(), "{} kinds:\n{}", wrong.len(), wrong.join("\n"));
        for (was, is) in before.iter().zip(untouched(cluster, &kinds)) {
            assert_eq!(*was, is);
        }
    });
}

/// Whether a kind shows in the status of a Rollout that uses it: `release` is not come to here.
fn is_seen(hostile: &Hostile) -> bool {
    hostile.question != Question::Release && hostile.ends != Ends::Harmless
}

fn plugin_name(hostile: &Hostile) -> String {
    format!("example/{}", hostile.name)
}

fn load(keeper: &Keeper, hostile: &Hostile) -> PluginState {
    match keeper.load(hostile) {
        Ok(plugin) => PluginState::ready(plugin as Arc<dyn Router>),
        Err(error) => PluginState::Unavailable {
            reason: error.reason.as_str().to_owned(),
            message: format!("{}; {}", error.message, error.hint),
        },
    }
}

/// The condition of the Rollout with a hostile plugin.
fn shows(cluster: &Cluster, hostile: &Hostile) -> Result<(), String> {
    let rollout = get(cluster, &builtin::rollouts(), hostile.name);
    let conditions = rollout["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let condition = conditions.iter().find(|condition| condition["type"] == "TrafficRouterReady");
    let Some(condition) = condition else { return Err(format!("{}: {:#}", hostile.name, rollout["status"])) };
    let reason = condition["reason"].as_str().unwrap_or_default();
    let fits = match hostile.ends {
        // A code is made a reason.
        Ends::Problem(_) => reason.starts_with("MadeUp") && reason.len() <= 128,
        ends => Some(reason) == ends.reason(),
    };
    let says = condition["message"].as_str().is_some_and(|text| text.len() > 20 && text.len() <= 32 << 10);
    if fits && says && condition["status"] == "False" {
        return Ok(());
    }
    Err(format!("{} ({:?}): {condition}", hostile.name, hostile.ends))
}

/// What no plugin may have touched: the routes of the hostile ones, and the bystanders.
fn untouched(cluster: &Cluster, kinds: &[Hostile]) -> Vec<String> {
    let routes = Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes");
    let mut objects: Vec<Value> = kinds
        .iter()
        .map(|hostile| get(cluster, &routes, hostile.name))
        .chain(bystanders().iter().map(|one| get(cluster, &resource(cluster, one), object::name(one))))
        .collect();
    for object in &mut objects {
        // What gateways and the controllers of workloads write.
        let object = object.as_object_mut().unwrap();
        object.remove("status");
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.remove("resourceVersion");
        metadata.remove("annotations");
    }
    objects.iter().map(Value::to_string).collect()
}

/// A Rollout, its Services and its route.
fn app(name: &str, plugin: &str, config: Value) -> impl Iterator<Item = Value> {
    let metadata = |name: &str| json!({"name": name, "namespace": HOME});
    let service = |role: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(&format!("{name}-{role}")),
               "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}})
    };
    let rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata(name),
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                         "spec": {"containers": [{"name": "web", "image": "example.com/web:v1"}]}},
            "strategy": {"canary": {
                "stableService": format!("{name}-stable"), "canaryService": format!("{name}-canary"),
                "trafficRouting": {"plugins": {plugin: config}},
                "steps": [{"setWeight": 20}, {"pause": {"duration": "1m"}},
                          {"setWeight": 60}, {"pause": {"duration": "1m"}}],
            }},
        },
    });
    [service("stable"), service("canary"), route(name, name), rollout].into_iter()
}

/// The controller, and the weights of the route `web` as they changed.
struct Play {
    driver: Driver,
    weights: Vec<[u64; 2]>,
}

impl Play {
    /// Lets time pass up to this time since the start.
    fn until(&mut self, end: Duration) {
        loop {
            self.driver.settle(&mut |_, _, _| {});
            self.look();
            match self.driver.next_due().filter(|due| *due <= end) {
                Some(due) => self.driver.advance_to(due),
                None => return self.driver.advance_to(end),
            }
        }
    }

    fn look(&mut self) {
        let routes = Resource::namespaced("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes");
        let web = get(&self.driver.cluster, &routes, "web");
        let weight = |index: usize| web["spec"]["rules"][0]["backendRefs"][index]["weight"].as_u64().unwrap();
        self.weights.push([weight(0), weight(1)]);
        self.weights.dedup();
    }
}

fn resource(cluster: &Cluster, object: &Value) -> Resource {
    let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let plural = format!("{}s", kind.to_lowercase());
    let made = || match object["metadata"].get("namespace") {
        Some(_) => Resource::namespaced(group, version, kind, &plural),
        None => Resource::cluster_scoped(group, version, kind, &plural),
    };
    cluster.served(group, kind).cloned().unwrap_or_else(made)
}

fn create(cluster: &mut Cluster, object: Value) {
    let resource = resource(cluster, &object);
    if cluster.served(&resource.group, &resource.kind).is_none() {
        cluster.serve(resource.clone(), ServeOptions::default());
    }
    send(cluster, resource, Operation::Create { object });
}

/// A new image, as a user sets it.
fn update(cluster: &mut Cluster, name: &str) {
    let containers = json!([{"name": "web", "image": "example.com/web:v2"}]);
    let body = Body::Merge(json!({"spec": {"template": {"spec": {"containers": containers}}}}));
    send(cluster, builtin::rollouts(), Operation::Patch { name: name.to_owned(), subresource: None, body });
}

fn send(cluster: &mut Cluster, resource: Resource, operation: Operation) {
    let namespace = resource.namespaced.then(|| HOME.to_owned());
    let request = Request { resource, namespace, operation };
    cluster.handle(&request).unwrap_or_else(|error| panic!("{error}\n{request:?}"));
}

fn get(cluster: &Cluster, resource: &Resource, name: &str) -> Value {
    cluster
        .object(resource, HOME, name)
        .unwrap_or_else(|| panic!("no {} {name}", resource.kind))
        .as_ref()
        .clone()
}
