//! What a Rollout's routers have written to, and how that is given back, as an annotation on the Rollout says.
//!
//! It is written before the first write that gives the canary anything, and taken away once giving back would change nothing.
//! So whoever deletes the Rollout, takes a router out of it, or changes a router's configuration leaves nothing behind, even
//! when the controller did not run at that moment. The annotation is JSON:
//!
//! ```json
//! {"routers": [{"plugin": "argoproj-labs/gatewayAPI", "digest": "5d4e…", "config": {"httpRoute": "web"},
//!               "stableService": "web-stable", "canaryService": "web-canary", "managedRoutes": ["beta"],
//!               "destinations": {"web-5d4e-2-0-baseline": "7c9f"},
//!               "objects": ["HTTPRoute.gateway.networking.k8s.io shop/web"]}]}
//! ```
//!
//! An operator may edit it or take it away, so it may say anything: what cannot be meant is ignored, and told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tidegate_api::object;
use tidegate_contract::{Digest, ObjectRef};

use crate::names::{RELEASE_FINALIZER, STATE_ANNOTATION};

/// What the annotation says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutingRecord {
    /// One entry for each router and configuration that was written for and has not been given back.
    pub targets: Vec<RoutedTarget>,
    /// What else it says, each with why that is ignored.
    pub ignored: Vec<String>,
}

/// One router with one configuration, and what it has written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutedTarget {
    /// The plugin, by the name that Rollouts use.
    pub plugin: String,
    /// The version that wrote last, if that is known.
    pub digest: Option<Digest>,
    /// Its configuration in the Rollout.
    pub config: Value,
    /// The Service that was in the stable role.
    pub stable_service: Option<String>,
    /// The Service that was in the canary role.
    pub canary_service: Option<String>,
    /// The managed routes that may exist.
    pub managed_routes: BTreeSet<String>,
    /// The Services of experiments that may get something, each with the hash of the pods that it selects.
    pub destinations: BTreeMap<String, String>,
    /// The objects, for people and for tools: kind, then namespace and name.
    pub objects: BTreeSet<String>,
}

impl RoutingRecord {
    /// Reads it; empty when there is none.
    pub fn read(rollout: &Value) -> Self {
        let mut record = Self::default();
        let Some(text) = object::annotation(rollout, STATE_ANNOTATION) else { return record };
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => {
                record.ignored.push(format!("it is no JSON ({error})"));
                return record;
            }
        };
        let Some(routers) = value.get("routers").and_then(Value::as_array) else {
            record.ignored.push("it has no list of routers".to_owned());
            return record;
        };
        for (index, router) in routers.iter().enumerate() {
            match RoutedTarget::read(router) {
                Some(target) if !record.targets.contains(&target) => record.targets.push(target),
                Some(_) => {}
                None => record.ignored.push(format!("routers[{index}] has no plugin with a configuration")),
            }
        }
        record
    }

    /// The annotation's text for these entries; `None`: there should be no annotation.
    pub fn text(targets: &[RoutedTarget]) -> Option<String> {
        let routers: Vec<Value> = targets.iter().map(RoutedTarget::to_json).collect();
        (!routers.is_empty())
            .then(|| Value::Object(Map::from_iter([("routers".to_owned(), routers.into())])).to_string())
    }

    /// The Services of experiments that may get something, with the hashes of the pods that they select.
    pub fn destinations(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.targets.iter().flat_map(|target| &target.destinations);
        all.map(|(service, hash)| (service.as_str(), hash.as_str()))
    }

    /// The names of managed routes that may exist.
    pub fn managed_routes(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().flat_map(|target| &target.managed_routes).map(String::as_str)
    }
}

impl RoutedTarget {
    /// One that nothing has been written for.
    pub fn new(plugin: String, config: Value, services: [Option<String>; 2]) -> Self {
        let [stable_service, canary_service] = services;
        Self {
            plugin,
            digest: None,
            config,
            stable_service,
            canary_service,
            managed_routes: BTreeSet::new(),
            destinations: BTreeMap::new(),
            objects: BTreeSet::new(),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        let text = |field: &str| value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        let texts = |field: &str| -> BTreeSet<String> {
            let texts = value.get(field).and_then(Value::as_array).into_iter().flatten();
            texts.filter_map(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        Some(Self {
            plugin: text("plugin")?.to_owned(),
            digest: text("digest").and_then(|digest| digest.parse().ok()),
            config: value.get("config").filter(|config| config.is_object())?.clone(),
            stable_service: text("stableService").map(str::to_owned),
            canary_service: text("canaryService").map(str::to_owned),
            managed_routes: texts("managedRoutes"),
            destinations: pairs(value.get("destinations")),
            objects: texts("objects"),
        })
    }

    fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut put = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(field.to_owned(), value);
            }
        };
        let texts = |texts: &BTreeSet<String>| {
            (!texts.is_empty()).then(|| texts.iter().cloned().map(Value::from).collect())
        };
        put("plugin", Some(self.plugin.clone().into()));
        put("digest", self.digest.map(|digest| digest.to_string().into()));
        put("config", Some(self.config.clone()));
        put("stableService", self.stable_service.clone().map(Value::from));
        put("canaryService", self.canary_service.clone().map(Value::from));
        put("managedRoutes", texts(&self.managed_routes));
        let pairs = self.destinations.iter().map(|(service, hash)| (service.clone(), hash.clone().into()));
        put("destinations", (!self.destinations.is_empty()).then(|| Value::Object(pairs.collect())));
        put("objects", texts(&self.objects));
        Value::Object(fields)
    }

