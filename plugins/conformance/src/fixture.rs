//! Fixtures: a Rollout's target, its configuration, and the objects that the plugin under test divides. The format
//! is documented in the README of this crate; these types are what it is read into.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tidegate_contract::{
    Destination, HeaderMatch, Kind, ManagedRoute, RequestMatch, Rule, RuleAction, Target, TextMatch,
};

use crate::Check;

/// One fixture.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fixture {
    /// By what it is called in the scorecard: the name of its file, without what comes after the dot.
    #[serde(skip)]
    pub name: String,
    /// What is special about it, in a sentence.
    #[serde(default)]
    pub summary: String,
    /// Whose traffic it is.
    pub target: FixtureTarget,
    /// What the Rollout says under the plugin's key.
    #[serde(default = "empty_object")]
    pub config: Value,
    /// What the operator configured for the plugin.
    #[serde(default = "empty_object")]
    pub settings: Value,
    /// The objects in the cluster, as manifests.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// Kinds that the API server does not serve.
    #[serde(default)]
    pub unserved: Vec<Kind>,
    /// What `check` answers for this configuration, in any order. When absent, that is not compared.
    pub features: Option<Vec<String>>,
    /// The code of the problem that this configuration has: then nothing else is tested with it.
    pub problem: Option<String>,
    /// Extra destinations for the scenarios with some. When absent, two with Services of their own are made up.
    #[serde(default)]
    pub additional: Vec<FixtureDestination>,
    /// List elements of somebody else, which must survive at the beginning and at the end of their lists.
    #[serde(default)]
    pub foreign: Vec<ForeignElement>,
    /// Places (as patterns of the contract) that may stay different after a release, besides weights.
    #[serde(default)]
    pub kept: Vec<String>,
    /// Checks that do not apply to this fixture, each with the reason.
    #[serde(default)]
    pub not_applicable: BTreeMap<Check, String>,
    /// What should become of the objects in certain situations.
    #[serde(default)]
    pub expectations: Vec<Expectation>,
}

/// Whose traffic it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FixtureTarget {
    /// The Rollout's namespace.
    pub namespace: String,
    /// The Rollout's name.
    pub name: String,
    /// The Rollout's uid.
    #[serde(default = "uid")]
    pub uid: String,
    /// The Service in the stable role.
    pub stable_service: Option<String>,
    /// The Service in the canary role.
    pub canary_service: Option<String>,
    /// The pod template hash of the stable pods.
    #[serde(default = "stable_hash")]
    pub stable_pod_template_hash: Option<String>,
    /// The pod template hash of the canary pods.
    #[serde(default = "canary_hash")]
    pub canary_pod_template_hash: Option<String>,
}

/// An extra destination.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FixtureDestination {
    /// Its name.
    pub name: String,
    /// Its Service.
    pub service: Option<String>,
    /// The hash of its pods.
    pub pod_template_hash: Option<String>,
    /// Its weight; scenarios choose their own.
    #[serde(default)]
    pub weight: u32,
}

/// One of the fixture's objects.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectName {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace; the Rollout's when absent.
    pub namespace: Option<String>,
}

/// A list element of somebody else.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignElement {
    /// In which object.
    pub object: ObjectName,
    /// The list, as a JSON pointer.
    pub at: String,
    /// The element.
    pub element: Value,
}

/// What should become of the objects in one situation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expectation {
    /// What it is about.
    #[serde(default)]
    pub summary: String,
    /// What was routed before, in this order.
    #[serde(default)]
    pub after: Vec<Situation>,
    /// What is routed.
    pub when: Situation,
    /// The code of the problem that is the answer.
    pub problem: Option<String>,
    /// The verdict then: `verified`, `pending`, `rejected`, `unreported` or `unverifiable`.
    pub verdict: Option<String>,
    /// Objects as they are then, complete. What API servers fill in (uid, resourceVersion, generation, times) is not
    /// compared.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// Single values as they are then.
    #[serde(default)]
    pub values: Vec<ExpectedValue>,
    /// Objects that do not exist then.
    #[serde(default)]
    pub gone: Vec<ObjectName>,
}

/// A single value in an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedValue {
    /// In which object.
    pub object: ObjectName,
    /// Where, as a JSON pointer.
    pub at: String,
    /// What is there; when absent (or null), nothing is.
    pub is: Option<Value>,
}

