//! Creating, replacing, subresources, generations and versions.

use serde_json::{Value, json};
use tidegate_api::{Operation, Request, Resource, builtin, object};
use tidegate_cluster::{Cluster, Refusal, Settings};

use crate::support::*;

#[test]
fn a_new_object_gets_its_metadata() {
    let mut cluster = cluster();
    let mut manifest = rollout("web");
    manifest["status"] = json!({"phase": "Healthy"});
    manifest["metadata"]["uid"] = json!("mine");
    manifest["metadata"]["generation"] = json!(7);
    let created = create(&mut cluster, &builtin::rollouts(), manifest).unwrap();
    assert_eq!(created["metadata"]["namespace"], NAMESPACE);
    assert_eq!(created["metadata"]["generation"], 1);
    assert_eq!(created["metadata"]["creationTimestamp"], "2025-01-01T00:00:00Z");
    assert_eq!(created["metadata"]["resourceVersion"], cluster.resource_version().to_string());
    assert_eq!(created["metadata"]["uid"].as_str().unwrap().len(), 36);
    assert_ne!(created["metadata"]["uid"], "mine");
    assert_eq!(created.get("status"), None);
    assert_eq!(get(&mut cluster, &builtin::rollouts(), "web").unwrap(), created);
}

#[test]
fn a_generated_name_is_free_and_repeatable() {
    let generate = |cluster: &mut Cluster| {
        let manifest = json!({"metadata": {"generateName": "run-"}});
        create(cluster, &config_maps(), manifest).unwrap()["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let (mut one, mut other) = (cluster(), cluster());
    let names: Vec<String> = (0..200).map(|_| generate(&mut one)).collect();
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    assert!(names.iter().all(|name| name.len() == 9 && name.starts_with("run-")), "{names:?}");
    assert_eq!(generate(&mut other), names[0]);
    let mut seeded = Cluster::new(Settings { seed: 1, ..Settings::default() });
    assert_ne!(generate(&mut seeded), names[0]);
}

#[test]
fn what_cannot_be_created() {
    let mut cluster = cluster();
    let rollouts = builtin::rollouts();
    create(&mut cluster, &rollouts, rollout("web")).unwrap();
    let error = refused(create(&mut cluster, &rollouts, rollout("web")), 409, "AlreadyExists");
    assert_eq!(error.message, "rollouts.argoproj.io \"web\" already exists");

    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut manifest = rollout("other");
        edit(&mut manifest);
        manifest
    };
    let table: Vec<(Value, u16, &str)> = vec![
        (edited(&|object| object["metadata"]["namespace"] = json!("elsewhere")), 400, "BadRequest"),
        (edited(&|object| object["kind"] = json!("Pod")), 422, "Invalid"),
        (edited(&|object| object["kind"] = Value::Null), 400, "BadRequest"),
        (edited(&|object| object["apiVersion"] = json!("argoproj.io/v1")), 400, "BadRequest"),
        (edited(&|object| object["metadata"]["labels"] = json!({"a": 1})), 400, "BadRequest"),
        (edited(&|object| object["metadata"]["resourceVersion"] = json!("5")), 500, ""),
        (edited(&|object| object["metadata"]["name"] = json!("Web")), 422, "Invalid"),
        (edited(&|object| object["metadata"]["name"] = json!("")), 422, "Invalid"),
        (edited(&|object| object["spec"]["replicas"] = json!("two")), 422, "Invalid"),
        (json!([]), 400, "BadRequest"),
    ];
    for (manifest, code, reason) in table {
        refused(create(&mut cluster, &rollouts, manifest), code, reason);
    }
    assert_eq!(names(&mut cluster, &rollouts, None).unwrap(), ["web"]);
}

#[test]
fn what_is_not_there() {
    let mut cluster = cluster();
    let error = refused(get(&mut cluster, &builtin::rollouts(), "web"), 404, "NotFound");
    assert_eq!(error.message, "rollouts.argoproj.io \"web\" not found");
    let error = refused(delete(&mut cluster, &builtin::pods(), "web"), 404, "NotFound");
    assert_eq!(error.message, "pods \"web\" not found");
    refused(merge(&mut cluster, &builtin::rollouts(), "web", None, json!({})), 404, "NotFound");
    refused(replace(&mut cluster, &builtin::rollouts(), None, rollout("web")), 404, "NotFound");

    let unknown = Resource::namespaced("example.com", "v1", "Thing", "things");
    refused(get(&mut cluster, &unknown, "web"), 404, "");
    let unknown = Resource::namespaced("argoproj.io", "v1alpha1", "Thing", "things");
    let error = refused(get(&mut cluster, &unknown, "web"), 404, "NotFound");
    assert_eq!(error.message, "the server could not find the requested resource");
    let other_version = Resource::namespaced("argoproj.io", "v1", "Rollout", "rollouts");
    refused(get(&mut cluster, &other_version, "web"), 404, "");
    create(
        &mut cluster,
        &analysis_runs(),
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "run"},
        }),
    )
    .unwrap();
    refused(merge(&mut cluster, &analysis_runs(), "run", Some("status"), json!({})), 404, "NotFound");
    refused(merge(&mut cluster, &analysis_runs(), "run", Some("scale"), json!({})), 404, "NotFound");
}

