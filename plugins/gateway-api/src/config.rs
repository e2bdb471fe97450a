//! What is configured: the keys that users of Argo's Gateway API plugin write, and `verify`.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Fields, Object, Observation, Outcome, Pointer, Problem, Query, SelectorText, Target, concat,
};

use crate::kinds::{ROUTE_KINDS, RouteKind};
use crate::mark::Mark;

/// Which routes, and how they are verified.
#[derive(Debug)]
pub(crate) struct Config {
    /// The routes' namespace; `None` is the Rollout's.
    pub(crate) namespace: Option<String>,
    /// Routes by name, each once.
    pub(crate) routes: Vec<NamedRoute>,
    /// Routes by label.
    pub(crate) selectors: Vec<RouteSelector>,
    /// Whether parents are waited for.
    pub(crate) verify: Verify,
    /// How routes are marked while a canary is under way.
    pub(crate) mark: Option<Mark>,
    /// Keys that are not known.
    unknown: Vec<Pointer>,
}

/// A route by name.
#[derive(Debug)]
pub(crate) struct NamedRoute {
    /// Its kind.
    pub(crate) kind: &'static RouteKind,
    /// Its name.
    pub(crate) name: String,
    /// Where it is named.
    pub(crate) at: Pointer,
    /// Which rules the weights are limited to.
    pub(crate) scope: Scope,
    /// Whether it may get header routes.
    pub(crate) header_routes: bool,
}

/// Which rules of a route may be the Rollout's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Any.
    All,
    /// Those of these names.
    Named(Vec<String>),
}

/// Routes by label.
#[derive(Debug)]
pub(crate) struct RouteSelector {
    /// Their kind.
    pub(crate) kind: &'static RouteKind,
    /// The selector's text form.
    pub(crate) labels: String,
}

/// Whether the routes' parents are waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verify {
    /// Every parent must report.
    Always,
    /// Parents that report are waited for.
    #[default]
    IfReported,
    /// None is.
    Never,
}

impl Config {
    /// The configuration of a target: the Rollout's, with the operator's settings as defaults.
    pub(crate) fn of(target: &Target) -> Result<Self, Problem> {
        let mut fields = Fields::of(&target.config, Pointer::root())?;
        let mut settings = Fields::of(&target.settings, Pointer::root())?;
        let mut unknown = Vec::new();
        let mut routes: Vec<NamedRoute> = Vec::new();
        let mut selectors = Vec::new();
        for kind in &ROUTE_KINDS {
            read_kind(kind, &mut fields, &mut routes, &mut selectors, &mut unknown)?;
        }
        if routes.is_empty() && selectors.is_empty() {
            return Err(Problem::invalid_config(
                Pointer::root(),
                "no route is named: set httpRoute, httpRoutes or httpRouteSelector, or the same for grpc, tcp or tls",
            ));
        }
        let namespace = fields.text("namespace")?;
        if let Some(namespace) = &namespace {
            check_name(namespace, || Pointer::root().key("namespace"))?;
        }
        let operators_default = Verify::read(&mut settings)?.unwrap_or_default();
        let verify = Verify::read(&mut fields)?.unwrap_or(operators_default);
        let mark = Mark::of(&mut fields, &mut settings)?;
        // Argo's plugin keeps notes about its managed routes there; here they are known by their names.
        fields.text("configMap")?;
        fields.finish(&mut unknown);
        let namespace = namespace.filter(|namespace| *namespace != target.namespace);
        Ok(Self { namespace, routes, selectors, verify, mark, unknown })
    }

    /// All objects that it means, named ones first.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let named = self.routes.iter().map(|route| route.query(self));
        named.chain(self.selectors.iter().map(|selector| selector.query(self))).collect()
    }

    /// Whether some route can get managed routes that send requests to canary.
    pub(crate) fn has_header_routes(&self) -> bool {
        self.routes.iter().any(|route| route.header_routes && route.kind.matches_requests())
    }

    /// Whether some route can get managed routes that mirror requests.
    pub(crate) fn has_mirror_routes(&self) -> bool {
        let named = self.routes.iter().map(|route| route.kind);
        named.chain(self.selectors.iter().map(|selector| selector.kind)).any(RouteKind::matches_requests)
    }

    /// Tells the reader of the Rollout which keys are ignored.
    pub(crate) fn notes(&self, outcome: &mut Outcome) {
        for key in &self.unknown {
            outcome.note(concat(&[
                "the configuration's key ",
                key.as_str(),
                " is not known and has no effect",
            ]));
        }
    }

    fn in_namespace(&self, query: Query) -> Query {
        match &self.namespace {
            Some(namespace) => query.in_namespace(namespace.clone()),
            None => query,
        }
    }
}

impl NamedRoute {
    /// The query that finds it.
    pub(crate) fn query(&self, config: &Config) -> Query {
        config.in_namespace(Query::named(self.kind.kind(), &self.name))
    }
}

