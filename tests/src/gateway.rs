//! A stand-in gateway: reports on each route, for each of its parents, that its current generation is in
//! force. The annotation [`MODE`] of a route makes it behave otherwise.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::object;

use crate::admin::Admin;
use crate::fixture::route_kinds;

/// `silent`: nobody reports; `reject`: the route is not accepted; `slow-N`: reports N milliseconds late.
const MODE: &str = "test.tidegate/gateway";
const NAME: &str = "test.tidegate/gateway";
const PERIOD: Duration = Duration::from_millis(150);

/// Looks after all routes, for ever.
pub(crate) async fn run(admin: Admin) {
    let mut seen: HashMap<(String, i64), Instant> = HashMap::new();
    loop {
        let mut routes = Vec::new();
        for kind in route_kinds() {
            let listed = admin.list(&kind, "").await.unwrap_or_default();
            routes.extend(listed.into_iter().map(|route| (kind.clone(), route)));
        }
        for (kind, route) in routes {
            let generation = object::generation(&route).unwrap_or_default();
            let since =
                *seen.entry((object::uid(&route).to_owned(), generation)).or_insert_with(Instant::now);
            let mode = object::annotation(&route, MODE).unwrap_or_default();
            let late = mode.strip_prefix("slow-").and_then(|delay| delay.parse().ok()).unwrap_or(0);
            if mode == "silent" || since.elapsed() < Duration::from_millis(late) {
                continue;
            }
            if let Some(status) = report(&route, generation, mode != "reject") {
                let (namespace, name) = (object::namespace(&route), object::name(&route));
                // Tried again with the next look.
                let _ = admin.merge_status(&kind, namespace, name, status).await;
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// The status as it should be; `None` when it is so.
fn report(route: &Value, generation: i64, accepted: bool) -> Option<Value> {
    let truth = if accepted { "True" } else { "False" };
    let reported = route["status"]["parents"].as_array().cloned().unwrap_or_default();
    let parents = route["spec"]["parentRefs"].as_array().cloned().unwrap_or_default();
    let is_current = |parent: &Value| {
        parent["conditions"].as_array().is_some_and(|conditions| {
            conditions.iter().any(|condition| {
                condition["type"] == "Accepted"
                    && condition["status"] == truth
                    && condition["observedGeneration"] == generation
            })
        })
    };
    if reported.len() == parents.len() && reported.iter().all(is_current) {
        return None;
    }
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |type_: &str, status: &str| {
        json!({
            "type": type_,
            "status": status,
            "reason": if status == "True" { type_ } else { "UnsupportedValue" },
            "message": "",
            "observedGeneration": generation,
            "lastTransitionTime": now,
        })
    };
    let parents: Vec<Value> = parents
        .iter()
        .map(|parent| {
            json!({
                "parentRef": parent,
                "controllerName": NAME,
                "conditions": [condition("Accepted", truth), condition("ResolvedRefs", "True")],
            })
        })
        .collect();
    Some(json!({ "parents": parents }))
}