#[test]
fn a_namespace_of_the_request_is_needed_to_write() {
    let mut cluster = cluster();
    let request = |operation| Request { resource: config_maps(), namespace: None, operation };
    let operation = Operation::Create { object: config_map("a") };
    refused(cluster.handle(&request(operation)), 405, "MethodNotAllowed");
    assert!(cluster.handle(&request(Operation::List { labels: None })).is_ok());
}

#[test]
fn namespaces_may_have_to_exist() {
    let mut cluster = Cluster::new(Settings { namespaces_must_exist: true, ..Settings::default() });
    let request = |object| Request {
        resource: config_maps(),
        namespace: Some("shop".into()),
        operation: Operation::Create { object },
    };
    let error = refused(cluster.handle(&request(config_map("a"))), 404, "NotFound");
    assert_eq!(error.message, "namespaces \"shop\" not found");
    create(&mut cluster, &namespaces(), json!({"metadata": {"name": "shop"}})).unwrap();
    cluster.handle(&request(config_map("a"))).unwrap();
}

#[test]
fn the_generation_moves_with_the_spec_alone() {
    let mut cluster = cluster();
    let rollouts = builtin::rollouts();
    create(&mut cluster, &rollouts, rollout("web")).unwrap();
    let generation = |answer: Answer| object::generation(&answer.unwrap());
    let mut patch = |part, body| generation(merge(&mut cluster, &rollouts, "web", part, body));
    assert_eq!(patch(None, json!({"metadata": {"labels": {"a": "b"}}})), Some(1));
    assert_eq!(patch(Some("status"), json!({"status": {"phase": "Healthy"}})), Some(1));
    assert_eq!(patch(None, json!({"spec": {"replicas": 3}})), Some(2));
    assert_eq!(patch(None, json!({"spec": {"replicas": 3}})), Some(2));
    assert_eq!(patch(None, json!({"metadata": {"generation": 9}})), Some(2));
    assert_eq!(patch(None, json!({"other": 1})), Some(3));

    // Without a status subresource the status is like everything else.
    let run =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "run"}});
    create(&mut cluster, &analysis_runs(), run).unwrap();
    let run = merge(&mut cluster, &analysis_runs(), "run", None, json!({"status": {"phase": "Running"}}));
    assert_eq!(generation(run), Some(2));
    let map = create(&mut cluster, &config_maps(), config_map("a"));
    assert_eq!(generation(map), None);
    let map = merge(&mut cluster, &config_maps(), "a", None, json!({"data": {"a": "b"}}));
    assert_eq!(generation(map), None);
}

