//! All that is configured, from all places, with one answer for each name.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_api::object;
use tidegate_contract::Digest;

use crate::problem::{ConfigProblem, Wrong};
use crate::source::Source;
use crate::wanted::{Origin, Wanted};
use crate::{argo, resource};

/// What is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// By the name that Rollouts use: what is wanted, or what is wrong with the configuration that counts.
    pub entries: BTreeMap<String, Result<Wanted, ConfigProblem>>,
    /// What is built in for a name for which Argo's ConfigMap has something else: serves when that is no component at all, but
    /// for example the native binary that Argo would run.
    pub built_in: BTreeMap<String, Wanted>,
    /// Digests that some resource revokes: they must not run anywhere. Also of resources that are wrong otherwise or do not count.
    pub revoked: BTreeSet<Digest>,
    /// All that is wrong, also where it does not count.
    pub problems: Vec<ConfigProblem>,
}

/// Merges what is configured. Resources come before Argo's ConfigMap, that before flags; the older resource before the
/// younger.
pub fn merge<'a>(
    resources: impl IntoIterator<Item = &'a Value>,
    config: Option<&Value>,
    flags: &[Wanted],
    own_namespace: &str,
) -> Catalogue {
    let mut catalogue = Catalogue::default();
    let mut resources: Vec<&Value> = resources.into_iter().collect();
    // Times in RFC 3339 with the same zone sort as texts.
    resources.sort_by_key(|resource| {
        let created = resource.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
        (created.unwrap_or_default(), object::name(resource))
    });
    for resource in resources {
        catalogue.revoked.extend(resource::revoked(resource));
        catalogue.add(resource::parse(resource, own_namespace));
    }
    if let Some(config) = config {
        let (wanted, problems) = argo::parse(config, own_namespace);
        // Right ones first: a name that is there twice, once right, is right.
        for one in wanted {
            catalogue.add(Ok(one));
        }
        for problem in problems {
            catalogue.add(Err(problem));
        }
    }
    for flag in flags {
        catalogue.add_flag(flag);
    }
    catalogue
}

impl Catalogue {
    fn add(&mut self, parsed: Result<Wanted, ConfigProblem>) {
        let (origin, name) = match &parsed {
            Ok(wanted) => (wanted.origin.clone(), Some(wanted.name.clone())),
            Err(problem) => {
                self.problems.push(problem.clone());
                (problem.origin.clone(), problem.name.clone())
            }
        };
        let Some(name) = name else { return };
        match self.entries.entry(name) {
            Slot::Vacant(slot) => {
                slot.insert(parsed);
            }
            Slot::Occupied(slot) => {
                // A wrong one has been said to be wrong already.
                if parsed.is_ok() {
                    let winner = origin_of(slot.get());
                    let wrong = Wrong::new(
                        format!("the name {} is configured by {winner} already, which counts", slot.key()),
                        "remove one of the two, or give one of them another name",
                    );
                    self.problems.push(wrong.of(&origin, Some(slot.key())));
                }
            }
        }
    }

    fn add_flag(&mut self, flag: &Wanted) {
        match self.entries.entry(flag.name.clone()) {
            Slot::Vacant(slot) => {
                slot.insert(Ok(flag.clone()));
            }
            // Flags are what there is unless something else is said, so it is no mistake that something is.
            Slot::Occupied(slot) => {
                let is_argo = *origin_of(slot.get()) == Origin::ArgoConfig;
                if is_argo && matches!(flag.source, Source::Builtin(_)) {
                    self.built_in.insert(flag.name.clone(), flag.clone());
                }
            }
        }
    }

    /// What is wrong with what somebody configured.
    pub fn problems_of<'a>(&'a self, origin: &'a Origin) -> impl Iterator<Item = &'a ConfigProblem> {
        self.problems.iter().filter(move |problem| problem.origin == *origin)
    }
}

