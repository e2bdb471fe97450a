//! Rollouts and what is around them, of the sizes that are usual: two containers with what such containers have, and all that
//! `kubectl apply` leaves behind.

use serde_json::{Value, json};

/// The name under which the plugin is configured.
pub(crate) const PLUGIN: &str = "argoproj-labs/gatewayAPI";

/// The pods of each Rollout. The controller does not look at them, the server has to keep them.
pub(crate) const REPLICAS: i64 = 2;

/// The steps of each update: five weights.
fn steps() -> Value {
    json!([{"setWeight": 10}, {"setWeight": 25}, {"setWeight": 50}, {"setWeight": 75}, {"setWeight": 90}])
}

/// The objects of one app, without a namespace: Services, route, Rollout.
pub(crate) fn app(name: &str) -> Vec<Value> {
    let mut objects = vec![
        service(&format!("{name}-stable"), name),
        service(&format!("{name}-canary"), name),
        route(name),
        rollout(name),
    ];
    for object in &mut objects {
        let applied = object.to_string();
        let annotation = "kubectl.kubernetes.io/last-applied-configuration";
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("annotations".into(), json!({annotation: applied}));
        }
    }
    objects
}

/// The containers of an app's pods, at this version.
pub(crate) fn containers(name: &str, version: u32) -> Value {
    let environment: Vec<Value> = (0..12)
        .map(|number| json!({"name": format!("SETTING_{number}"), "value": format!("value-{number}-of-{name}")}))
        .collect();
    let probe = |path: &str| {
        json!({
            "httpGet": {"path": path, "port": 8080, "scheme": "HTTP"},
            "initialDelaySeconds": 5, "periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1,
        })
    };
    let resources = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}});
    let main = json!({
        "name": "main",
        "image": format!("registry.example.com/shop/{name}:v{version}"),
        "imagePullPolicy": "IfNotPresent",
        "args": ["--listen=:8080", "--metrics=:9090", "--log-format=json"],
        "env": environment,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
        "readinessProbe": probe("/readyz"),
        "livenessProbe": probe("/healthz"),
        "resources": resources("250m", "512Mi"),
        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}, {"name": "tmp", "mountPath": "/tmp"}],
    });
    let proxy = json!({
        "name": "proxy",
        "image": "registry.example.com/platform/proxy:1.29",
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "proxy", "containerPort": 15000, "protocol": "TCP"}],
        "readinessProbe": probe("/ready"),
        "resources": resources("50m", "64Mi"),
    });
    json!([main, proxy])
}

fn labels(name: &str) -> Value {
    json!({
        "app": name,
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": "shop",
        "app.kubernetes.io/managed-by": "argocd",
        "team": "checkout",
    })
}

fn rollout(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "replicas": REPLICAS,
            "revisionHistoryLimit": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels(name), "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090"}},
                "spec": {
                    "serviceAccountName": name,
                    "containers": containers(name, 0),
                    "terminationGracePeriodSeconds": 30,
                    "topologySpreadConstraints": [{
                        "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": {"app": name}},
                    }],
                    "volumes": [{"name": "config", "configMap": {"name": name}}, {"name": "tmp", "emptyDir": {}}],
                },
            },
            "strategy": {"canary": {
                "stableService": format!("{name}-stable"),
                "canaryService": format!("{name}-canary"),
                "scaleDownDelaySeconds": 1,
                "trafficRouting": {"plugins": {PLUGIN: {"httpRoute": name}}},
                "steps": steps(),
            }},
        },
    })
}

fn service(name: &str, app: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels(app)},
        "spec": {
            "selector": {"app": app},
            "ports": [
                {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
                {"name": "metrics", "port": 9090, "targetPort": "metrics", "protocol": "TCP"},
            ],
        },
    })
}

fn route(name: &str) -> Value {
    let backends = json!([
        {"name": format!("{name}-stable"), "port": 80, "weight": 100},
        {"name": format!("{name}-canary"), "port": 80, "weight": 0},
    ]);
    let rule = |prefix: &str| {
        json!({
            "matches": [{"path": {"type": "PathPrefix", "value": prefix}}],
            "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-app", "value": name}]}}],
            "backendRefs": backends,
        })
    };
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
            "hostnames": [format!("{name}.shop.example.com")],
            "rules": [rule("/api"), rule("/")],
        },
    })
}
