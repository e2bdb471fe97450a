//! Roles and their bindings as objects to apply.

use serde_json::{Value, json};

use super::rules::{Needs, Rule, of_all_namespaces, of_its_namespace, of_rollouts, of_the_cluster};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Who gets the roles, and where.
pub(super) struct Install {
    /// The controller's namespace.
    pub(super) namespace: String,
    /// Its service account.
    pub(super) service_account: String,
    /// What the roles are called.
    pub(super) name: String,
    /// Whether it looks after the Rollouts of its own namespace only.
    pub(super) namespaced: bool,
}

impl Install {
    /// A role each for the cluster, for the controller's namespace, and for others that plugins are fetched with something of; and
    /// their bindings.
    pub(super) fn objects(&self, needs: &Needs) -> Vec<Value> {
        let anyway = of_rollouts();
        let of_rollouts = [anyway.clone(), needs.rules(&anyway)].concat();
        let (cluster, mut own) = if self.namespaced {
            (of_the_cluster(), [of_rollouts, of_its_namespace()].concat())
        } else {
            ([of_rollouts, of_all_namespaces(), of_the_cluster()].concat(), of_its_namespace())
        };
        own.extend(needs.rules_of_names(&self.namespace, &own));
        let mut objects = self.role("ClusterRole", None, &cluster);
        objects.extend(self.role("Role", Some(&self.namespace), &own));
        for namespace in needs.namespaces() {
            if namespace != self.namespace {
                objects.extend(self.role("Role", Some(namespace), &needs.rules_of_names(namespace, &[])));
            }
        }
        objects
    }

    fn role(&self, kind: &str, namespace: Option<&str>, rules: &[Rule]) -> Vec<Value> {
        let metadata = match namespace {
            Some(namespace) => json!({ "name": self.name, "namespace": namespace }),
            None => json!({ "name": self.name }),
        };
        let api_version = format!("{GROUP}/v1");
        vec![
            json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "rules": rules }),
            json!({
                "apiVersion": api_version,
                "kind": format!("{kind}Binding"),
                "metadata": metadata,
                "roleRef": { "apiGroup": GROUP, "kind": kind, "name": self.name },
                "subjects": [{
                    "kind": "ServiceAccount",
                    "name": self.service_account,
                    "namespace": self.namespace,
                }],
            }),
        ]
    }
}
