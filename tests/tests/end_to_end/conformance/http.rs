//! What only HTTP has: discovery, pages, watches, forms.

use serde_json::{Value, json};
use tidegate_api::{Operation, Preconditions, builtin};

use super::client::{Client, version};
use super::compare_http;

const JSON: &str = "application/json";

/// Makes leases of these names, because no server makes any by itself; those that begin with `odd` are labelled so.
async fn make(client: &mut Client, names: &[&str]) -> Value {
    client.about(builtin::leases());
    let mut last = Value::Null;
    for name in names {
        let labels = if name.starts_with("odd") { json!({"odd": "yes"}) } else { json!({}) };
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "labels": labels},
            "spec": {"holderIdentity": name},
        });
        last = client.create(&format!("make {name}"), lease).await;
    }
    last
}

/// Where the objects of a script are.
fn path(client: &Client) -> String {
    builtin::leases().path(Some(client.namespace()), None, None)
}

/// The names in a list, with what it says of further pages.
fn page(list: &Value) -> Value {
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let name = |item: &Value| item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let names: Vec<String> = items.iter().map(name).collect();
    let typed = items.iter().all(|item| item.get("kind").is_some());
    json!({
        "code": list["code"],
        "kind": list["kind"],
        "names": names,
        "typed": typed,
        "continues": list["metadata"]["continue"].as_str().is_some_and(|token| !token.is_empty()),
        "remaining": list["metadata"]["remainingItemCount"],
    })
}

/// The events of a watch, each with the name of its object. Bookmarks come when the server likes, but for the one that
/// marks the end of what there was.
fn events(text: &Value) -> Value {
    let text = match text {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        let metadata = &event["object"]["metadata"];
        let marks_end = metadata["annotations"]["k8s.io/initial-events-end"].clone();
        json!([event["type"], event["object"]["kind"], metadata["name"], marks_end])
    };
    let events = text.lines().map(event);
    events.filter(|event| event[0] != "BOOKMARK" || !event[3].is_null()).collect()
}

#[test]
fn discovery() {
    compare_http("discovery", async |client: &mut Client| {
        for (group_version, names) in [
            ("/apis/argoproj.io/v1alpha1", ["rollouts", "rollouts/status", "rollouts/scale"].as_slice()),
            ("/apis/apps/v1", &["replicasets", "replicasets/status", "replicasets/scale"]),
            ("/apis/coordination.k8s.io/v1", &["leases"]),
            ("/api/v1", &["services", "services/status", "configmaps", "events", "namespaces"]),
        ] {
            let list = client.raw("GET", group_version, JSON, None).await;
            let mut resources = Vec::new();
            for name in names {
                let found = list["resources"].as_array().into_iter().flatten().find(|it| it["name"] == *name);
                let Some(found) = found else { continue };
                let mut verbs = found["verbs"].as_array().cloned().unwrap_or_default();
                verbs.retain(|verb| verb != "deletecollection");
                verbs.sort_by_key(ToString::to_string);
                resources.push(json!({
                    "name": name, "kind": found["kind"], "namespaced": found["namespaced"], "verbs": verbs,
                    "group": found["group"], "version": found["version"],
                }));
            }
            let about = json!([list["kind"], list["groupVersion"], resources]);
            client.note(&format!("the kinds of {group_version}"), about);
        }
        let group = client.raw("GET", "/apis/argoproj.io", JSON, None).await;
        client.note(
            "a group",
            json!([group["kind"], group["name"], group["versions"], group["preferredVersion"]]),
        );
        for path in ["/apis/nonsense.example.com", "/apis/argoproj.io/v9", "/api/v9", "/nonsense"] {
            let answer = client.raw("GET", path, JSON, None).await;
            client.note(path, json!(answer["code"]));
        }
    });
}

