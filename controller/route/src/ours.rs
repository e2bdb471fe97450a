//! What a Rollout may call its own in other people's objects: the names of its Services, its pod template hashes,
//! and its managed routes; and the texts that its configuration names.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::pass::Pass;
use crate::pointer::Pattern;

/// A text in an object, and the namespace that is named next to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'v> {
    pub text: &'v str,
    pub beside: Beside<'v>,
}

/// What the `namespace` next to a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Beside<'v> {
    /// There is none: the object's own is meant.
    Nothing,
    /// This one.
    Namespace(&'v str),
    /// Something that is no name.
    Unclear,
}

/// What belongs to a Rollout.
#[derive(Debug)]
pub(crate) struct Ours<'a> {
    namespace: &'a str,
    services: BTreeSet<&'a str>,
    hashes: BTreeSet<&'a str>,
    routes: BTreeSet<&'a str>,
    configured: BTreeSet<String>,
}

impl<'a> Ours<'a> {
    pub(crate) fn new(pass: &'a Pass) -> Self {
        let (target, traffic) = (&pass.target, &pass.traffic);
        let destinations = || {
            [&traffic.stable, &traffic.canary].into_iter().chain(&traffic.additional).chain(&traffic.retired)
        };
        let given = |text: &'a Option<String>| text.as_deref().filter(|text| !text.is_empty());
        let mut configured = BTreeSet::new();
        for text in [&target.config, &target.settings] {
            if let Ok(config) = serde_json::from_str(text) {
                collect_texts(&config, &mut configured);
            }
        }
        Self {
            namespace: &target.namespace,
            services: destinations()
                .map(|destination| &destination.service)
                .chain([&target.stable_service, &target.canary_service])
                .filter_map(given)
                .collect(),
            hashes: destinations().filter_map(|destination| given(&destination.pod_template_hash)).collect(),
            routes: traffic
                .managed_routes
                .iter()
                .map(|route| route.name.as_str())
                .filter(|name| !name.is_empty())
                .collect(),
            configured,
        }
    }

    /// Whether a text in an object of this namespace is the name of what is the Rollout's own.
    pub(crate) fn owns(&self, text: Text<'_>, home: &str) -> bool {
        self.hashes.contains(text.text)
            || self.routes.contains(text.text)
            || self.is_derived(text.text)
            || self.is_service(text, home)
    }

    /// Whether the configuration names this.
    pub(crate) fn configures(&self, text: &str) -> bool {
        self.configured.contains(text)
    }

    /// Whether the configuration names this, and nothing next to it says that another one is meant.
    pub(crate) fn configures_here(&self, text: Text<'_>) -> bool {
        let is_here = match text.beside {
            Beside::Nothing => true,
            Beside::Namespace(namespace) => namespace == self.namespace || self.configures(namespace),
            Beside::Unclear => false,
        };
        is_here && self.configures(text.text)
    }

    /// Whether something in a value has to do with the Rollout.
    pub(crate) fn are_mentioned(&self, value: &Value, home: &str) -> bool {
        any_text(value, Beside::Nothing, &mut |text| self.owns(text, home) || self.configures(text.text))
    }

    /// `<managed route>-<digits>`: where a route of the Rollout is needed several times.
    fn is_derived(&self, text: &str) -> bool {
        text.rsplit_once('-').is_some_and(|(name, number)| {
            !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && self.routes.contains(name)
        })
    }

    fn is_service(&self, text: Text<'_>, home: &str) -> bool {
        let (alone, with_namespace) = match text.beside {
            Beside::Nothing => (home == self.namespace, true),
            Beside::Namespace(namespace) => (namespace == self.namespace, namespace == self.namespace),
            Beside::Unclear => (false, false),
        };
        // The name of a Service has no dots.
        let (name, rest) =
            text.text.split_once('.').map_or((text.text, None), |(name, rest)| (name, Some(rest)));
        self.services.contains(name)
            && match rest.map(|rest| rest.strip_prefix(self.namespace)) {
                None => alone,
                Some(rest) => {
                    with_namespace
                        && rest.is_some_and(|rest| {
                            rest.is_empty() || rest == ".svc" || rest.starts_with(".svc.")
                        })
                }
            }
    }
}

/// What the `namespace` among these fields says.
fn beside(fields: &Map<String, Value>) -> Beside<'_> {
    match fields.get("namespace") {
        None | Some(Value::Null) => Beside::Nothing,
        Some(Value::String(namespace)) if namespace.is_empty() => Beside::Nothing,
        Some(Value::String(namespace)) => Beside::Namespace(namespace),
        Some(_) => Beside::Unclear,
    }
}

/// Whether some text in a value is such a one.
fn any_text<'v>(value: &'v Value, near: Beside<'v>, is_such: &mut dyn FnMut(Text<'v>) -> bool) -> bool {
    match value {
        Value::String(text) => is_such(Text { text, beside: near }),
        Value::Array(elements) => elements.iter().any(|value| any_text(value, Beside::Nothing, is_such)),
        Value::Object(fields) => {
            let near = beside(fields);
            fields.values().any(|value| any_text(value, near, is_such))
        }
        _ => false,
    }
}

/// The text at a pointer.
pub(crate) fn text_at<'v>(element: &'v Value, at: &str) -> Option<Text<'v>> {
    let text = element.pointer(at)?.as_str()?;
    let parent = at.rsplit_once('/').and_then(|(parent, _)| element.pointer(parent));
    Some(Text { text, beside: parent.and_then(Value::as_object).map_or(Beside::Nothing, beside) })
}

