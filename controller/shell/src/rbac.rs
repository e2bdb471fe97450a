//! What to add to the controller's role when the API server forbids something, as YAML to paste.

use tidegate_api::{Request, Resource};

/// The name that URLs and rules use for a kind, guessed from English when nobody can be asked.
#[must_use]
pub fn guess_plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    if kind.ends_with('s') {
        format!("{kind}es")
    } else if let Some(stem) = kind.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        format!("{stem}ies")
    } else {
        format!("{kind}s")
    }
}

/// What to do about a kind that may not be watched.
pub(crate) fn allow_watching(group: &str, kind: &str, resource: Option<&Resource>) -> String {
    let plural = resource.map_or_else(|| guess_plural(kind), |resource| resource.plural.to_string());
    rule(group, &plural, &["get", "list", "watch"])
}

/// What to do about a request that was forbidden.
pub(crate) fn allow(request: &Request) -> String {
    use tidegate_api::Operation::{Evict, Patch, Replace};
    let resource = &request.resource;
    let plural = match &request.operation {
        Patch { subresource: Some(part), .. } | Replace { subresource: Some(part), .. } => {
            format!("{}/{part}", resource.plural)
        }
        Evict { .. } => format!("{}/eviction", resource.plural),
        _ => resource.plural.to_string(),
    };
    rule(&resource.group, &plural, &[request.verb()])
}

fn rule(group: &str, plural: &str, verbs: &[&str]) -> String {
    format!(
        "Add to the rules of the controller's ClusterRole (or Role):\n- apiGroups: [\"{group}\"]\n  resources: \
         [\"{plural}\"]\n  verbs: [\"{}\"]",
        verbs.join("\", \"")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_api::{Body, Operation, builtin};

    use super::*;

    #[test]
    fn the_rule_names_group_resource_and_verbs() {
        let rule = allow_watching("gateway.networking.k8s.io", "HTTPRoute", None);
        assert!(rule.contains("apiGroups: [\"gateway.networking.k8s.io\"]"), "{rule}");
        assert!(rule.contains("resources: [\"httproutes\"]"), "{rule}");
        assert!(rule.contains("verbs: [\"get\", \"list\", \"watch\"]"), "{rule}");
    }

    #[test]
    fn a_subresource_is_named_as_rules_name_it() {
        let request = Request {
            resource: builtin::rollouts(),
            namespace: Some("shop".to_owned()),
            operation: Operation::Patch {
                name: "cart".to_owned(),
                subresource: Some("status".to_owned()),
                body: Body::Merge(json!({})),
            },
        };
        let rule = allow(&request);
        assert!(
            rule.contains("resources: [\"rollouts/status\"]") && rule.contains("verbs: [\"patch\"]"),
            "{rule}"
        );
    }

    #[test]
    fn plurals_are_guessed_from_english() {
        for (kind, plural) in
            [("Gateway", "gateways"), ("Ingress", "ingresses"), ("BackendTLSPolicy", "backendtlspolicies")]
        {
            assert_eq!(guess_plural(kind), plural);
        }
    }
}
