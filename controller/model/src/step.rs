//! One step of a canary, read. Total, like reading the spec it stands in.

use serde_json::Value;
use tidegate_contract::{HeaderMatch, ManagedRoute, RequestMatch, Rule, RuleAction, TextMatch};

use crate::duration::pause_duration;

/// One canary step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Gives the canary this weight.
    SetWeight(u32),
    /// Waits for this many seconds, or until somebody resumes.
    Pause(Option<i64>),
    /// Sets the canary's size independent of its weight.
    SetCanaryScale(CanaryScale),
    /// Sends requests with certain headers to the canary from here on; without a rule: no longer.
    SetHeaderRoute(ManagedRoute),
    /// Also sends certain requests to the canary from here on, whose answers are dropped; without a rule: no longer.
    SetMirrorRoute(ManagedRoute),
    /// Runs these templates beside stable and canary.
    Experiment(Vec<ExperimentTemplate>),
    /// Runs an analysis.
    Analysis,
    /// A step of a kind that is not served; its name.
    Other(String),
}

/// The size of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryScale {
    /// So many pods.
    Replicas(i64),
    /// As many as this weight needs.
    Weight(u32),
    /// As many as the traffic weight needs.
    MatchTrafficWeight,
}

/// One template of an experiment step, as far as traffic is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentTemplate {
    /// Its name; the Experiment's status speaks of it by this name.
    pub name: String,
    /// The weight that its pods get. None: they get no traffic.
    pub weight: Option<u64>,
}

/// How many of the requests that a mirror route matches are mirrored when it does not say: all of them (Argo Rollouts).
const ALL_PERCENT: u32 = 100;

impl Step {
    pub(crate) fn read(step: &Value) -> Self {
        let given = |field: &str| step.get(field).filter(|value| !value.is_null());
        if let Some(pause) = given("pause") {
            return Self::Pause(pause_duration(pause.get("duration").unwrap_or(&Value::Null)).ok().flatten());
        }
        if let Some(scale) = given("setCanaryScale") {
            return Self::SetCanaryScale(CanaryScale::read(scale));
        }
        if let Some(value) = given("setWeight") {
            return Self::SetWeight(weight(value).unwrap_or_default());
        }
        if let Some(experiment) = given("experiment") {
            let templates = experiment.get("templates").and_then(Value::as_array);
            return Self::Experiment(templates.into_iter().flatten().map(ExperimentTemplate::read).collect());
        }
        if given("analysis").is_some() {
            return Self::Analysis;
        }
        if let Some(route) = given("setHeaderRoute") {
            return Self::SetHeaderRoute(managed_route(route, header_rule));
        }
        if let Some(route) = given("setMirrorRoute") {
            return Self::SetMirrorRoute(managed_route(route, mirror_rule));
        }
        let other = step.as_object().and_then(|fields| fields.keys().next()).cloned();
        Self::Other(other.unwrap_or_else(|| "empty step".to_owned()))
    }

    /// For people, as Argo words it in events (for managed routes, about which Argo says `invalid`, in its manner).
    pub fn describe(&self) -> String {
        match self {
            Self::SetWeight(weight) => format!("setWeight: {weight}"),
            Self::Pause(Some(seconds)) => format!("pause: {seconds}s"),
            Self::Pause(None) => "pause".to_owned(),
            Self::SetCanaryScale(CanaryScale::Replicas(replicas)) => {
                format!("setCanaryScale{{replicas: {replicas}}}")
            }
            Self::SetCanaryScale(CanaryScale::Weight(weight)) => {
                format!("setCanaryScale{{weight: {weight}}}")
            }
            Self::SetCanaryScale(CanaryScale::MatchTrafficWeight) => {
                "setCanaryScale{matchTrafficWeight: true}".to_owned()
            }
            Self::SetHeaderRoute(route) => format!("setHeaderRoute: {}", route.name),
            Self::SetMirrorRoute(route) => format!("setMirrorRoute: {}", route.name),
            Self::Experiment(_) => "experiment".to_owned(),
            Self::Analysis => "analysis".to_owned(),
            Self::Other(name) => name.clone(),
        }
    }

