//! What is asked: weights from the telling ones to random ones, traffic with all that a plugin can do, and JSON that is
//! broken somewhere.

use fastrand::Rng;
use serde_json::{Map, Value, json};
use tidegate_contract::{
    Destination, HeaderMatch, ManagedRoute, RequestMatch, Rule, RuleAction, TextMatch, Traffic,
};

use crate::bench::Case;

/// Names of the managed routes of scenarios, in the order of their precedence, with a text that their rules look for.
pub(crate) const ROUTES: [(&str, &str); 3] = [
    ("canary-users", "conformanceusers"),
    ("canary-testers", "conformancetesters"),
    ("canary-mirror", "conformancemirror"),
];

/// The header by which scenarios tell requests apart.
pub(crate) const HEADER: &str = "X-Conformance";

/// Weights out of a sum: those at the borders first, then random ones.
pub(crate) fn weights(random: &mut Rng, max_weight: u32, cases: u32) -> Vec<u32> {
    let mut weights =
        vec![0, max_weight / 5, max_weight, max_weight / 2, 1, max_weight.saturating_sub(1), max_weight / 3];
    weights.extend((0..cases).map(|_| random.u32(0..=max_weight)));
    weights.retain(|weight| *weight <= max_weight);
    weights
}

/// A condition on requests: this header has this value.
pub(crate) fn by_header(value: &str) -> RequestMatch {
    let value = TextMatch::Exact(value.to_owned());
    RequestMatch { headers: vec![HeaderMatch { name: HEADER.to_owned(), value }], ..RequestMatch::default() }
}

/// A managed route: these requests go to the canary.
pub(crate) fn header_route(name: &str, matches: Vec<RequestMatch>) -> ManagedRoute {
    ManagedRoute { name: name.to_owned(), rule: Some(Rule { matches, action: RuleAction::ToCanary }) }
}

/// A managed route: so many of these requests are mirrored to the canary.
pub(crate) fn mirror_route(name: &str, matches: Vec<RequestMatch>, percent: u32) -> ManagedRoute {
    ManagedRoute { name: name.to_owned(), rule: Some(Rule { matches, action: RuleAction::Mirror(percent) }) }
}

/// A managed route that must not exist.
pub(crate) fn no_route(name: &str) -> ManagedRoute {
    ManagedRoute { name: name.to_owned(), rule: None }
}

/// Random traffic out of 100, with what the plugin can do under this configuration. Every managed route that it can
/// have is named, whether or not it should exist.
pub(crate) fn traffic(random: &mut Rng, case: &Case<'_>) -> Traffic {
    let (mut left, mut additional) = (100, Vec::new());
    if case.has("additional-destinations") {
        // In which order they stand among themselves means nothing, and may depend on which one came first; so there is
        // never a second one without the first.
        for mut destination in case.fixture.extra_destinations() {
            if random.bool() {
                break;
            }
            destination.weight = random.u32(1..=left / 2);
            left -= destination.weight;
            additional.push(destination);
        }
    }
    let canary = random.u32(0..=left);
    let mut traffic = with_additional(case.traffic(canary, 100), additional);
    traffic.managed_routes = managed_routes(case, &mut |_| random.bool());
    traffic
}

/// Traffic with extra destinations, whose weights are taken from stable.
pub(crate) fn with_additional(mut traffic: Traffic, additional: Vec<Destination>) -> Traffic {
    let sum = additional.iter().fold(traffic.canary.weight, |sum, one| sum.saturating_add(one.weight));
    traffic.stable.weight = traffic.max_weight.saturating_sub(sum);
    traffic.additional = additional;
    traffic.additional.sort_by(|one, other| one.name.cmp(&other.name));
    traffic
}

/// The managed routes that the plugin can have, each with its rule where it should exist.
pub(crate) fn managed_routes(case: &Case<'_>, exists: &mut dyn FnMut(&str) -> bool) -> Vec<ManagedRoute> {
    ROUTES
        .iter()
        .filter_map(|(name, value)| {
            let is_mirror = name.ends_with("mirror");
            if !case.has(if is_mirror { "mirror-routes" } else { "header-routes" }) {
                return None;
            }
            let matches = vec![by_header(value)];
            Some(match (exists(name), is_mirror) {
                (false, _) => no_route(name),
                (true, true) => mirror_route(name, matches, 30),
                (true, false) => header_route(name, matches),
            })
        })
        .collect()
}