#[test]
fn status_and_the_rest_are_written_apart() {
    let mut cluster = cluster();
    let rollouts = builtin::rollouts();
    create(&mut cluster, &rollouts, rollout("web")).unwrap();
    let both =
        json!({"spec": {"replicas": 9}, "metadata": {"labels": {"a": "b"}}, "status": {"phase": "Paused"}});
    let status = merge(&mut cluster, &rollouts, "web", Some("status"), both.clone()).unwrap();
    assert_eq!(status["spec"]["replicas"], 2);
    assert_eq!(status["status"]["phase"], "Paused");
    assert_eq!(
        object::label(&status, "a"),
        None,
        "the status of a custom resource is all that /status writes"
    );
    let main = merge(&mut cluster, &rollouts, "web", None, json!({"spec": {"replicas": 9}, "status": null}))
        .unwrap();
    assert_eq!(main["spec"]["replicas"], 9);
    assert_eq!(main["status"]["phase"], "Paused");

    // Built-in kinds take labels along.
    create(&mut cluster, &builtin::replica_sets(), replica_set("web", 0)).unwrap();
    let set = merge(
        &mut cluster,
        &builtin::replica_sets(),
        "web",
        Some("status"),
        json!({
            "spec": {"replicas": 9}, "metadata": {"labels": {"a": "b"}}, "status": {"replicas": 4},
        }),
    )
    .unwrap();
    assert_eq!((&set["spec"]["replicas"], &set["status"]["replicas"]), (&json!(0), &json!(4)));
    assert_eq!(object::label(&set, "a"), Some("b"));
    assert_eq!(object::generation(&set), Some(1));
}

#[test]
fn unknown_status_fields_of_a_rollout_are_pruned_and_everything_else_kept() {
    let mut cluster = cluster();
    let rollouts = builtin::rollouts();
    let mut manifest = rollout("web");
    manifest["spec"]["futureField"] = json!({"a": [1]});
    create(&mut cluster, &rollouts, manifest).unwrap();
    let status = json!({"status": {"phase": "Healthy", "ours": 1, "canary": {"weights": {}, "theirs": 2}}});
    let written = merge(&mut cluster, &rollouts, "web", Some("status"), status).unwrap();
    assert_eq!(written["status"], json!({"phase": "Healthy", "canary": {"weights": {}, "theirs": 2}}));
    assert_eq!(written["spec"]["futureField"], json!({"a": [1]}));
}

#[test]
fn replacing() {
    let mut cluster = cluster();
    let rollouts = builtin::rollouts();
    let created = create(&mut cluster, &rollouts, rollout("web")).unwrap();

    // A custom resource must say which version it replaces, and as what.
    refused(replace(&mut cluster, &rollouts, None, rollout("web")), 422, "Invalid");
    let mut next = created.as_ref().clone();
    next["spec"]["replicas"] = json!(5);
    let replaced = replace(&mut cluster, &rollouts, None, next.clone()).unwrap();
    assert_eq!(replaced["spec"]["replicas"], 5);
    let error = refused(replace(&mut cluster, &rollouts, None, next.clone()), 409, "Conflict");
    assert!(error.is_conflict());
    assert!(error.message.contains("the object has been modified"), "{}", error.message);
    next["metadata"]["resourceVersion"] = replaced["metadata"]["resourceVersion"].clone();
    next["metadata"]["uid"] = json!("another");
    refused(replace(&mut cluster, &rollouts, None, next), 409, "Conflict");

    // Built-in kinds need not, but must when they do.
    create(&mut cluster, &builtin::replica_sets(), replica_set("web", 1)).unwrap();
    let replaced = replace(&mut cluster, &builtin::replica_sets(), None, replica_set("web", 2)).unwrap();
    assert_eq!(object::generation(&replaced), Some(2));
    let mut stale = replica_set("web", 3);
    stale["metadata"]["resourceVersion"] = json!("1");
    refused(replace(&mut cluster, &builtin::replica_sets(), None, stale), 409, "Conflict");
}