    /// What this step says about a managed route; None: it is no such step.
    pub fn managed_route(&self) -> Option<&ManagedRoute> {
        match self {
            Self::SetHeaderRoute(route) | Self::SetMirrorRoute(route) => Some(route),
            _ => None,
        }
    }
}

impl CanaryScale {
    fn read(scale: &Value) -> Self {
        if scale.get("matchTrafficWeight").and_then(Value::as_bool) == Some(true) {
            Self::MatchTrafficWeight
        } else if let Some(replicas) = scale.get("replicas").and_then(Value::as_i64) {
            Self::Replicas(replicas.max(0))
        } else {
            Self::Weight(scale.get("weight").and_then(weight).unwrap_or_default())
        }
    }
}

impl ExperimentTemplate {
    fn read(template: &Value) -> Self {
        let name = template.get("name").and_then(Value::as_str).unwrap_or_default();
        Self { name: name.to_owned(), weight: template.get("weight").and_then(Value::as_u64) }
    }
}

fn weight(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|weight| u32::try_from(weight).ok())
}

/// What a step says about a managed route. Without matches, and with any that cannot be read, it is that there is none:
/// a condition left out would let more requests match.
fn managed_route(route: &Value, rule: fn(&Value, &[Value]) -> Option<Rule>) -> ManagedRoute {
    let name = route.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let matches = route.get("match").and_then(Value::as_array).filter(|matches| !matches.is_empty());
    ManagedRoute { name, rule: matches.and_then(|matches| rule(route, matches)) }
}

/// Requests that match all entries go to the canary. (In Argo Rollouts that depends on the router: Istio takes any.)
fn header_rule(_: &Value, matches: &[Value]) -> Option<Rule> {
    let headers = matches.iter().map(|entry| {
        let name = entry.get("headerName")?.as_str()?.to_owned();
        Some(HeaderMatch { name, value: text_match(entry.get("headerValue")?)? })
    });
    let all = RequestMatch { headers: headers.collect::<Option<_>>()?, ..RequestMatch::default() };
    Some(Rule { matches: vec![all], action: RuleAction::ToCanary })
}

/// Requests that match any entry are mirrored.
fn mirror_rule(route: &Value, matches: &[Value]) -> Option<Rule> {
    let percent = match route.get("percentage").filter(|percentage| !percentage.is_null()) {
        Some(percentage) => weight(percentage).filter(|percent| *percent <= ALL_PERCENT)?,
        None => ALL_PERCENT,
    };
    let matches = matches.iter().map(request_match).collect::<Option<_>>()?;
    Some(Rule { matches, action: RuleAction::Mirror(percent) })
}

fn request_match(entry: &Value) -> Option<RequestMatch> {
    let given = |field: &str| entry.get(field).filter(|value| !value.is_null());
    let part = |field: &str| given(field).map(text_match);
    let headers = match given("headers") {
        Some(headers) => {
            let header = |(name, value): (&String, &Value)| {
                Some(HeaderMatch { name: name.clone(), value: text_match(value)? })
            };
            headers.as_object()?.iter().map(header).collect::<Option<_>>()?
        }
        None => Vec::new(),
    };
    let found = RequestMatch {
        method: part("method").map_or(Some(None), |one| one.map(Some))?,
        path: part("path").map_or(Some(None), |one| one.map(Some))?,
        headers,
    };
    (found != RequestMatch::default()).then_some(found)
}

