use super::*;
use crate::pod_shape::PodTemplateSpec;
use crate::shape::{Field, Shape};
use proptest::prelude::*;
use serde_json::{Map, json};

/// A template with one container that has these fields too.
fn container(fields: &Value) -> Value {
    let mut container = json!({"name": "app", "image": "app:1"});
    for (key, value) in fields.as_object().into_iter().flatten() {
        container[key] = value.clone();
    }
    spec(&json!({"containers": [container]}))
}

/// A template with this spec.
fn spec(spec: &Value) -> Value {
    json!({"metadata": {"labels": {"app": "a"}}, "spec": spec})
}

/// A template with this volume.
fn volume(volume: &Value) -> Value {
    spec(&json!({"containers": [{"name": "app", "image": "app:1"}], "volumes": [volume]}))
}

#[test]
fn a_stored_template_is_what_was_written() {
    let written = json!({
        "metadata": {"labels": {"app": "shop"}, "creationTimestamp": null},
        "spec": {
            "serviceAccount": "shop",
            "hostNetwork": true,
            "nodeSelector": {},
            "tolerations": [],
            "containers": [{
                "name": "app",
                "image": "registry.example:5000/shop/app",
                "ports": [{"containerPort": 8080}],
                "env": [
                    {"name": "EMPTY", "value": ""},
                    {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                ],
                "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {}},
                "readinessProbe": {"httpGet": {"port": "http"}, "initialDelaySeconds": 0},
                "livenessProbe": {"grpc": {"port": 9000}},
                "lifecycle": {"preStop": {"httpGet": {"port": 8080, "path": "/stop"}}},
            }],
            "initContainers": [{"name": "init", "image": "init:2", "command": []}],
            "volumes": [
                {"name": "scratch"},
                {"name": "settings", "configMap": {"name": "settings"}},
                {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 256}},
                {"name": "host", "hostPath": {"path": "/var"}},
                {"name": "all", "projected": {"sources": [
                    {"serviceAccountToken": {"path": "token"}},
                    {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                ]}},
            ],
        },
    });
    let stored = json!({
        "metadata": {"labels": {"app": "shop", "rollouts-pod-template-hash": "54649b9f5c"}},
        "spec": {
            "containers": [{
                "env": [
                    {"name": "EMPTY"},
                    {"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                    {"name": "CPU", "valueFrom": {"resourceFieldRef": {"divisor": "0", "resource": "limits.cpu"}}},
                ],
                "image": "registry.example:5000/shop/app",
                "imagePullPolicy": "Always",
                "lifecycle": {"preStop": {"httpGet": {"path": "/stop", "port": 8080, "scheme": "HTTP"}}},
                "livenessProbe": {
                    "failureThreshold": 3, "grpc": {"port": 9000, "service": ""}, "periodSeconds": 10,
                    "successThreshold": 1, "timeoutSeconds": 1,
                },
                "name": "app",
                "ports": [{"containerPort": 8080, "hostPort": 8080, "protocol": "TCP"}],
                "readinessProbe": {
                    "failureThreshold": 3, "httpGet": {"path": "/", "port": "http", "scheme": "HTTP"},
                    "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1,
                },
                "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }],
            "dnsPolicy": "ClusterFirst",
            "hostNetwork": true,
            "initContainers": [{
                "image": "init:2", "imagePullPolicy": "IfNotPresent", "name": "init", "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "serviceAccount": "shop",
            "serviceAccountName": "shop",
            "terminationGracePeriodSeconds": 30,
            "volumes": [
                {"emptyDir": {}, "name": "scratch"},
                {"configMap": {"defaultMode": 420, "name": "settings"}, "name": "settings"},
                {"name": "keys", "secret": {"defaultMode": 256, "secretName": "keys"}},
                {"hostPath": {"path": "/var", "type": ""}, "name": "host"},
                {"name": "all", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3600, "path": "token"}},
                    {"downwardAPI": {"items": [
                        {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}, "path": "name"},
                    ]}},
                ]}},
            ],
        },
    });
    assert_eq!(comparable(&written), comparable(&stored));
    assert!(equal(&written, &stored));
}

#[test]
fn spellings_of_one_template_are_equal() {
    for (one, other) in [
        (json!(null), json!({})),
        (json!({}), json!({"metadata": {"labels": {"rollouts-pod-template-hash": "x"}}, "spec": {}})),
        (json!({"metadata": {"creationTimestamp": null}}), json!({"metadata": {"annotations": {}}})),
        (container(&json!({})), container(&json!({"imagePullPolicy": "IfNotPresent", "resources": {}}))),
        (container(&json!({"image": "a"})), container(&json!({"image": "a", "imagePullPolicy": "Always"}))),
        (container(&json!({"image": "a@sha256:00"})), {
            container(&json!({"image": "a@sha256:00", "imagePullPolicy": "IfNotPresent"}))
        }),
        (
            container(&json!({"image": "h:1/a"})),
            container(&json!({"image": "h:1/a", "imagePullPolicy": "Always"})),
        ),
        (container(&json!({"tty": false, "stdin": false})), container(&json!({}))),
        (
            container(&json!({"resources": {"requests": {"cpu": "0.1", "memory": 1024}}})),
            container(&json!({"resources": {"requests": {"memory": "1Ki", "cpu": "100m"}}})),
        ),
        (
            spec(&json!({"hostPID": false, "priorityClassName": ""})),
            spec(&json!({"dnsPolicy": "ClusterFirst"})),
        ),
        (
            spec(&json!({"serviceAccountName": "a", "serviceAccount": "a"})),
            spec(&json!({"serviceAccountName": "a"})),
        ),
        (volume(&json!({"name": "v"})), volume(&json!({"name": "v", "emptyDir": {"medium": ""}}))),
        (
            volume(&json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}})),
            volume(
                &json!({"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {"volumeMode": "Filesystem"}}}}),
            ),
        ),
    ] {
        assert!(equal(&one, &other), "{one}\n{other}");
    }
}

