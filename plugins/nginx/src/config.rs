//! What is configured: the keys under Argo's `trafficRouting.nginx`.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Fields, Kind, Object, Observation, Outcome, Pointer, Problem, Query, Target, concat,
};

/// The prefix of the controller's annotations, unless it was started with another one.
const DEFAULT_PREFIX: &str = "nginx.ingress.kubernetes.io";

/// What follows the names of a Rollout and a stable Ingress in the name of a canary Ingress.
const SUFFIX: &str = "-canary";

/// The longest name of an object.
const MAX_NAME: usize = 253;

/// The kind that is read and made.
pub(crate) fn ingress_kind() -> Kind {
    Kind::new("networking.k8s.io", "Ingress")
}

/// Which Ingresses are divided, and what their canary Ingresses carry.
#[derive(Debug)]
pub(crate) struct Config {
    /// At least one, each once.
    pub(crate) ingresses: Vec<Pair>,
    /// Prefix of the controller's annotations.
    pub(crate) prefix: String,
    /// Further annotations of canary Ingresses: key and value.
    pub(crate) annotations: Vec<(String, String)>,
    /// Keys that are not known.
    unknown: Vec<Pointer>,
}

/// A stable Ingress, which is the user's, and the canary Ingress next to it, which is made.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) stable: String,
    pub(crate) canary: String,
    /// Where the stable one is named.
    pub(crate) at: Pointer,
}

impl Config {
    /// The configuration of a target: the Rollout's, with the operator's settings as defaults.
    pub(crate) fn of(target: &Target) -> Result<Self, Problem> {
        let mut fields = Fields::of(&target.config, Pointer::root())?;
        let mut settings = Fields::of(&target.settings, Pointer::root())?;
        let ingresses = read_ingresses(&mut fields, target)?;
        let operators_default = read_prefix(&mut settings)?;
        let prefix = read_prefix(&mut fields)?.or(operators_default).unwrap_or(DEFAULT_PREFIX.to_owned());
        let mut annotations = Vec::new();
        for (key, value, _) in texts(&mut fields, "additionalIngressAnnotations")? {
            let key = if key.starts_with(&prefix) { key } else { concat(&[&prefix, "/", &key]) };
            annotations.push((key, value));
        }
        for (key, value, _) in texts(&mut fields, "canaryIngressAnnotations")? {
            annotations.retain(|(other, _)| *other != key);
            annotations.push((key, value));
        }
        let mut unknown = Vec::new();
        fields.finish(&mut unknown);
        Ok(Self { ingresses, prefix, annotations, unknown })
    }

    /// All objects that it means.
    pub(crate) fn queries(&self) -> Vec<Query> {
        self.ingresses.iter().flat_map(|pair| [named(&pair.stable), named(&pair.canary)]).collect()
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
}

impl Pair {
    /// The stable Ingress, when it exists.
    pub(crate) fn find_stable<'a>(&self, seen: &'a [Observation]) -> Option<&'a Object> {
        named(&self.stable).find(seen)?.objects.first()
    }

    /// The canary Ingress, when it exists.
    pub(crate) fn find_canary<'a>(&self, seen: &'a [Observation]) -> Option<&'a Object> {
        named(&self.canary).find(seen)?.objects.first()
    }
}

fn named(name: &str) -> Query {
    Query::named(ingress_kind(), name)
}

fn read_ingresses(fields: &mut Fields<'_>, target: &Target) -> Result<Vec<Pair>, Problem> {
    let one = fields.text("stableIngress")?;
    let several = fields.texts("stableIngresses")?;
    if one.is_some() && !several.is_empty() {
        let message = "stableIngress and stableIngresses are both set: keep one of them";
        return Err(Problem::invalid_config(Pointer::root().key("stableIngress"), message));
    }
    let one = one.map(|name| (name, Pointer::root().key("stableIngress")));
    let several =
        (0..).zip(several).map(|(index, name)| (name, Pointer::root().key("stableIngresses").index(index)));
    let mut pairs: Vec<Pair> = Vec::new();
    for (stable, at) in one.into_iter().chain(several) {
        if !is_name(&stable) {
            let message = concat(&["`", &stable, "` is not a name that an Ingress can have"]);
            return Err(Problem::invalid_config(at, message));
        }
        let canary = canary_name(&target.name, &stable);
        let is_taken = |pair: &Pair| {
            pair.stable == stable || pair.canary == canary || pair.canary == stable || pair.stable == canary
        };
        if pairs.iter().any(is_taken) || canary == stable {
            let message = concat(&[
                "Ingress `",
                &stable,
                "` is named twice, or its canary Ingress `",
                &canary,
                "` would have the name of another one: remove or rename one",
            ]);
            return Err(Problem::invalid_config(at, message));
        }
        pairs.push(Pair { stable, canary, at });
    }
    if pairs.is_empty() {
        let message = "no Ingress is named: set stableIngress or stableIngresses";
        return Err(Problem::invalid_config(Pointer::root(), message));
    }
    Ok(pairs)
}

/// The name that Argo gives to a canary Ingress, so that those it made are found.
fn canary_name(rollout: &str, stable: &str) -> String {
    let mut name = concat(&[rollout, "-", stable]);
    let mut end = MAX_NAME - SUFFIX.len();
    if name.len() > end {
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        // What Argo leaves there is refused by the API server, so there is nothing to find.
        name.truncate(name.trim_end_matches('.').len());
    }
    name.push_str(SUFFIX);
    name
}

fn read_prefix(fields: &mut Fields<'_>) -> Result<Option<String>, Problem> {
    let Some(text) = fields.text("annotationPrefix")? else { return Ok(None) };
    let prefix = text.trim_end_matches('/');
    if !is_name(prefix) {
        let message = concat(&["`", &text, "` is not a prefix that annotations can have"]);
        return Err(Problem::invalid_config(fields.at().key("annotationPrefix"), message));
    }
    Ok(Some(prefix.to_owned()))
}

fn texts(fields: &mut Fields<'_>, key: &str) -> Result<Vec<(String, String, Pointer)>, Problem> {
    fields.object(key)?.map_or(Ok(Vec::new()), Fields::into_texts)
}

/// An object's name: as in DNS, at most 253 characters.
fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}
