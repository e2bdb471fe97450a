//! The two subsets of a `DestinationRule`: which pods are in them.

use tidegate_router_sdk::json::{push_member, push_text};
use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Object, Patch, Pointer, Problem, Traffic, concat};

use crate::config::NamedDestinationRule;
use crate::document::{DestinationRule, HASH_LABEL};

/// The hashes that should select the pods of each subset; `None`: no hash, so all of the host's pods.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashes<'a> {
    pub(crate) stable: Option<&'a str>,
    pub(crate) canary: Option<&'a str>,
}

impl<'a> Hashes<'a> {
    /// No subset has one.
    pub(crate) const NONE: Self = Self { stable: None, canary: None };

    /// Those of the desired traffic.
    pub(crate) fn of(traffic: &'a Traffic) -> Self {
        Self {
            stable: traffic.stable.pod_template_hash.as_deref(),
            canary: traffic.canary.pod_template_hash.as_deref(),
        }
    }
}

/// Which subsets something is said of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Which {
    pub(crate) stable: bool,
    pub(crate) canary: bool,
}

/// Whether a subset that is missing is a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    IsProblem,
    IsFine,
}

/// Adds to the patch of the object what differs in the two subsets. All other subsets, and all other labels, stay.
///
/// # Errors
/// `missing-backend` when a subset is missing.
pub(crate) fn set_hashes(
    named: &NamedDestinationRule,
    object: &Object,
    rule: &DestinationRule<'_>,
    hashes: Hashes<'_>,
    missing: Missing,
    patch: &mut Patch,
) -> Result<Which, Problem> {
    let mut set = |name: &str, hash: Option<&str>| {
        let Some(index) = rule.subsets.iter().position(|subset| subset.name.as_str() == name) else {
            return match missing {
                Missing::IsFine => Ok(false),
                Missing::IsProblem => {
                    let message = concat(&[
                        &object.ref_.to_text(),
                        " has no subset `",
                        name,
                        "`: add it, or correct ",
                        named.name.at.as_str().strip_suffix("/name").unwrap_or_default(),
                    ]);
                    Err(Problem::missing_backend(&object.ref_, message)
                        .at(Pointer::root().key("spec").key("subsets")))
                }
            };
        };
        Ok(set_hash(index, rule, hash, patch))
    };
    let stable = set(&named.stable_subset, hashes.stable)?;
    let canary = set(&named.canary_subset, hashes.canary)?;
    Ok(Which { stable, canary })
}

/// Whether it differs.
fn set_hash(index: usize, rule: &DestinationRule<'_>, hash: Option<&str>, patch: &mut Patch) -> bool {
    let Some(subset) = rule.subsets.get(index) else { return false };
    let labels = Pointer::root().key("spec").key("subsets").index(index).key("labels");
    let json = |hash: &str| {
        let mut json = String::new();
        push_text(&mut json, hash);
        json
    };
    match (hash, subset.hash.as_deref()) {
        (None, None) => return false,
        (Some(wanted), Some(seen)) if wanted == seen => return false,
        (Some(wanted), Some(_)) => patch.replace_json(&labels.key(HASH_LABEL), &json(wanted)),
        (Some(wanted), None) if subset.labels.is_some() => {
            patch.add_json(&labels.key(HASH_LABEL), &json(wanted));
        }
        (Some(wanted), None) => {
            let mut map = "{".to_owned();
            push_member(&mut map, HASH_LABEL, &json(wanted));
            map.push('}');
            patch.add_json(&labels, &map);
        }
        // As it was before the first hash.
        (None, Some(_)) if subset.labels == Some(1) => patch.remove(&labels),
        (None, Some(_)) => patch.remove(&labels.key(HASH_LABEL)),
    }
    true
}