/// Who configured an entry.
pub(crate) fn origin_of(entry: &Result<Wanted, ConfigProblem>) -> &Origin {
    match entry {
        Ok(wanted) => &wanted.origin,
        Err(problem) => &problem.origin,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use tidegate_artifact::{Limits, LoadReason};

    use super::*;
    use crate::wanted::FailurePolicy;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn resource(object: &str, created: &str, spec: Value) -> Value {
        json!({"metadata": {"name": object, "creationTimestamp": created}, "spec": spec})
    }

    fn built_in(name: &str) -> Value {
        json!({"name": name, "source": {"builtin": {"name": "nginx"}}})
    }

    fn flag(name: &str, source: Source) -> Wanted {
        Wanted {
            name: name.to_owned(),
            origin: Origin::Flag,
            source,
            sha256: None,
            limits: Limits::default(),
            settings: "{}".into(),
            grant: None,
            failure_policy: FailurePolicy::Lenient,
            revoked: BTreeSet::new(),
        }
    }

    fn config(entries: &Value) -> Value {
        json!({"data": {"trafficRouterPlugins": entries.to_string()}})
    }

    fn origin<'a>(catalogue: &'a Catalogue, name: &str) -> Option<&'a Origin> {
        catalogue.entries.get(name).map(origin_of)
    }

    #[test]
    fn resources_come_before_the_config_map_and_that_before_flags() {
        let resources = [resource("one", "2026-01-01T00:00:00Z", built_in("a/1"))];
        let entry = |name: &str| json!({"name": name, "location": "https://x.test/p.wasm", "sha256": HEX});
        let config = config(&json!([entry("a/1"), entry("a/2")]));
        let flags = ["a/1", "a/2", "a/3"].map(|name| flag(name, Source::Builtin("nginx".to_owned())));
        let catalogue = merge(&resources, Some(&config), &flags, "here");
        assert_eq!(origin(&catalogue, "a/1"), Some(&Origin::Resource("one".to_owned())));
        assert_eq!(origin(&catalogue, "a/2"), Some(&Origin::ArgoConfig));
        assert_eq!(origin(&catalogue, "a/3"), Some(&Origin::Flag));
        // The entry that does not count is named; a flag that does not is not worth a word.
        assert_eq!(
            catalogue.problems.iter().map(|one| &one.origin).collect::<Vec<_>>(),
            [&Origin::ArgoConfig]
        );
        assert_eq!(catalogue.built_in.keys().collect::<Vec<_>>(), ["a/2"]);
    }

    #[test]
    fn of_two_resources_the_older_counts_in_whatever_order_they_come() {
        let mut resources = [
            resource("young", "2026-01-02T00:00:00Z", built_in("a/1")),
            resource("b-old", "2026-01-01T00:00:00Z", built_in("a/1")),
            resource("a-old", "2026-01-01T00:00:00Z", built_in("a/1")),
        ];
        let first = merge(&resources, None, &[], "here");
        assert_eq!(origin(&first, "a/1"), Some(&Origin::Resource("a-old".to_owned())));
        assert_eq!(first.problems.len(), 2);
        assert!(first.problems.iter().all(|one| one.message.contains("a-old")), "{:?}", first.problems);
        resources.reverse();
        assert_eq!(merge(&resources, None, &[], "here"), first);
    }

    #[test]
    fn what_is_wrong_does_not_make_room_for_what_comes_after_it() {
        let resources = [resource("one", "2026-01-01T00:00:00Z", json!({"name": "a/1", "source": {}}))];
        let flags = [flag("a/1", Source::Builtin("nginx".to_owned()))];
        let catalogue = merge(&resources, None, &flags, "here");
        assert!(matches!(&catalogue.entries["a/1"], Err(one) if one.reason == LoadReason::InvalidConfig));
    }

    #[test]
    fn a_digest_is_revoked_even_by_a_resource_that_is_wrong() {
        let spec = json!({"name": "a/1", "source": {}, "revoked": ["no digest", HEX]});
        let catalogue = merge(&[resource("one", "", spec)], None, &[], "here");
        assert_eq!(catalogue.revoked, BTreeSet::from([HEX.parse().unwrap()]));
    }

    fn anything() -> impl Strategy<Value = Value> {
        let keys = prop::sample::select(vec![
            "name",
            "source",
            "https",
            "url",
            "headers",
            "configMap",
            "names",
            "key",
            "sha256",
            "limits",
            "memory",
            "revoked",
            "permissions",
            "kind",
            "config",
            "location",
            "args",
            "disabled",
            "headersFrom",
            "other",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~é]{0,12}".prop_map(Value::from),
            prop::sample::select(vec!["a/1", "https://x.test", "32Mi", HEX]).prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, move |inner| {
            let key = keys.clone().prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_right_stays_whatever_is_beside_it(
            specs in prop::collection::vec(anything(), 0..4),
            entries in prop::collection::vec(anything(), 0..4),
            at in any::<prop::sample::Index>(),
        ) {
            let good = resource("good", "2000-01-01T00:00:00Z", built_in("good/resource"));
            let mut resources: Vec<Value> = specs
                .into_iter()
                .enumerate()
                .map(|(index, spec)| resource(&format!("r{index}"), "2026-01-01T00:00:00Z", spec))
                .collect();
            resources.insert(at.index(resources.len() + 1), good);
            let mut entries = entries;
            let entry = json!({"name": "good/entry", "location": "file:///p.wasm", "sha256": HEX});
            entries.insert(at.index(entries.len() + 1), entry);
            let flags = [flag("good/flag", Source::Builtin("nginx".to_owned()))];
            let catalogue = merge(&resources, Some(&config(&entries.into())), &flags, "here");
            for (name, from) in [
                ("good/resource", Origin::Resource("good".to_owned())),
                ("good/entry", Origin::ArgoConfig),
                ("good/flag", Origin::Flag),
            ] {
                prop_assert!(matches!(&catalogue.entries[name], Ok(one) if one.origin == from), "{name}");
            }
            let ordered = merge(&resources, None, &[], "here");
            resources.reverse();
            prop_assert_eq!(merge(&resources, None, &[], "here"), ordered);
        }

        #[test]
        fn no_text_in_the_config_map_ends_the_controller(text in "[-\\[\\]{}:a-z \n\"&*!|>]{0,40}") {
            let config = json!({"data": {"trafficRouterPlugins": text, "stepPlugins": text}});
            let flags = [flag("good/flag", Source::Builtin("nginx".to_owned()))];
            prop_assert!(merge(&[], Some(&config), &flags, "here").entries["good/flag"].is_ok());
        }
    }
}