/// Exactly one of `exact`, `prefix` and `regex`; empty means not given, as in Go.
fn text_match(value: &Value) -> Option<TextMatch> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text("exact"), text("prefix"), text("regex")) {
        (Some(exact), None, None) => Some(TextMatch::Exact(exact.to_owned())),
        (None, Some(prefix), None) => Some(TextMatch::Prefix(prefix.to_owned())),
        (None, None, Some(regex)) => Some(TextMatch::Regex(regex.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn header(name: &str, value: TextMatch) -> HeaderMatch {
        HeaderMatch { name: name.to_owned(), value }
    }

    #[test]
    fn header_matches_are_all_of_one_request() {
        let step = Step::read(&json!({"setHeaderRoute": {"name": "beta", "match": [
            {"headerName": "X-User", "headerValue": {"exact": "me", "prefix": ""}},
            {"headerName": "X-Tier", "headerValue": {"prefix": "b"}},
            {"headerName": "X-Zone", "headerValue": {"regex": "e.*"}},
        ]}}));
        let headers = vec![
            header("X-User", TextMatch::Exact("me".into())),
            header("X-Tier", TextMatch::Prefix("b".into())),
            header("X-Zone", TextMatch::Regex("e.*".into())),
        ];
        let rule = Rule {
            matches: vec![RequestMatch { headers, ..RequestMatch::default() }],
            action: RuleAction::ToCanary,
        };
        assert_eq!(step, Step::SetHeaderRoute(ManagedRoute { name: "beta".into(), rule: Some(rule) }));
        assert_eq!(step.describe(), "setHeaderRoute: beta");
    }

    #[test]
    fn mirror_matches_are_alternatives() {
        let route = |mirror: Value| Step::read(&json!({"setMirrorRoute": mirror})).managed_route().cloned();
        let matches = json!([{"method": {"exact": "GET"}, "path": {"prefix": "/a"}}, {"headers": {"x": {"regex": "y"}}}]);
        let rule = |percent| Rule {
            matches: vec![
                RequestMatch {
                    method: Some(TextMatch::Exact("GET".into())),
                    path: Some(TextMatch::Prefix("/a".into())),
                    headers: Vec::new(),
                },
                RequestMatch {
                    headers: vec![header("x", TextMatch::Regex("y".into()))],
                    ..RequestMatch::default()
                },
            ],
            action: RuleAction::Mirror(percent),
        };
        for (percentage, percent) in [(json!(null), 100), (json!(0), 0), (json!(35), 35)] {
            let found = route(json!({"name": "m", "match": matches, "percentage": percentage})).unwrap();
            assert_eq!(found, ManagedRoute { name: "m".into(), rule: Some(rule(percent)) });
        }
    }

    #[test]
    fn without_matches_or_with_unreadable_ones_there_is_no_rule() {
        let good = json!({"headerName": "x", "headerValue": {"exact": "y"}});
        for matches in [
            json!(null),
            json!([]),
            json!("x"),
            json!([good, {"headerName": "x"}]),
            json!([good, {"headerName": "x", "headerValue": {}}]),
            json!([good, {"headerName": "x", "headerValue": {"exact": "y", "regex": "z"}}]),
        ] {
            let step = Step::read(&json!({"setHeaderRoute": {"name": "a", "match": matches}}));
            assert_eq!(
                step,
                Step::SetHeaderRoute(ManagedRoute { name: "a".into(), rule: None }),
                "{matches}"
            );
        }
        for mirror in [
            json!({"match": [{}]}),
            json!({"match": [{"path": {}}]}),
            json!({"match": [{"path": {"exact": "/"}, "method": {"exact": 1}}]}),
            json!({"match": [{"path": {"exact": "/"}, "headers": []}]}),
            json!({"match": [{"path": {"exact": "/"}}], "percentage": 101}),
        ] {
            let step = Step::read(&json!({"setMirrorRoute": mirror}));
            assert_eq!(step.managed_route().and_then(|route| route.rule.clone()), None, "{mirror}");
        }
    }

    #[test]
    fn experiments_are_read_as_far_as_traffic_is_concerned() {
        let step = json!({"experiment": {"templates": [
            {"name": "a", "weight": 5}, {"name": "b"}, {"name": "c", "weight": -1}, 3,
        ]}});
        let template = |name: &str, weight| ExperimentTemplate { name: name.to_owned(), weight };
        let templates =
            vec![template("a", Some(5)), template("b", None), template("c", None), template("", None)];
        assert_eq!(Step::read(&step), Step::Experiment(templates));
    }
}