#[test]
fn what_changes_the_pods_differs() {
    for (one, other) in [
        (container(&json!({"image": "app:1"})), container(&json!({"image": "app:2"}))),
        (container(&json!({"imagePullPolicy": "Always"})), container(&json!({}))),
        (container(&json!({"env": [{"name": "A", "value": "1"}]})), container(&json!({}))),
        (
            container(&json!({"env": [{"name": "A"}, {"name": "B"}]})),
            container(&json!({"env": [{"name": "B"}, {"name": "A"}]})),
        ),
        (container(&json!({"securityContext": {"runAsNonRoot": false}})), container(&json!({}))),
        (
            container(&json!({"securityContext": {"runAsUser": 0}})),
            container(&json!({"securityContext": {}})),
        ),
        (spec(&json!({"automountServiceAccountToken": false})), spec(&json!({}))),
        (spec(&json!({"terminationGracePeriodSeconds": 0})), spec(&json!({}))),
        (spec(&json!({"serviceAccountName": "a"})), spec(&json!({"serviceAccountName": "b"}))),
        (json!({"metadata": {"labels": {"a": "1"}}}), json!({"metadata": {"labels": {"a": "2"}}})),
        (json!({"metadata": {"annotations": {"a": ""}}}), json!({})),
        (
            container(&json!({"resources": {"limits": {"cpu": "1"}}})),
            container(&json!({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}})),
        ),
        (container(&json!({"ports": [{"containerPort": 80}]})), {
            container(&json!({"ports": [{"containerPort": 80, "hostPort": 80}]}))
        }),
        (volume(&json!({"name": "v", "secret": {"secretName": "s"}})), {
            volume(&json!({"name": "v", "secret": {"secretName": "s", "defaultMode": 256}}))
        }),
        // All namespaces, and the pod's own.
        (anti_affinity(&json!({"topologyKey": "zone", "namespaceSelector": {}})), {
            anti_affinity(&json!({"topologyKey": "zone"}))
        }),
        // Fields that are not known still count.
        (spec(&json!({"fromTheFuture": 1})), spec(&json!({"fromTheFuture": 2}))),
    ] {
        assert!(!equal(&one, &other), "{one}\n{other}");
    }
}

/// A template with this term of anti-affinity.
fn anti_affinity(term: &Value) -> Value {
    spec(
        &json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}),
    )
}

/// A value of a shape, with now and then a spelling of nothing, or a value of another type.
fn shaped(shape: Shape) -> BoxedStrategy<Value> {
    let right = match shape {
        Shape::Text => prop_oneof![Just(json!("")), Just(json!("app:1")), Just(json!("app"))].boxed(),
        Shape::Flag => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Integer => (0..3_i64).prop_map(Value::from).boxed(),
        Shape::Quantity => "[0-9]{1,3}(|\\.[0-9]|m|Mi|k|e3)".prop_map(Value::from).boxed(),
        Shape::IntOrString => prop_oneof![Just(json!(0)), Just(json!(80)), Just(json!("http"))].boxed(),
        Shape::Time => Just(json!("2026-01-01T00:00:00Z")).boxed(),
        Shape::Raw => Just(json!({"f:spec": {}})).boxed(),
        Shape::Optional(inner) => shaped(*inner),
        Shape::List(inner) => prop::collection::vec(shaped(*inner), 0..3).prop_map(Value::from).boxed(),
        Shape::Map(inner) => prop::collection::btree_map("[ab]", shaped(*inner), 0..3)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
            .boxed(),
        Shape::Struct(fields) => shaped_struct(fields),
    };
    prop_oneof![12 => right, 1 => Just(Value::Null), 1 => Just(json!(7)), 1 => Just(json!({"x": []}))].boxed()
}

/// Up to four fields of a struct.
fn shaped_struct(fields: &'static [Field]) -> BoxedStrategy<Value> {
    prop::collection::vec(prop::sample::select(fields), 0..4)
        .prop_flat_map(|fields| {
            fields
                .into_iter()
                .map(|field| shaped(field.shape).prop_map(move |value| (field.name.to_owned(), value)))
                .collect::<Vec<_>>()
        })
        .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>()))
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn filling_in_defaults_twice_changes_nothing(template in shaped(PodTemplateSpec)) {
        let once = comparable(&template);
        prop_assert_eq!(&comparable(&once), &once);
    }

    #[test]
    fn equality_is_reflexive_and_symmetric(one in shaped(PodTemplateSpec), other in shaped(PodTemplateSpec)) {
        prop_assert!(equal(&one, &one));
        prop_assert!(equal(&one, &comparable(&one)));
        prop_assert_eq!(equal(&one, &other), equal(&other, &one));
    }

    #[test]
    fn any_json_has_a_hash(template in shaped(PodTemplateSpec), count in prop::option::of(any::<i64>())) {
        let hash = crate::hash::template_hash(&template, count);
        prop_assert!(hash.bytes().all(|letter| b"456789bcdf".contains(&letter)));
    }
}