impl RouteSelector {
    /// The query that finds them.
    pub(crate) fn query(&self, config: &Config) -> Query {
        config.in_namespace(Query::labelled(self.kind.kind(), &self.labels))
    }

    /// What it found.
    pub(crate) fn found<'a>(&self, config: &Config, seen: &'a [Observation]) -> &'a [Object] {
        self.query(config).find(seen).map(|observation| observation.objects.as_slice()).unwrap_or_default()
    }
}

impl Scope {
    /// Whether a rule of this name is in it.
    pub(crate) fn contains(&self, rule: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => rule.is_some_and(|rule| names.iter().any(|name| name == rule)),
        }
    }

    fn of(rule: Option<String>) -> Self {
        rule.map_or(Self::All, |rule| Self::Named(vec![rule]))
    }

    fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Named(names), Self::Named(mut others)) => names.append(&mut others),
            _ => *self = Self::All,
        }
    }
}

impl Verify {
    fn read(fields: &mut Fields<'_>) -> Result<Option<Self>, Problem> {
        match fields.text("verify")?.as_deref() {
            None => Ok(None),
            Some("Always") => Ok(Some(Self::Always)),
            Some("IfReported") => Ok(Some(Self::IfReported)),
            Some("Never") => Ok(Some(Self::Never)),
            Some(other) => Err(Problem::invalid_config(
                fields.at().key("verify"),
                concat(&["verify is `", other, "`; it must be Always, IfReported or Never"]),
            )),
        }
    }
}

/// Reads the four keys of one kind of route.
fn read_kind(
    kind: &'static RouteKind,
    fields: &mut Fields<'_>,
    routes: &mut Vec<NamedRoute>,
    selectors: &mut Vec<RouteSelector>,
    unknown: &mut Vec<Pointer>,
) -> Result<(), Problem> {
    for mut entry in fields.objects(kind.list_key)? {
        let at = entry.at().key("name");
        let Some(name) = entry.text("name")? else {
            let message = concat(&[at.as_str(), " is missing: which ", kind.name, "?"]);
            return Err(Problem::invalid_config(at, message));
        };
        let rule = entry.text("ruleName")?;
        let header_routes = entry.flag("useHeaderRoutes")?;
        entry.finish(unknown);
        add_route(routes, NamedRoute { kind, name, at, scope: Scope::of(rule), header_routes })?;
    }
    let rule = fields.text(kind.rule_name_key)?;
    if let Some(name) = fields.text(kind.name_key)? {
        let at = fields.at().key(kind.name_key);
        add_route(routes, NamedRoute { kind, name, at, scope: Scope::of(rule), header_routes: true })?;
    }
    if let Some(selector) = fields.object(kind.selector_key)? {
        let labels = read_selector(selector, unknown)?;
        selectors.push(RouteSelector { kind, labels });
    }
    Ok(())
}

/// Adds a route, or what is said of one that is named already.
fn add_route(routes: &mut Vec<NamedRoute>, route: NamedRoute) -> Result<(), Problem> {
    check_name(&route.name, || route.at.clone())?;
    match routes.iter_mut().find(|other| other.kind == route.kind && other.name == route.name) {
        Some(other) => {
            other.scope.add(route.scope);
            other.header_routes |= route.header_routes;
        }
        None => routes.push(route),
    }
    Ok(())
}

fn read_selector(mut fields: Fields<'_>, unknown: &mut Vec<Pointer>) -> Result<String, Problem> {
    let mut text = SelectorText::default();
    if let Some(labels) = fields.object("matchLabels")? {
        for (key, value, at) in labels.into_texts()? {
            text.equals(&key, &value, &at)?;
        }
    }
    for mut expression in fields.objects("matchExpressions")? {
        let key = expression.text("key")?.unwrap_or_default();
        let operator = expression.text("operator")?.unwrap_or_default();
        text.expression(&key, &operator, &expression.texts("values")?, &expression.at())?;
        expression.finish(unknown);
    }
    let at = fields.at();
    fields.finish(unknown);
    text.finish(&at)
}

/// Whether an object, a namespace or a rule can have this name: as in DNS, at most 253 characters.
pub(crate) fn is_name(name: &str) -> bool {
    let is_bounded = |end: Option<&u8>| end.is_some_and(|byte| *byte != b'-' && *byte != b'.');
    let bytes = name.as_bytes();
    bytes.len() <= 253
        && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
        && is_bounded(bytes.first())
        && is_bounded(bytes.last())
}

fn check_name(name: &str, at: impl FnOnce() -> Pointer) -> Result<(), Problem> {
    if is_name(name) {
        return Ok(());
    }
    Err(Problem::invalid_config(
        at(),
        concat(&["`", name, "` is not a name that a Kubernetes object can have"]),
    ))
}
