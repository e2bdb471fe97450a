//! All that is configured, from all places, with one answer for each name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use serde_json::Value;
use tidegate_api::object;

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
