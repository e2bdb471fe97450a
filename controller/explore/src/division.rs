//! How a route divides the traffic of one Rollout, read from the route alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::scenario::App;

/// How a route divides the traffic of one Rollout.
#[derive(Clone, Debug)]
pub(crate) struct Division {
    pub(crate) object: Arc<Value>,
    /// For each rule with both Services: their weights, in the order of [`App::services`], and the sum of all.
    pub(crate) rules: Vec<[u64; 3]>,
    /// For each of them: the weights of other Services, by name.
    pub(crate) others: Vec<BTreeMap<String, u64>>,
    /// Whether a managed route leads to each of them.
    managed: [bool; 2],
}

/// The share of the Service at a place in a rule: weight and sum.
pub(crate) fn share(rule: &[u64; 3], place: usize) -> (u64, u64) {
    (rule.get(place).copied().unwrap_or_default(), rule.last().copied().unwrap_or(1).max(1))
}

impl Division {
    pub(crate) fn read(object: &Arc<Value>, app: &App) -> Self {
        let [first, second] = app.services();
        let mut division =
            Self { object: object.clone(), rules: Vec::new(), others: Vec::new(), managed: [false; 2] };
        for rule in list(object, "/spec/rules") {
            let mut weights = [0, 0, 0];
            let mut others = BTreeMap::new();
            let (mut has_first, mut has_second) = (false, false);
            for backend in list(rule, "/backendRefs") {
                let weight = backend.get("weight").and_then(Value::as_u64).unwrap_or(1);
                let name = backend.get("name").and_then(Value::as_str).unwrap_or_default();
                weights[2] += weight;
                if name == first {
                    has_first = true;
                    weights[0] += weight;
                } else if name == second {
                    has_second = true;
                    weights[1] += weight;
                } else {
                    *others.entry(name.to_owned()).or_default() += weight;
                }
            }
            if has_first && has_second {
                division.rules.push(weights);
                division.others.push(others);
            }
            if is_managed(rule, app) {
                division.managed[0] |= mirrors_to(rule, &first) || has_first && !has_second;
                division.managed[1] |= mirrors_to(rule, &second) || has_second && !has_first;
            }
        }
        division
    }

    /// Whether a managed route leads to the Service at this place of [`App::services`].
    pub(crate) fn leads_to(&self, place: usize) -> bool {
        self.managed.get(place).copied().unwrap_or_default()
    }

    /// The largest weight of the Service at this place.
    pub(crate) fn most(&self, place: usize) -> u64 {
        self.rules.iter().filter_map(|rule| rule.get(place)).max().copied().unwrap_or_default()
    }

    /// The largest share of the Service at this place in any rule: weight and sum.
    pub(crate) fn largest(&self, place: usize) -> (u64, u64) {
        let shares = self.rules.iter().map(|rule| share(rule, place));
        shares.fold((0, 1), |largest, one| if one.0 * largest.1 > largest.0 * one.1 { one } else { largest })
    }

    /// The largest share of another Service in any rule: weight and sum.
    pub(crate) fn largest_other(&self, service: &str) -> (u64, u64) {
        let shares = self.rules.iter().zip(&self.others).filter_map(|(rule, others)| {
            Some((*others.get(service)?, rule.last().copied().unwrap_or(1).max(1)))
        });
        shares.fold((0, 1), |largest, one| if one.0 * largest.1 > largest.0 * one.1 { one } else { largest })
    }

    /// Whether anything is sent to another Service.
    pub(crate) fn feeds_others(&self) -> bool {
        self.others.iter().flat_map(BTreeMap::values).any(|weight| *weight > 0)
    }

    /// Whether a managed route leads anywhere.
    pub(crate) fn has_managed(&self) -> bool {
        self.managed != [false; 2]
    }
}

/// Whether a rule has the name of a managed route of an app, or that of a copy of one.
pub(crate) fn is_managed(rule: &Value, app: &App) -> bool {
    let Some(name) = rule.get("name").and_then(Value::as_str) else { return false };
    app.managed.iter().any(|managed| {
        name.strip_prefix(&*managed.name).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok())
        })
    })
}

fn mirrors_to(rule: &Value, service: &str) -> bool {
    list(rule, "/filters").iter().any(|filter| {
        filter.pointer("/requestMirror/backendRef/name").and_then(Value::as_str) == Some(service)
    })
}

/// The elements of a list; none where there is no list.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
