//! Which objects the plugin asks for.

use tidegate_router_sdk::{Kind, Observation, Query};

use crate::{Config, changes, honest};

pub(crate) fn misled(config: &Config, seen: &[Observation]) -> Vec<Query> {
    let named = |group: &str, kind: &str, name: &str| Query::named(Kind::new(group, kind), name);
    let routes = |name: &str| Query::named(honest::http_route(), name);
    let more = match config.misbehave.as_str() {
        // Something new each time, as far as the host goes along.
        "restless" => {
            let last = seen.iter().filter_map(|seen| seen_name(seen)?.strip_prefix("round-")?.parse().ok());
            let next: u32 = last.max().map_or(0, |last: u32| last + 1);
            vec![routes(&["round-", &next.to_string()].concat())]
        }
        "undecided" => {
            let heads = seen.iter().any(|seen| seen_name(seen) == Some("heads"));
            vec![routes(if heads { "tails" } else { "heads" })]
        }
        "sixty-five-queries" => (0..65_u32).map(|number| routes(&number.to_string())).collect(),
        "secret" => vec![named("", "Secret", "credentials")],
        "config-map" => vec![named("", "ConfigMap", "settings")],
        "kube-system" => vec![routes("web").in_namespace("kube-system")],
        "all-labels" => vec![Query::labelled(honest::http_route(), " ")],
        "no-selector" => vec![Query::labelled(honest::http_route(), "app in (a,,")],
        "path-as-name" => vec![routes("../../../api/v1/secrets")],
        _ => changes::coveted(&config.misbehave).into_iter().collect(),
    };
    more.into_iter().chain([honest::query(config)]).collect()
}

fn seen_name(observation: &Observation) -> Option<&str> {
    match &observation.query.select {
        tidegate_router_sdk::Selection::Name(name) => Some(name),
        tidegate_router_sdk::Selection::Labels(_) => None,
    }
}