#[test]
fn a_lease_is_made_by_replacing_it() {
    let mut cluster = cluster();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "leader"},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15},
    });
    let made = replace(&mut cluster, &builtin::leases(), None, lease.clone()).unwrap();
    assert_eq!(made["spec"]["holderIdentity"], "a");
    refused(replace(&mut cluster, &builtin::leases(), None, lease), 422, "Invalid");
    let spec = json!({"spec": {"leaseDurationSeconds": 0}});
    refused(merge(&mut cluster, &builtin::leases(), "leader", None, spec), 422, "Invalid");
}

#[test]
fn writing_what_is_there_already_is_no_change() {
    let mut cluster = cluster();
    let created = create(&mut cluster, &routes(), route("web", &[("a", 1)])).unwrap();
    let before = cluster.resource_version();
    let replaced = replace(&mut cluster, &routes(), None, created.as_ref().clone()).unwrap();
    let patched = merge(&mut cluster, &routes(), "web", None, json!({"metadata": {"labels": null}})).unwrap();
    let spec = created["spec"].clone();
    let patched_json = json_patch(
        &mut cluster,
        &routes(),
        "web",
        json!([{"op": "replace", "path": "/spec", "value": spec}]),
    )
    .unwrap();
    assert_eq!([&replaced, &patched, &patched_json], [&created, &created, &created]);
    assert_eq!(cluster.resource_version(), before);
}

#[test]
fn the_scale_subresource() {
    let mut cluster = cluster();
    for (resource, manifest) in
        [(builtin::replica_sets(), replica_set("web", 1)), (builtin::rollouts(), rollout("web"))]
    {
        create(&mut cluster, &resource, manifest).unwrap();
        let body = json!({"spec": {"replicas": 4}});
        let scale = merge(&mut cluster, &resource, "web", Some("scale"), body).unwrap();
        assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(4)));
        let object = get(&mut cluster, &resource, "web").unwrap();
        assert_eq!((&object["spec"]["replicas"], object::generation(&object)), (&json!(4), Some(2)));
        let negative = json!({"spec": {"replicas": -1}});
        refused(merge(&mut cluster, &resource, "web", Some("scale"), negative), 422, "Invalid");
        let outdated = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 5}});
        refused(merge(&mut cluster, &resource, "web", Some("scale"), outdated), 409, "Conflict");
        let mut whole = scale.as_ref().clone();
        whole["spec"]["replicas"] = json!(6);
        let scale = replace(&mut cluster, &resource, Some("scale"), whole).unwrap();
        assert_eq!(scale["spec"]["replicas"], 6);
    }
    let scale = merge(&mut cluster, &builtin::replica_sets(), "web", Some("scale"), json!({})).unwrap();
    assert_eq!(scale["status"]["selector"], "app=web,rollouts-pod-template-hash=web");
}

#[test]
fn replica_sets_have_the_rules_of_the_server() {
    let mut cluster = cluster();
    let sets = builtin::replica_sets();
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut manifest = replica_set("web", 1);
        edit(&mut manifest);
        manifest
    };
    for (manifest, field) in [
        (edited(&|set| set["spec"]["selector"] = Value::Null), "spec.selector"),
        (edited(&|set| set["spec"]["selector"] = json!({})), "spec.selector"),
        (
            edited(&|set| set["spec"]["template"]["metadata"]["labels"] = json!({"app": "b"})),
            "spec.template.metadata.labels",
        ),
        (edited(&|set| set["spec"]["replicas"] = json!(-1)), "spec.replicas"),
        (
            edited(&|set| set["spec"]["template"]["spec"]["containers"] = json!([])),
            "spec.template.spec.containers",
        ),
        (
            edited(&|set| set["spec"]["template"]["spec"]["restartPolicy"] = json!("Never")),
            "spec.template.spec.restartPolicy",
        ),
    ] {
        let error = refused(create(&mut cluster, &sets, manifest), 422, "Invalid");
        assert!(error.causes.iter().any(|cause| cause.field == field), "{field}: {error:?}");
    }
    create(&mut cluster, &sets, replica_set("web", 1)).unwrap();
    let other = json!({"spec": {
        "selector": {"matchLabels": {"app": "b", "rollouts-pod-template-hash": null}},
        "template": {"metadata": {"labels": {"app": "b"}}},
    }});
    let error = refused(merge(&mut cluster, &sets, "web", None, other), 422, "Invalid");
    assert_eq!(error.causes[0].field, "spec.selector");
}

