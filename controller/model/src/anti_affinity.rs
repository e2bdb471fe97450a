//! `antiAffinity`: keeps the pods of a canary off the nodes of the stable ones, by a term that is put into the template of the
//! canary's ReplicaSet. The Rollout's own template does not have it, so it is left out where templates are compared.

use serde_json::{Map, Value, json};

use crate::names::HASH_LABEL;

/// Where terms that are preferred and terms that are required stand, in `antiAffinity` and in `podAntiAffinity` alike.
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// How far pods of the canary keep away from the stable ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AntiAffinity {
    /// Where there is another node, with this weight among preferences, from 1 to 100.
    Preferred(i64),
    /// Rather not running.
    Required,
}

impl AntiAffinity {
    /// Reads `antiAffinity`; the preference counts when both are there.
    pub fn read(value: &Value) -> Option<Self> {
        let form = |name: &str| value.get(name).filter(|form| form.is_object());
        match form(PREFERRED) {
            Some(preferred) => Some(Self::Preferred(preferred.get("weight")?.as_i64()?)),
            None => form(REQUIRED).map(|_| Self::Required),
        }
    }

    /// The affinity of a pod template, with a term against the pods with this hash in this namespace, in place of any other
    /// such term; `None` when it is no object, which the API server refuses.
    pub fn inject(self, affinity: &Value, hash: &str, namespace: &str) -> Option<Value> {
        let mut affinity = if affinity.is_null() { json!({}) } else { affinity.clone() };
        strip(&mut affinity);
        let term = json!({
            "labelSelector": {"matchExpressions": [{"key": HASH_LABEL, "operator": "In", "values": [hash]}]},
            "namespaces": [namespace],
            "topologyKey": "kubernetes.io/hostname",
        });
        let (form, term) = match self {
            Self::Preferred(weight) => (PREFERRED, json!({"weight": weight, "podAffinityTerm": term})),
            Self::Required => (REQUIRED, term),
        };
        let pods = object(affinity.as_object_mut()?.entry("podAntiAffinity").or_insert(Value::Null))?;
        let terms = pods.entry(form).or_insert(Value::Null);
        if terms.is_null() {
            *terms = json!([]);
        }
        terms.as_array_mut()?.push(term);
        Some(affinity)
    }
}

/// An object; made where there is nothing.
fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

/// The hash that an affinity keeps away from, by a term that was put in.
pub fn injected(affinity: &Value) -> Option<&str> {
    let pods = affinity.get("podAntiAffinity")?;
    let terms = [PREFERRED, REQUIRED].into_iter().filter_map(|form| pods.get(form)?.as_array());
    terms.flatten().find_map(hash_of)
}

/// Takes out what was put in, and what is empty after that.
pub fn strip(affinity: &mut Value) {
    let Some(fields) = affinity.as_object_mut() else { return };
    if let Some(pods) = fields.get_mut("podAntiAffinity").and_then(Value::as_object_mut) {
        for form in [PREFERRED, REQUIRED] {
            let Some(terms) = pods.get_mut(form).and_then(Value::as_array_mut) else { continue };
            terms.retain(|term| hash_of(term).is_none());
            if terms.is_empty() {
                pods.shift_remove(form);
            }
        }
        if pods.is_empty() {
            fields.shift_remove("podAntiAffinity");
        }
    }
}

/// The hash of a term that was put in, by us or by Argo Rollouts; `None`: it is the user's own.
fn hash_of(term: &Value) -> Option<&str> {
    let term = term.get("podAffinityTerm").unwrap_or(term);
    let expressions = term.pointer("/labelSelector/matchExpressions")?.as_array()?;
    let [expression] = expressions.as_slice() else { return None };
    let is_ours =
        expression.get("key")?.as_str()? == HASH_LABEL && expression.get("operator")?.as_str()? == "In";
    expression.get("values")?.as_array()?.first()?.as_str().filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_put_in_and_taken_out() {
        let own = json!({"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "zone"});
        let weighted = json!({"weight": 3, "podAffinityTerm": own});
        for affinity in [
            json!(null),
            json!({"nodeAffinity": {"x": 1}}),
            json!({"podAntiAffinity": {REQUIRED: [own]}}),
            json!({"podAntiAffinity": {PREFERRED: [weighted], REQUIRED: [own]}}),
        ] {
            for form in [AntiAffinity::Required, AntiAffinity::Preferred(7)] {
                let mut with = form.inject(&affinity, "abc", "shop").unwrap();
                assert_eq!(injected(&with), Some("abc"));
                assert_eq!(injected(&affinity), None);
                // Another one takes its place.
                let other = AntiAffinity::Required.inject(&with, "def", "shop").unwrap();
                assert_eq!(injected(&other), Some("def"));
                assert_eq!(AntiAffinity::Required.inject(&affinity, "def", "shop").unwrap(), other);
                strip(&mut with);
                assert_eq!(with, if affinity.is_null() { json!({}) } else { affinity.clone() });
            }
        }
    }

    #[test]
    fn terms_are_those_of_argo_rollouts() {
        let term = json!({
            "labelSelector": {"matchExpressions": [
                {"key": "rollouts-pod-template-hash", "operator": "In", "values": ["abc"]},
            ]},
            "namespaces": ["shop"],
            "topologyKey": "kubernetes.io/hostname",
        });
        assert_eq!(
            AntiAffinity::Required.inject(&Value::Null, "abc", "shop").unwrap(),
            json!({"podAntiAffinity": {REQUIRED: [term]}}),
        );
        assert_eq!(
            AntiAffinity::Preferred(50).inject(&json!({"podAntiAffinity": null}), "abc", "shop").unwrap(),
            json!({"podAntiAffinity": {PREFERRED: [{"weight": 50, "podAffinityTerm": term}]}}),
        );
    }

    #[test]
    fn what_is_odd_is_left_alone() {
        for affinity in
            [json!(7), json!([]), json!({"podAntiAffinity": 7}), json!({"podAntiAffinity": {REQUIRED: 7}})]
        {
            assert_eq!(AntiAffinity::Required.inject(&affinity, "abc", "shop"), None, "{affinity}");
            let mut stripped = affinity.clone();
            strip(&mut stripped);
            assert_eq!(stripped, affinity);
        }
        assert_eq!(AntiAffinity::read(&json!({PREFERRED: {"weight": 5}})), Some(AntiAffinity::Preferred(5)));
        assert_eq!(AntiAffinity::read(&json!({REQUIRED: {}})), Some(AntiAffinity::Required));
        for value in [json!(null), json!({}), json!({PREFERRED: {}}), json!({REQUIRED: null})] {
            assert_eq!(AntiAffinity::read(&value), None, "{value}");
        }
    }
}
