//! Whether another namespace agrees that Rollouts of this one look at its objects, and change them: by a
//! `ReferenceGrant` of the Gateway API in that namespace, whatever the kind of the objects.
//!
//! Its namespaces are watched for grants only while a router asks for objects there. Until it is known which grants
//! there are, nothing of that namespace is shown to a plugin, and so nothing of it is written.

use serde_json::Value;
use tidegate_contract::{Kind, KindUse, Query, Selection};

use crate::cache::State;
use crate::caches::{Caches, Found};
use crate::name::Name;
use crate::rbac;

/// The group and kind of grants.
pub(crate) const REFERENCE_GRANT: (&str, &str) = ("gateway.networking.k8s.io", "ReferenceGrant");

/// The versions that are understood, best first.
pub(crate) const VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// Whether it is another namespace than the Rollout's that a query looks into.
pub(crate) fn elsewhere<'q>(query: &'q Query, home: &str) -> Option<&'q str> {
    query.namespace.as_deref().filter(|namespace| *namespace != home)
}

impl Caches {
    /// What a query finds that looks into another namespace: nothing that this one does not agree to.
    pub(crate) fn find_elsewhere(
        &self,
        query: &Query,
        kinds: &[KindUse],
        home: &str,
        namespace: &str,
    ) -> Found {
        let found = self.find(query, kinds, home);
        let Found::Objects(watch, _) = &found else { return found };
        let resource = self.cache(*watch).and_then(|cache| cache.resource.as_ref());
        if resource.is_some_and(|resource| !resource.namespaced) {
            return found;
        }
        let missing = |note: &str| {
            let message = format!("{}{note}", how_to_agree(query, home, namespace));
            Found::Refused("ReferenceGrantMissing", message)
        };
        let Some(grants) = self.known_reference_grants(namespace) else { return Found::Unknown };
        match &grants.state {
            State::Unknown => return Found::Unknown,
            State::Forbidden(message) => {
                let (group, kind) = REFERENCE_GRANT;
                let remedy = rbac::allow_watching(group, kind, None);
                let message =
                    format!("{kind}s of namespace {namespace} may not be watched: {message}\n{remedy}");
                return Found::Refused("Forbidden", message);
            }
            State::NotServed => {
                return missing(
                    "\nThe API server does not serve ReferenceGrants: install the custom resource definitions of \
                     the Gateway API first.",
                );
            }
            State::Synced => {}
        }
        let name = match &query.select {
            Selection::Name(name) => Some(name.as_str()),
            Selection::Labels(_) => None,
        };
        let agrees = |name_of_grant: &Name| {
            grants.read(name_of_grant).is_some_and(|grant| permits(&grant, home, &query.kind, name))
        };
        if grants.in_namespace(namespace).any(|(grant, _)| agrees(grant)) { found } else { missing("") }
    }
}

/// Whether a grant lets Rollouts of a namespace refer to an object of its own, or to all of a kind.
fn permits(grant: &Value, home: &str, kind: &Kind, name: Option<&str>) -> bool {
    let list = |key: &str| {
        grant.get("spec").and_then(|spec| spec.get(key)).and_then(Value::as_array).into_iter().flatten()
    };
    let text =
        |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let from = list("from").any(|from| {
        text(from, "group") == "argoproj.io"
            && text(from, "kind") == "Rollout"
            && text(from, "namespace") == home
    });
    let to = list("to").any(|to| {
        let named = text(to, "name");
        text(to, "group") == kind.group
            && text(to, "kind") == kind.kind
            && (named.is_empty() || Some(named.as_str()) == name)
    });
    from && to
}

/// What is missing, as YAML to apply.
fn how_to_agree(query: &Query, home: &str, namespace: &str) -> String {
    let Kind { group, kind } = &query.kind;
    let (which, name) = match &query.select {
        Selection::Name(name) => (format!("{kind} {namespace}/{name}"), format!("\n    name: {name}")),
        Selection::Labels(_) => (format!("{kind}s of namespace {namespace}"), String::new()),
    };
    format!(
        "Rollouts of namespace {home} may use {which} only when namespace {namespace} agrees. To agree, apply:\n\
         apiVersion: gateway.networking.k8s.io/v1beta1\n\
         kind: ReferenceGrant\n\
         metadata:\n  name: rollouts-of-{home}\n  namespace: {namespace}\n\
         spec:\n  from:\n  - group: argoproj.io\n    kind: Rollout\n    namespace: {home}\n  \
         to:\n  - group: \"{group}\"\n    kind: {kind}{name}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_grant_names_who_may_and_what() {
        let route = Kind::new("gateway.networking.k8s.io", "HTTPRoute");
        let from = json!({"group": "argoproj.io", "kind": "Rollout", "namespace": "shop"});
        let to = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"});
        let named = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"});
        let service = json!({"group": "", "kind": "Service"});
        let other = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"});
        for (from, to, name, expected) in [
            (json!([from]), json!([to]), Some("web"), true),
            (json!([from]), json!([to]), None, true),
            (json!([other, from]), json!([service, to]), Some("web"), true),
            (json!([from]), json!([named]), Some("web"), true),
            (json!([from]), json!([named]), Some("api"), false),
            (json!([from]), json!([named]), None, false),
            (json!([from]), json!([service]), Some("web"), false),
            (json!([other]), json!([to]), Some("web"), false),
            (json!([]), json!([to]), Some("web"), false),
            (json!(null), json!([to]), Some("web"), false),
        ] {
            let grant = json!({"spec": {"from": from, "to": to}});
            assert_eq!(permits(&grant, "shop", &route, name), expected, "{grant} {name:?}");
            assert!(!permits(&grant, "other", &route, name), "{grant}");
        }
        assert!(!permits(&json!({}), "shop", &route, None));
    }

    #[test]
    fn what_is_to_be_applied_is_what_is_looked_for() {
        for select in [Selection::Name("web".into()), Selection::Labels("app=web".into())] {
            let kind = Kind::new("networking.istio.io", "VirtualService");
            let query = Query { kind, namespace: Some("mesh".into()), select, optional: false };
            let text = how_to_agree(&query, "shop", "mesh");
            assert!(
                text.contains("\n  namespace: mesh\n") && text.contains("\n    namespace: shop\n"),
                "{text}"
            );
            assert!(
                text.contains("\n  to:\n  - group: \"networking.istio.io\"\n    kind: VirtualService"),
                "{text}"
            );
        }
    }
}
