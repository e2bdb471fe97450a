//! What an operator installs before the controller: the CRDs as clusters have them, and the controller's rights
//! as `deploy/` grants them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tidegate_api::Resource;

use crate::admin::Admin;
use crate::wait::eventually;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub(crate) fn documents(path: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    let path = in_repository(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| {
            Value::deserialize(document).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .filter(|document| !document.is_null())
        .collect()
}

/// Creates the CRDs and waits until they are served. By a plain create, so that an old server ignores what it
/// does not know instead of refusing it.
pub(crate) async fn install(admin: &Admin) {
    let crds = Resource::cluster_scoped(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    );
    let foreign = ["rollouts", "httproutes", "grpcroutes", "tcproutes", "tlsroutes", "istio", "argo"];
    let foreign = foreign.map(|name| format!("tests/crds/{name}.yaml"));
    for path in foreign.iter().map(String::as_str).chain([OURS]) {
        for crd in documents(path) {
            let name = tidegate_api::object::name(&crd).to_owned();
            admin.create(&crds, &crd).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            eventually("the CRD is established", || async {
                let crd = admin.get(&crds, "", &name).await.map_err(|error| error.to_string())?;
                let conditions = crd["status"]["conditions"].as_array().cloned().unwrap_or_default();
                let established = conditions
                    .iter()
                    .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
                if established { Ok(()) } else { Err(format!("{conditions:?}")) }
            })
            .await;
        }
    }
}

/// Creates the controller's namespace, and what `deploy/kustomize` lets it do.
pub(crate) async fn grant(admin: &Admin) {
    let namespaces = Resource::cluster_scoped("", "v1", "Namespace", "namespaces");
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    admin.create(&namespaces, &namespace).await.expect("creating the controller's namespace");
    for object in documents("deploy/kustomize/rbac.yaml") {
        let kind = object["kind"].as_str().expect("a kind");
        let resource = match kind {
            "ServiceAccount" => Resource::namespaced("", "v1", kind, "serviceaccounts"),
            "Role" => Resource::namespaced(RBAC, "v1", kind, "roles"),
            "RoleBinding" => Resource::namespaced(RBAC, "v1", kind, "rolebindings"),
            "ClusterRole" => Resource::cluster_scoped(RBAC, "v1", kind, "clusterroles"),
            "ClusterRoleBinding" => Resource::cluster_scoped(RBAC, "v1", kind, "clusterrolebindings"),
            other => panic!("rbac.yaml has a {other}"),
        };
        admin.create(&resource, &object).await.unwrap_or_else(|error| panic!("{object}: {error}"));
    }
}

/// The namespace in which the controller runs.
pub(crate) const NAMESPACE: &str = "argo-rollouts";
/// Its service account.
pub(crate) const SERVICE_ACCOUNT: &str = "tidegate";

/// The definition of router plugins, as it is installed.
const OURS: &str = "deploy/helm/tidegate/crds/routerplugins.yaml";

pub(crate) const RBAC: &str = "rbac.authorization.k8s.io";

/// A token of the controller's service account, as its pod would have one.
pub(crate) async fn token(admin: &Admin) -> String {
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": { "expirationSeconds": 36000 },
    });
    let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{SERVICE_ACCOUNT}/token");
    let answer = admin.raw("POST", &path, Some(&request)).await.expect("asking for a token");
    answer["status"]["token"].as_str().expect("a token").to_owned()
}