#[test]
fn templates_and_services_get_the_defaults_of_the_server() {
    let mut cluster = cluster();
    let set = create(&mut cluster, &builtin::replica_sets(), replica_set("web", 1)).unwrap();
    let spec = &set["spec"]["template"]["spec"];
    assert_eq!(spec["restartPolicy"], "Always");
    assert_eq!(spec["terminationGracePeriodSeconds"], 30);
    assert_eq!(spec["containers"][0]["imagePullPolicy"], "IfNotPresent");
    assert_eq!(spec["containers"][0]["terminationMessagePath"], "/dev/termination-log");
    assert_eq!(set["status"], json!({"replicas": 0}));

    let made = create(&mut cluster, &builtin::services(), service("web", json!({"app": "web"}))).unwrap();
    assert_eq!(made["spec"]["type"], "ClusterIP");
    assert_eq!(made["spec"]["ports"], json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]));
    let address = made["spec"]["clusterIP"].clone();
    assert!(address.as_str().unwrap().starts_with("10.96."));
    let replaced =
        replace(&mut cluster, &builtin::services(), None, service("web", json!({"app": "b"}))).unwrap();
    assert_eq!(
        (&replaced["spec"]["clusterIP"], &replaced["spec"]["selector"]),
        (&address, &json!({"app": "b"}))
    );
}

#[test]
fn webhooks_can_refuse_writes() {
    let mut cluster = cluster();
    create(&mut cluster, &routes(), route("web", &[("a", 1)])).unwrap();
    create(&mut cluster, &routes(), route("other", &[("a", 1)])).unwrap();
    cluster.settings_mut().refusals.push(Refusal::denied("HTTPRoute", "*", "we*", "weights are frozen"));
    let patch = json!({"metadata": {"labels": {"a": "b"}}});
    let error = refused(merge(&mut cluster, &routes(), "web", None, patch.clone()), 403, "Forbidden");
    assert!(error.message.ends_with("denied the request: weights are frozen"), "{}", error.message);
    merge(&mut cluster, &routes(), "other", None, patch.clone()).unwrap();
    merge(&mut cluster, &routes(), "web", Some("status"), json!({"status": {"parents": []}})).unwrap();
    cluster.settings_mut().refusals[0].code = 422;
    refused(merge(&mut cluster, &routes(), "web", None, patch.clone()), 422, "Invalid");
    cluster.settings_mut().refusals.clear();
    merge(&mut cluster, &routes(), "web", None, patch).unwrap();
}

#[test]
fn events_are_about_something_in_their_namespace() {
    let mut cluster = cluster();
    let event = |namespace: &str| json!({"metadata": {"generateName": "web-"}, "involvedObject": {"kind": "Rollout", "namespace": namespace}});
    create(&mut cluster, &builtin::events(), event(NAMESPACE)).unwrap();
    refused(create(&mut cluster, &builtin::events(), event("elsewhere")), 422, "Invalid");
}

#[test]
fn lists_select_by_label() {
    let mut cluster = cluster();
    for (name, app) in [("a", "web"), ("b", "api"), ("c", "web")] {
        let mut manifest = config_map(name);
        manifest["metadata"]["labels"] = json!({"app": app});
        create(&mut cluster, &config_maps(), manifest).unwrap();
    }
    let mut select = |labels| names(&mut cluster, &config_maps(), labels);
    assert_eq!(select(None).unwrap(), ["a", "b", "c"]);
    assert_eq!(select(Some("app=web")).unwrap(), ["a", "c"]);
    assert_eq!(select(Some("app notin (web)")).unwrap(), ["b"]);
    assert_eq!(select(Some("app in (web")).unwrap_err().code, 400);
}