/// What is asked of the plugin.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Situation {
    /// The canary's weight; stable gets what it and the extra destinations leave.
    #[serde(default)]
    pub canary: u32,
    /// Out of how many.
    #[serde(default = "hundred")]
    pub max_weight: u32,
    /// Extra destinations.
    #[serde(default)]
    pub additional: Vec<FixtureDestination>,
    /// Managed routes, highest precedence first.
    #[serde(default)]
    pub managed_routes: Vec<FixtureRoute>,
    /// Everything is given back instead.
    #[serde(default)]
    pub release: bool,
}

/// A managed route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixtureRoute {
    /// Its name.
    pub name: String,
    /// Which requests: any of these. When empty, the route must not exist.
    #[serde(default, rename = "match")]
    pub matches: Vec<FixtureMatch>,
    /// The percentage that is mirrored; when absent, requests go to the canary.
    pub mirror: Option<u32>,
}

/// Which requests: all that is given must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixtureMatch {
    /// Condition on the method.
    pub method: Option<FixtureText>,
    /// Condition on the path.
    pub path: Option<FixtureText>,
    /// Conditions on headers, by name.
    #[serde(default)]
    pub headers: BTreeMap<String, FixtureText>,
}

/// How a text is compared: one of the three.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixtureText {
    exact: Option<String>,
    prefix: Option<String>,
    regex: Option<String>,
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

fn uid() -> String {
    "5d5bb1c2-0f5c-4d0e-9a51-3b7f0c1d2e4f".to_owned()
}

// By `Option`, because the fields are.
#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn stable_hash() -> Option<String> {
    Some("6c8f9d7b5d".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn canary_hash() -> Option<String> {
    Some("7f4b6c9d8f".to_owned())
}

fn hundred() -> u32 {
    100
}

impl Fixture {
    /// The target, as plugins are told it.
    pub fn target(&self) -> Target {
        Target {
            namespace: self.target.namespace.clone(),
            name: self.target.name.clone(),
            uid: self.target.uid.clone(),
            config: self.config.to_string(),
            settings: self.settings.to_string(),
            stable_service: self.target.stable_service.clone(),
            canary_service: self.target.canary_service.clone(),
        }
    }

    /// Extra destinations for scenarios: the fixture's, or made-up ones.
    pub(crate) fn extra_destinations(&self) -> Vec<Destination> {
        if !self.additional.is_empty() {
            return self.additional.iter().map(FixtureDestination::destination).collect();
        }
        ["conformance-a", "conformance-b"]
            .into_iter()
            .map(|name| Destination {
                name: name.to_owned(),
                service: Some(format!("{}-{name}", self.target.name)),
                pod_template_hash: Some(format!("hash{}", name.replace('-', ""))),
                weight: 0,
            })
            .collect()
    }
}

impl FixtureDestination {
    pub(crate) fn destination(&self) -> Destination {
        Destination {
            name: self.name.clone(),
            service: self.service.clone(),
            pod_template_hash: self.pod_template_hash.clone(),
            weight: self.weight,
        }
    }
}

impl FixtureRoute {
    pub(crate) fn managed_route(&self) -> ManagedRoute {
        let action = self.mirror.map_or(RuleAction::ToCanary, RuleAction::Mirror);
        let matches: Vec<_> = self.matches.iter().map(FixtureMatch::request_match).collect();
        let rule = (!matches.is_empty()).then_some(Rule { matches, action });
        ManagedRoute { name: self.name.clone(), rule }
    }
}

impl FixtureMatch {
    fn request_match(&self) -> RequestMatch {
        let header = |(name, value): (&String, &FixtureText)| {
            Some(HeaderMatch { name: name.clone(), value: value.text_match()? })
        };
        RequestMatch {
            method: self.method.as_ref().and_then(FixtureText::text_match),
            path: self.path.as_ref().and_then(FixtureText::text_match),
            headers: self.headers.iter().filter_map(header).collect(),
        }
    }

    /// Every text in it.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &FixtureText> {
        self.method.iter().chain(&self.path).chain(self.headers.values())
    }
}

impl FixtureText {
    fn text_match(&self) -> Option<TextMatch> {
        match (&self.exact, &self.prefix, &self.regex) {
            (Some(text), None, None) => Some(TextMatch::Exact(text.clone())),
            (None, Some(text), None) => Some(TextMatch::Prefix(text.clone())),
            (None, None, Some(text)) => Some(TextMatch::Regex(text.clone())),
            _ => None,
        }
    }

    /// Whether it says one thing.
    pub(crate) fn is_one(&self) -> bool {
        self.text_match().is_some()
    }
}