    /// Whether it is about this plugin, configuration and pair of Services. Which of the two is in which role does not matter:
    /// with ping-pong they change places.
    pub fn is_for(&self, plugin: &str, config: &Value, services: [Option<&str>; 2]) -> bool {
        let [stable, canary] = [self.stable_service.as_deref(), self.canary_service.as_deref()];
        let [one, other] = services;
        self.plugin == plugin
            && self.config == *config
            && ([stable, canary] == [one, other] || [canary, stable] == [one, other])
    }

    /// The Services that were in the two roles.
    pub fn into_services(self) -> impl Iterator<Item = String> {
        self.stable_service.into_iter().chain(self.canary_service)
    }

    /// How an object is named in `objects`.
    pub fn name_of(object: &ObjectRef) -> String {
        match &object.namespace {
            Some(namespace) => format!("{} {namespace}/{}", object.kind, object.name),
            None => format!("{} {}", object.kind, object.name),
        }
    }
}

/// The texts of an object, by name; the rest cannot be meant.
fn pairs(object: Option<&Value>) -> BTreeMap<String, String> {
    let fields = object.and_then(Value::as_object).into_iter().flatten();
    let texts = fields.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())));
    texts.filter(|(name, text)| !name.is_empty() && !text.is_empty()).collect()
}

/// Whether a Rollout's deletion waits for its traffic to be given back.
pub fn has_finalizer(rollout: &Value) -> bool {
    finalizers(rollout).any(|finalizer| finalizer == RELEASE_FINALIZER)
}

/// The finalizers of a Rollout.
pub fn finalizers(rollout: &Value) -> impl Iterator<Item = &str> {
    let all = rollout.pointer("/metadata/finalizers").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use tidegate_contract::Kind;

    use super::*;

    fn rollout(annotation: &str) -> Value {
        json!({"metadata": {"annotations": {STATE_ANNOTATION: annotation}}})
    }

    fn target(config: Value) -> RoutedTarget {
        let route = ObjectRef {
            kind: Kind::new("gateway.networking.k8s.io", "HTTPRoute"),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
        };
        RoutedTarget {
            plugin: "a/a".to_owned(),
            digest: Some(Digest([7; 32])),
            config,
            stable_service: Some("web-stable".to_owned()),
            canary_service: None,
            managed_routes: BTreeSet::from(["beta".to_owned()]),
            destinations: BTreeMap::from([("web-lab".to_owned(), "7c9f".to_owned())]),
            objects: BTreeSet::from([RoutedTarget::name_of(&route)]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let targets = vec![target(json!({"httpRoute": "web"})), target(json!({}))];
        let text = RoutingRecord::text(&targets).unwrap();
        assert!(text.contains("HTTPRoute.gateway.networking.k8s.io shop/web"), "{text}");
        let read = RoutingRecord::read(&rollout(&text));
        assert_eq!(read, RoutingRecord { targets, ignored: Vec::new() });
        assert_eq!(read.managed_routes().collect::<BTreeSet<_>>(), BTreeSet::from(["beta"]));
        assert!(
            read.destinations().all(|one| one == ("web-lab", "7c9f")) && read.destinations().count() == 2
        );
        assert_eq!(RoutingRecord::text(&[]), None);
        assert_eq!(RoutingRecord::read(&json!({})), RoutingRecord::default());
    }

    #[test]
    fn what_cannot_be_meant_is_ignored_and_the_rest_counts() {
        for text in ["", "garbage", "[]", "7", "null", "{\"routers\":", "{\"routers\": {}}"] {
            let read = RoutingRecord::read(&rollout(text));
            assert_eq!((read.targets.len(), read.ignored.len()), (0, 1), "{text}");
        }
        let text = json!({"routers": [
            7, {}, {"plugin": "a/a"}, {"plugin": "", "config": {}}, {"plugin": "a/a", "config": "x"},
            {"plugin": "a/a", "config": {}, "digest": "x", "objects": [7], "managedRoutes": "y", "stableService": "",
                "destinations": {"": "a", "b": "", "c": 7}},
        ]});
        let read = RoutingRecord::read(&rollout(&text.to_string()));
        assert_eq!(read.ignored.len(), 5);
        let bare = RoutedTarget {
            digest: None,
            stable_service: None,
            managed_routes: BTreeSet::new(),
            destinations: BTreeMap::new(),
            objects: BTreeSet::new(),
            ..target(json!({}))
        };
        assert_eq!(read.targets, [bare]);
    }

    #[test]
    fn a_target_is_its_plugin_its_configuration_and_its_services() {
        let target = RoutedTarget { canary_service: Some("web-canary".into()), ..target(json!({"a": 1})) };
        let pair = [Some("web-stable"), Some("web-canary")];
        assert!(target.is_for("a/a", &json!({"a": 1}), pair));
        assert!(target.is_for("a/a", &json!({"a": 1}), [Some("web-canary"), Some("web-stable")]));
        assert!(!target.is_for("b/b", &json!({"a": 1}), pair));
        assert!(!target.is_for("a/a", &json!({"a": 2}), pair));
        assert!(!target.is_for("a/a", &json!({"a": 1}), [Some("web-stable"), Some("other")]));
        assert!(!target.is_for("a/a", &json!({"a": 1}), [Some("web-stable"), None]));
    }

    proptest! {
        #[test]
        fn whatever_it_says_it_is_read(text in ".*", plugin in ".*", config in ".*") {
            RoutingRecord::read(&rollout(&text));
            let text = json!({"routers": [{"plugin": plugin, "config": {"x": config}}]}).to_string();
            let read = RoutingRecord::read(&rollout(&text));
            let written = RoutingRecord::text(&read.targets).unwrap_or_default();
            let again = RoutingRecord::read(&rollout(&written));
            prop_assert_eq!(again.targets, read.targets);
        }
    }
}
