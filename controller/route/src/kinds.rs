//! Kinds that no router gets, whatever it describes and whatever an operator grants.

use tidegate_contract::Kind;

/// Groups whose objects decide who may do what, what runs and where, and what the API itself is; and our own.
const NEVER_WRITTEN: [&str; 22] = [
    "rbac.authorization.k8s.io",
    "authorization.k8s.io",
    "authentication.k8s.io",
    "certificates.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "node.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "policy",
    "autoscaling",
    "apps",
    "batch",
    "security.istio.io",
    "argoproj.io",
];

/// A group with this part is ours: nothing that a plugin writes may say what plugins may do.
const OURS: &str = "tidegate";

/// Kinds of the core group that hold credentials, run programs, or belong to the cluster's operator.
const NEVER_WRITTEN_CORE: [&str; 14] = [
    "Secret",
    "ServiceAccount",
    "Pod",
    "PodTemplate",
    "ReplicationController",
    "Binding",
    "Endpoints",
    "Event",
    "LimitRange",
    "Node",
    "Namespace",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ResourceQuota",
];

/// Kinds of groups that also hold routes: who may refer to whom, and who may talk to whom.
const NEVER_WRITTEN_BESIDE_ROUTES: [(&str, &str); 3] = [
    ("gateway.networking.k8s.io", "ReferenceGrant"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("networking.k8s.io", "IngressClass"),
];

/// Whether objects of this kind may be shown to a router that asks for it.
pub(crate) fn may_be_read(kind: &Kind) -> bool {
    !(kind.group.is_empty() && kind.kind == "Secret")
}

/// Whether objects of this kind may be changed, made and removed by a router that asks for it.
pub(crate) fn may_be_changed(kind: &Kind) -> bool {
    let (group, name) = (kind.group.as_str(), kind.kind.as_str());
    let is_reserved = group.split('.').any(|part| part == OURS)
        || NEVER_WRITTEN.contains(&group)
        || NEVER_WRITTEN_BESIDE_ROUTES.contains(&(group, name))
        || group.is_empty() && NEVER_WRITTEN_CORE.contains(&name);
    may_be_read(kind) && !is_reserved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_changed_and_secrets_not_even_read() {
        for (group, kind, read, changed) in [
            ("gateway.networking.k8s.io", "HTTPRoute", true, true),
            ("networking.istio.io", "VirtualService", true, true),
            ("networking.k8s.io", "Ingress", true, true),
            ("", "Service", true, true),
            ("", "ConfigMap", true, true),
            ("", "Secret", false, false),
            ("", "Pod", true, false),
            ("", "ServiceAccount", true, false),
            ("", "Endpoints", true, false),
            ("apps", "Deployment", true, false),
            ("apps", "ReplicaSet", true, false),
            ("batch", "Job", true, false),
            ("argoproj.io", "Rollout", true, false),
            ("argoproj.io", "AnalysisRun", true, false),
            ("rbac.authorization.k8s.io", "Role", true, false),
            ("authentication.k8s.io", "TokenRequest", true, false),
            ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", true, false),
            ("apiextensions.k8s.io", "CustomResourceDefinition", true, false),
            ("apiregistration.k8s.io", "APIService", true, false),
            ("discovery.k8s.io", "EndpointSlice", true, false),
            ("gateway.networking.k8s.io", "ReferenceGrant", true, false),
            ("networking.k8s.io", "NetworkPolicy", true, false),
            ("tidegate.io", "RouterPlugin", true, false),
            ("config.tidegate.io", "RouterPlugin", true, false),
            ("nottidegate.io", "Route", true, true),
            ("example.com", "Secret", true, true),
        ] {
            let kind = Kind::new(group, kind);
            assert_eq!((may_be_read(&kind), may_be_changed(&kind)), (read, changed), "{kind}");
        }
    }
}
