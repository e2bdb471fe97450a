//! Where routes of any router send traffic, as their objects say it.

use serde_json::Value;
use tidegate_api::object;
use tidegate_model::interest;

use crate::frame::Backend;

/// What an Ingress without a weight gets, less what a canary Ingress next to it takes.
const ALL: u64 = 100;

/// Whether an object is a route of some router.
pub(crate) fn is_route(object: &Value) -> bool {
    match (group(object), kind(object)) {
        ("gateway.networking.k8s.io", kind) => kind.ends_with("Route"),
        ("networking.istio.io", "VirtualService") | ("networking.k8s.io", "Ingress") => true,
        _ => false,
    }
}

/// Whether a route sends traffic to a Service of the Rollout, or is named by it.
pub(crate) fn sends_to(route: &Value, rollout: &Value) -> bool {
    let canary = |field: &str| rollout.pointer(&format!("/spec/strategy/canary/{field}"));
    let services = interest::services(rollout);
    let is_named = || {
        let istio = canary("trafficRouting/istio");
        let one = istio.and_then(|istio| istio.get("virtualService"));
        let several = istio.and_then(|istio| istio.get("virtualServices")).and_then(Value::as_array);
        let mut all = one.into_iter().chain(several.into_iter().flatten());
        all.any(|service| service.get("name").and_then(Value::as_str) == Some(object::name(route)))
    };
    of(route).iter().any(|backend| services.contains(&backend.name))
        || (kind(route) == "VirtualService" && is_named())
}

/// All backends of all rules of a route, in order.
pub(crate) fn of(route: &Value) -> Vec<Backend> {
    match kind(route) {
        "VirtualService" => of_virtual_service(route),
        "Ingress" => of_ingress(route),
        _ => of_gateway_route(route),
    }
}

fn of_gateway_route(route: &Value) -> Vec<Backend> {
    let rules = list(route, "/spec/rules").enumerate();
    let backends = rules.flat_map(|(rule, value)| {
        list(value, "/backendRefs").map(move |reference| Backend {
            rule,
            name: text(reference, "/name").to_owned(),
            // A backend without a weight has the weight 1 (Gateway API).
            weight: reference.get("weight").and_then(Value::as_u64).unwrap_or(1),
        })
    });
    backends.collect()
}

/// Hosts by their Service's name, with the subset behind a slash.
fn of_virtual_service(service: &Value) -> Vec<Backend> {
    let routes = ["/spec/http", "/spec/tls", "/spec/tcp"].into_iter().flat_map(|key| list(service, key));
    let backends = routes.enumerate().flat_map(|(rule, route)| {
        let is_alone = list(route, "/route").count() == 1;
        list(route, "/route").map(move |one| {
            let host = text(one, "/destination/host").split('.').next().unwrap_or_default();
            let name = match text(one, "/destination/subset") {
                "" => host.to_owned(),
                subset => format!("{host}/{subset}"),
            };
            let weight = one.get("weight").and_then(Value::as_u64);
            Backend { rule, name, weight: weight.unwrap_or(if is_alone { ALL } else { 0 }) }
        })
    });
    backends.collect()
}

fn of_ingress(ingress: &Value) -> Vec<Backend> {
    let annotations = ingress.pointer("/metadata/annotations").and_then(Value::as_object);
    let mut annotations = annotations.into_iter().flatten();
    let weight =
        annotations.find(|(key, _)| key.ends_with("/canary-weight")).and_then(|(_, weight)| weight.as_str());
    let weight = weight.and_then(|weight| weight.parse().ok()).unwrap_or(ALL);
    let rules = list(ingress, "/spec/rules").enumerate();
    let backends = rules.flat_map(|(rule, value)| {
        list(value, "/http/paths").map(move |path| Backend {
            rule,
            name: text(path, "/backend/service/name").to_owned(),
            weight,
        })
    });
    backends.collect()
}

fn group(object: &Value) -> &str {
    text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}

fn kind(object: &Value) -> &str {
    text(object, "/kind")
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(route: &Value) -> Vec<(usize, String, u64)> {
        of(route).into_iter().map(|one| (one.rule, one.name, one.weight)).collect()
    }

    #[test]
    fn a_backend_without_weight_counts_one() {
        let route = json!({"kind": "HTTPRoute", "spec": {"rules": [
            {"backendRefs": [{"name": "a"}]}, {}, {"backendRefs": [{"name": "b", "weight": 0}]}]}});
        assert_eq!(seen(&route), [(0, "a".to_owned(), 1), (2, "b".to_owned(), 0)]);
    }

    #[test]
    fn destinations_and_paths_are_backends() {
        let to = |host: &str| json!({"destination": {"host": host}});
        let service = json!({"kind": "VirtualService", "spec": {
            "http": [{"route": [to("a.shop.svc")]}, {"redirect": {}}],
            "tcp": [{"route": [to("a"), {"destination": {"host": "b", "subset": "s"}, "weight": 7}]}],
        }});
        assert_eq!(
            seen(&service),
            [(0, "a".to_owned(), 100), (2, "a".to_owned(), 0), (2, "b/s".to_owned(), 7)]
        );
        let ingress = json!({
            "kind": "Ingress", "metadata": {"annotations": {"x/canary": "true", "x/canary-weight": "20"}},
            "spec": {"rules": [{}, {"http": {"paths": [{"backend": {"service": {"name": "a"}}}]}}]},
        });
        assert_eq!(seen(&ingress), [(1, "a".to_owned(), 20)]);
    }
}