/// All texts at and below the places of a pattern in a list element.
pub(crate) fn texts_at<'v>(element: &'v Value, pattern: &Pattern) -> BTreeSet<Text<'v>> {
    fn walk<'v>(
        value: &'v Value,
        near: Beside<'v>,
        pattern: &Pattern,
        depth: usize,
        found: &mut BTreeSet<Text<'v>>,
    ) {
        match pattern.matching_children(depth, value) {
            None => {
                any_text(value, near, &mut |text| {
                    found.insert(text);
                    false
                });
            }
            Some(children) => {
                let near = value.as_object().map_or(Beside::Nothing, beside);
                for child in children {
                    walk(child, near, pattern, depth.saturating_add(1), found);
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(element, Beside::Nothing, pattern, 0, &mut found);
    found
}

fn collect_texts(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if !text.is_empty() => drop(texts.insert(text.clone())),
        Value::Array(elements) => elements.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect_texts(value, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_contract::{Destination, ManagedRoute, Target, Traffic};

    use super::*;
    use crate::pass::Purpose;

    fn pass() -> Pass {
        Pass {
            target: Target {
                namespace: "shop".into(),
                name: "web".into(),
                uid: "u".into(),
                config: json!({"route": "web-route", "empty": ""}).to_string(),
                settings: json!({"label": "example.com/l"}).to_string(),
                stable_service: Some("web".into()),
                canary_service: Some("web-canary".into()),
            },
            traffic: Traffic {
                retired: vec![Destination {
                    service: Some("web-old".into()),
                    pod_template_hash: Some("5f6d".into()),
                    ..Destination::default()
                }],
                managed_routes: vec![ManagedRoute { name: "beta".into(), rule: None }],
                ..Traffic::default()
            },
            seen: Vec::new(),
            purpose: Purpose::Route,
            grant: None,
        }
    }

    #[test]
    fn host_names_are_ours_only_in_our_namespace() {
        let pass = pass();
        let ours = Ours::new(&pass);
        let owns = |text, beside, home| ours.owns(Text { text, beside }, home);
        for (text, expected) in [
            ("web", true),
            ("web-canary", true),
            ("web-old", true),
            ("5f6d", true),
            ("beta", true),
            ("beta-0", true),
            ("beta-12", true),
            ("web.shop", true),
            ("web.shop.svc", true),
            ("web.shop.svc.cluster.local", true),
            ("web.shop.svc.example.org", true),
            ("web.other", false),
            ("web.other.svc.cluster.local", false),
            ("web.shopping", false),
            ("web.shop.example.com", false),
            ("web.shop.svcs", false),
            ("web.", false),
            ("web-", false),
            ("xweb", false),
            ("WEB", false),
            ("beta-", false),
            ("beta-x", false),
            ("beta-1x", false),
            ("beta-1-1", false),
            ("5f6d-1", false),
            ("web-1", false),
            ("web-route", false),
            ("", false),
        ] {
            assert_eq!(owns(text, Beside::Nothing, "shop"), expected, "{text}");
        }
        for (text, beside, home, expected) in [
            ("web", Beside::Namespace("shop"), "shop", true),
            ("web", Beside::Namespace("other"), "shop", false),
            ("web.shop", Beside::Namespace("other"), "shop", false),
            ("web", Beside::Unclear, "shop", false),
            ("web", Beside::Nothing, "other", false),
            ("web", Beside::Namespace("shop"), "other", true),
            ("web.shop.svc.cluster.local", Beside::Nothing, "other", true),
            ("5f6d", Beside::Namespace("other"), "shop", true),
        ] {
            assert_eq!(owns(text, beside, home), expected, "{text} {beside:?} in {home}");
        }
    }

    #[test]
    fn what_is_mentioned_is_found_anywhere_but_in_keys() {
        let pass = pass();
        let ours = Ours::new(&pass);
        for (value, expected) in [
            (json!("web"), true),
            (json!({"a": [{"b": ["x", "web-canary"]}]}), true),
            (json!({"web": 1}), false),
            (json!({"name": "web", "namespace": "other"}), false),
            (json!({"name": "web", "namespace": ""}), true),
            (json!({"name": "web", "namespace": null}), true),
            (json!({"name": "web", "namespace": 1}), false),
            (json!({"name": "web-route", "namespace": "other"}), true),
            (json!([""]), false),
        ] {
            assert_eq!(ours.are_mentioned(&value, "shop"), expected, "{value}");
        }
    }

    #[test]
    fn texts_are_found_by_patterns() {
        let element =
            json!({"a": [{"name": "x", "namespace": "n"}, {"name": ["y", {"z": "w"}]}], "b": {"a": "q"}});
        let found = |text: &str| {
            let pattern = Pattern::parse_relative(text).unwrap();
            texts_at(&element, &pattern).into_iter().map(|text| text.text.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found("/a/*/name"), ["w", "x", "y"]);
        assert_eq!(found("/a/0/name"), ["x"]);
        assert_eq!(found("/*/a"), ["q"]);
        assert_eq!(found(""), ["n", "q", "w", "x", "y"]);
        assert_eq!(found("/nothing"), [""; 0]);
        assert_eq!(text_at(&element, "/a/0/name").unwrap().beside, Beside::Namespace("n"));
        assert_eq!(text_at(&json!("web"), "").unwrap().text, "web");
        assert_eq!(text_at(&element, "/a"), None);
    }
}
