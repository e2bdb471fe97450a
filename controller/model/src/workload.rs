//! `spec.workloadRef`: a Rollout whose template stands in another object of its namespace.
//!
//! Template and selector are read from there each time and never written into the Rollout.

use serde_json::Value;
use tidegate_api::{Resource, builtin};

/// The object that a Rollout takes its template from, as the Rollout names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadRef {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// What becomes of its pods.
    pub scale_down: ScaleDown,
}

/// The kinds that have a template for a Rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` ReplicaSet.
    ReplicaSet,
    /// Core PodTemplate, which has no selector.
    PodTemplate,
}

/// `spec.workloadRef.scaleDown`: when a Deployment gives its pods up for those of the Rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScaleDown {
    /// Its size is not touched.
    #[default]
    Never,
    /// Once the Rollout is healthy.
    OnSuccess,
    /// Pod by pod, as those of the Rollout become available.
    Progressively,
}

/// The values of `spec.workloadRef.scaleDown`.
pub(crate) const SCALE_DOWN: [(&str, ScaleDown); 3] = [
    ("never", ScaleDown::Never),
    ("onsuccess", ScaleDown::OnSuccess),
    ("progressively", ScaleDown::Progressively),
];

impl WorkloadKind {
    const ALL: [Self; 3] = [Self::Deployment, Self::ReplicaSet, Self::PodTemplate];

    /// The resource that serves it.
    pub fn resource(self) -> Resource {
        match self {
            Self::Deployment => builtin::deployments(),
            Self::ReplicaSet => builtin::replica_sets(),
            Self::PodTemplate => builtin::pod_templates(),
        }
    }

    /// The template in such an object.
    pub fn template(self, workload: &Value) -> &Value {
        let template = match self {
            Self::Deployment | Self::ReplicaSet => workload.pointer("/spec/template"),
            Self::PodTemplate => workload.get("template"),
        };
        template.unwrap_or(&Value::Null)
    }

    /// The selector in such an object.
    pub fn selector(self, workload: &Value) -> &Value {
        let selector = match self {
            Self::Deployment | Self::ReplicaSet => workload.pointer("/spec/selector"),
            Self::PodTemplate => None,
        };
        selector.unwrap_or(&Value::Null)
    }
}

/// What a Rollout refers to; `None`: nothing, or nothing that can be meant ([`refusal`] says what is wrong).
pub fn workload_ref(rollout: &Value) -> Option<WorkloadRef> {
    let reference = reference(rollout)?;
    let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, kind, name) = (text("apiVersion"), text("kind"), text("name"));
    let kind = WorkloadKind::ALL.into_iter().find(|one| {
        let resource = one.resource();
        resource.api_version() == version && &*resource.kind == kind
    })?;
    let scale_down = SCALE_DOWN.iter().find(|(value, _)| *value == text("scaleDown"));
    let scale_down = scale_down.map(|(_, when)| *when).unwrap_or_default();
    (!name.is_empty()).then(|| WorkloadRef { kind, name: name.to_owned(), scale_down })
}

/// Why what a Rollout refers to cannot be meant, in the words of Argo Rollouts; `None`: it can, or it refers to nothing.
pub fn refusal(rollout: &Value) -> Option<String> {
    let reference = reference(rollout)?;
    let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or_default();
    if !is_empty_template(rollout.pointer("/spec/template").unwrap_or(&Value::Null)) {
        return Some("template must be empty for workload reference rollout".to_owned());
    }
    let version = text("apiVersion");
    let kinds = || WorkloadKind::ALL.into_iter().map(WorkloadKind::resource);
    if kinds().any(|known| known.api_version() == version && &*known.kind == text("kind")) {
        return None;
    }
    let group = version.split_once('/').map_or("", |(group, _)| group);
    Some(format!("workload of type {group}/{} is not supported", text("kind")))
}

/// Whether a Rollout refers to a workload.
pub fn is_referring(rollout: &Value) -> bool {
    reference(rollout).is_some()
}

