//! Kinds that no router gets, whatever it describes.

use tidegate_contract::Kind;

/// Groups whose objects decide who may do what, what runs, and what the API itself is; and our own.
const NEVER_WRITTEN: [&str; 10] = [
    "rbac.authorization.k8s.io",
    "authorization.k8s.io",
    "authentication.k8s.io",
    "certificates.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "batch",
    "argoproj.io",
];

/// Kinds of the core group that hold credentials, run programs, or belong to the cluster's operator.
const NEVER_WRITTEN_CORE: [&str; 10] = [
    "Secret",
    "ServiceAccount",
    "Pod",
    "PodTemplate",
    "ReplicationController",
    "Node",
    "Namespace",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ResourceQuota",
];

/// Whether objects of this kind may be shown to a router that asks for it.
pub(crate) fn may_be_read(kind: &Kind) -> bool {
    !(kind.group.is_empty() && kind.kind == "Secret")
}

/// Whether objects of this kind may be changed by a router that asks for it.
pub(crate) fn may_be_changed(kind: &Kind) -> bool {
    may_be_read(kind)
        && !NEVER_WRITTEN.contains(&kind.group.as_str())
        && !(kind.group.is_empty() && NEVER_WRITTEN_CORE.contains(&kind.kind.as_str()))
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
            ("", "Secret", false, false),
            ("", "Pod", true, false),
            ("apps", "Deployment", true, false),
            ("argoproj.io", "Rollout", true, false),
            ("rbac.authorization.k8s.io", "Role", true, false),
            ("example.com", "Secret", true, true),
        ] {
            let kind = Kind::new(group, kind);
            assert_eq!((may_be_read(&kind), may_be_changed(&kind)), (read, changed), "{kind}");
        }
    }
}