/// Keeps account, over several questions, of extra destinations that once had weight and are gone: a host remembers
/// them, and names them as retired.
#[derive(Default)]
pub(crate) struct Story {
    known: Vec<Destination>,
    routes: Vec<String>,
}

impl Story {
    /// What a host asks next, when this is desired.
    pub(crate) fn next(&mut self, mut traffic: Traffic) -> Traffic {
        for route in &traffic.managed_routes {
            if !self.routes.contains(&route.name) {
                self.routes.push(route.name.clone());
            }
        }
        let gone =
            self.routes.iter().filter(|name| !traffic.managed_routes.iter().any(|one| one.name == **name));
        let gone: Vec<_> = gone.map(|name| no_route(name)).collect();
        traffic.managed_routes.extend(gone);
        let is_there = |name: &str| traffic.additional.iter().any(|one| one.name == name);
        let retired = self.known.iter().filter(|one| !is_there(&one.name));
        traffic.retired = retired.map(|one| Destination { weight: 0, ..one.clone() }).collect();
        for destination in &traffic.additional {
            if !self.known.iter().any(|one| one.name == destination.name) {
                self.known.push(destination.clone());
            }
        }
        traffic
    }
}

/// Any JSON value, small.
pub(crate) fn value(random: &mut Rng, depth: u32) -> Value {
    let kinds = if depth == 0 { 0..9 } else { 0..13 };
    match random.u32(kinds) {
        0 => Value::Null,
        1 => json!(random.bool()),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(random.u64(..)),
        5 => json!(1.5),
        6 => json!(""),
        7 => json!("*"),
        8 => json!("\u{0}\u{fffd}💥/~0~1\"\\"),
        9 => json!([]),
        10 => json!({}),
        11 => (0..random.usize(1..4)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let keys = ["name", "weight", "spec", "items", "", "*", "namespace"];
            let member = |_| {
                let key = random.choice(keys).unwrap_or_default().to_owned();
                (key, value(random, depth - 1))
            };
            Value::Object((0..2).map(member).collect::<Map<_, _>>())
        }
    }
}

/// Puts anything, or nothing, in one place of a value; answers with the place and what is there now. Places for which
/// `is_fixed` holds stay.
pub(crate) fn break_somewhere(
    random: &mut Rng,
    root: &mut Value,
    is_fixed: &dyn Fn(&str) -> bool,
) -> Option<(String, Option<Value>)> {
    let mut places = Vec::new();
    collect(root, &mut String::new(), &mut places);
    places.retain(|place| !is_fixed(place));
    let place = random.choice(places)?;
    let with = if random.u32(0..4) == 0 { None } else { Some(value(random, 3)) };
    if let Some(with) = &with {
        *root.pointer_mut(&place)? = with.clone();
    } else {
        let (parent, last) = place.rsplit_once('/')?;
        match root.pointer_mut(parent)? {
            Value::Object(fields) => {
                fields.shift_remove(&last.replace("~1", "/").replace("~0", "~"));
            }
            Value::Array(elements) => {
                let index = last.parse().ok().filter(|index| *index < elements.len())?;
                elements.remove(index);
            }
            _ => {}
        }
    }
    Some((place, with))
}

/// All places in a value, as JSON pointers.
fn collect(value: &Value, at: &mut String, places: &mut Vec<String>) {
    let mut step = |token: &str, value: &Value| {
        let length = at.len();
        at.push('/');
        at.push_str(&token.replace('~', "~0").replace('/', "~1"));
        places.push(at.clone());
        collect(value, at, places);
        at.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| step(key, value)),
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(index, value)| step(&index.to_string(), value));
        }
        _ => {}
    }
}

/// Configurations that are JSON and nothing that a plugin would expect. Whether each is an object.
pub(crate) fn strange_configurations() -> Vec<(String, bool)> {
    let deep = |open: &str, close: &str, depth| format!("{}{}", open.repeat(depth), close.repeat(depth));
    let texts = ["null", "true", "0", "-1.5e-7", "1e999", "\"\"", "\"text\"", "[]", "[{}]", "\"\\ud83d\""];
    let mut all: Vec<_> = texts.iter().map(|text| ((*text).to_owned(), false)).collect();
    all.push((deep("[", "]", 200), false));
    all.push((deep("[", "]", 20_000), false));
    all.push((format!("\"{}\"", "x".repeat(100_000)), false));
    for object in ["{}", "{\"\": {}}", "{\"a\": 1, \"a\": \"1\"}", " \n{\t}\r "] {
        all.push((object.to_owned(), true));
    }
    all.push((format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000)), true));
    all
}