#[test]
fn pages() {
    compare_http("pages", async |client: &mut Client| {
        make(client, &["a", "b", "c", "d", "odd"]).await;
        let path = path(client);
        let whole = client.raw("GET", &path, JSON, None).await;
        client.note("the whole list", page(&whole));
        let first = client.raw("GET", &format!("{path}?limit=2"), JSON, None).await;
        client.note("the first page", page(&first));
        client
            .send(
                "remove what is on the next",
                Operation::Delete { name: "c".into(), preconditions: Preconditions::default() },
            )
            .await;
        make(client, &["aa"]).await;
        let token = first["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
        let second = client.raw("GET", &format!("{path}?limit=2&continue={token}"), JSON, None).await;
        client.note("the next page is of the state of the first", page(&second));
        let is_same = second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"];
        client.note("and of its version", json!(is_same));
        let token = second["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
        let third = client.raw("GET", &format!("{path}?limit=9&continue={token}"), JSON, None).await;
        client.note("the last page", page(&third));
        for query in [
            "limit=1&continue=nonsense",
            "limit=1&labelSelector=odd",
            "labelSelector=!odd",
            "labelSelector=a%20b",
            "fieldSelector=metadata.name%3Db",
            "fieldSelector=metadata.name!%3Db",
            "fieldSelector=spec.nonsense%3Db",
            "limit=nonsense",
        ] {
            let list = client.raw("GET", &format!("{path}?{query}"), JSON, None).await;
            client.note(query, page(&list));
        }
        let metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        let list = client.raw("GET", &path, metadata, None).await;
        client.note("only metadata", page(&list));
        let has_spec =
            list["items"].as_array().is_some_and(|items| items.iter().any(|item| item.get("spec").is_some()));
        client.note("and no spec", json!(has_spec));
        let rollouts = format!("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts", client.namespace());
        let list = client.raw("GET", &rollouts, JSON, None).await;
        client.note("an empty list of custom resources", page(&list));
    });
}

#[test]
fn watches() {
    compare_http("watches", async |client: &mut Client| {
        let last = make(client, &["a", "b", "odd-a"]).await;
        let (path, from) = (path(client), version(&last));
        let label = |value: Value| json!({"metadata": {"labels": {"odd": value}}});
        client.merge("label it", "a", None, label(json!("yes"))).await;
        client.merge("take the label away", "odd-a", None, label(Value::Null)).await;
        make(client, &["c", "odd-c"]).await;
        client
            .send(
                "remove it",
                Operation::Delete { name: "b".into(), preconditions: Preconditions::default() },
            )
            .await;
        let after = format!("watch=true&timeoutSeconds=1&resourceVersion={from}");
        for query in [
            after.clone(),
            format!("{after}&labelSelector=odd"),
            format!("{after}&fieldSelector=metadata.name%3Dc"),
            "watch=1&timeoutSeconds=1".to_owned(),
            "watch=true&timeoutSeconds=1&resourceVersion=0".to_owned(),
            "watch=true&timeoutSeconds=1&labelSelector=odd".to_owned(),
            "watch=true&resourceVersion=nonsense".to_owned(),
        ] {
            let text = client.raw("GET", &format!("{path}?{query}"), JSON, None).await;
            // Which version it was is another on each server.
            let what = query.replace(&from, "that");
            let told = if text["code"].is_null() { events(&text) } else { text["code"].clone() };
            client.note(&what, told);
        }
        let metadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
        let text = client
            .raw("GET", &format!("{path}?{after}&fieldSelector=metadata.name%3Dc"), metadata, None)
            .await;
        client.note("only metadata", events(&text));
    });
}

#[test]
fn initial_events() {
    compare_http("initial-events", async |client: &mut Client| {
        make(client, &["a", "b"]).await;
        let query = "watch=true&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
        let text = client.raw("GET", &format!("{}?{query}", path(client)), JSON, None).await;
        client.note("all there is, and a mark", events(&text));
    });
}

#[test]
fn other_requests() {
    compare_http("other-requests", async |client: &mut Client| {
        make(client, &["a"]).await;
        let path = path(client);
        for (method, at) in [
            ("POST", "/a"),
            ("PUT", ""),
            ("PATCH", "/a"),
            ("GET", "/a/status"),
            ("GET", "/nothing"),
            ("DELETE", "/nothing"),
        ] {
            let body = (method != "GET").then(|| json!({}));
            let answer = client.raw(method, &format!("{path}{at}"), JSON, body.as_ref()).await;
            client.note(&format!("{method} {at}"), json!(answer["code"]));
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}},
        });
        let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = client.raw("POST", reviews, JSON, Some(&review)).await;
        client.note("may one do this", json!([answer["kind"], answer["status"]["allowed"]]));
    });
}