/// Where a Rollout takes its template from: itself, or what it refers to.
pub fn template<'a>(rollout: &'a Value, workload: Option<&'a Value>) -> &'a Value {
    match workload_ref(rollout) {
        Some(reference) => workload.map_or(&Value::Null, |workload| reference.kind.template(workload)),
        None if is_referring(rollout) => &Value::Null,
        None => rollout.pointer("/spec/template").unwrap_or(&Value::Null),
    }
}

/// A Rollout's selector; its own comes first.
pub fn selector<'a>(rollout: &'a Value, workload: Option<&'a Value>) -> &'a Value {
    let own = rollout.pointer("/spec/selector").filter(|own| !own.is_null());
    let borrowed = || Some(workload_ref(rollout)?.kind.selector(workload?));
    own.or_else(borrowed).unwrap_or(&Value::Null)
}

fn reference(rollout: &Value) -> Option<&Value> {
    rollout.pointer("/spec/workloadRef").filter(|reference| !reference.is_null())
}

/// Whether a template says nothing. Some clients write an empty one with its empty members.
fn is_empty_template(template: &Value) -> bool {
    match template {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty_template),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rollout(reference: Value) -> Value {
        json!({"spec": {"workloadRef": reference}})
    }

    #[test]
    fn kinds_are_known_by_group_and_version() {
        for (version, kind, refused) in [
            ("apps/v1", "Deployment", None),
            ("apps/v1", "ReplicaSet", None),
            ("v1", "PodTemplate", None),
            ("apps/v1", "StatefulSet", Some("workload of type apps/StatefulSet is not supported")),
            ("v1", "Deployment", Some("workload of type /Deployment is not supported")),
            ("apps/v1beta1", "Deployment", Some("workload of type apps/Deployment is not supported")),
            ("", "", Some("workload of type / is not supported")),
        ] {
            let rollout = rollout(json!({"apiVersion": version, "kind": kind, "name": "web"}));
            assert_eq!(refusal(&rollout).as_deref(), refused, "{version} {kind}");
            assert_eq!(workload_ref(&rollout).is_some(), refused.is_none(), "{version} {kind}");
        }
        assert_eq!(workload_ref(&json!({"spec": {}})), None);
        assert_eq!(refusal(&json!({"spec": {"workloadRef": null, "template": {"spec": 1}}})), None);
    }

    #[test]
    fn only_an_empty_template_may_stand_beside_a_reference() {
        for (template, is_empty) in [
            (json!(null), true),
            (json!({}), true),
            (json!({"metadata": {"creationTimestamp": null}, "spec": {"containers": []}}), true),
            (json!({"metadata": {"labels": {"app": "web"}}}), false),
            (json!({"spec": {"containers": [{"name": "web"}]}}), false),
        ] {
            let mut rollout = rollout(json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}));
            rollout["spec"]["template"] = template.clone();
            assert_eq!(refusal(&rollout).is_none(), is_empty, "{template}");
        }
    }

    #[test]
    fn the_template_is_the_workloads_and_the_selector_the_rollouts_first() {
        let labels = |app: &str| json!({"matchLabels": {"app": app}});
        let template = json!({"metadata": {"labels": {"app": "web"}}});
        let deployment = json!({"spec": {"template": template, "selector": labels("web")}});
        let mut referring = rollout(json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}));
        assert_eq!(super::template(&referring, Some(&deployment)), &template);
        assert_eq!(super::template(&referring, None), &Value::Null);
        assert_eq!(selector(&referring, Some(&deployment)), &labels("web"));
        assert_eq!(selector(&referring, None), &Value::Null);
        referring["spec"]["selector"] = labels("own");
        assert_eq!(selector(&referring, Some(&deployment)), &labels("own"));

        let pods = rollout(json!({"apiVersion": "v1", "kind": "PodTemplate", "name": "web"}));
        let pod_template = json!({"template": template});
        assert_eq!(super::template(&pods, Some(&pod_template)), &template);
        assert_eq!(selector(&pods, Some(&pod_template)), &Value::Null);

        let plain = json!({"spec": {"template": template, "selector": labels("web")}});
        assert_eq!(super::template(&plain, Some(&deployment)), &template);
    }
}
