//! Which objects a plugin needs: asks until its answer is stable, and lets it ask only for what it may see.

use std::borrow::Cow;

use tidegate_contract::{Description, Observation, Problem, Query, Selection, Session, Verb};

use crate::kinds;
use crate::limits;
use crate::own;
use crate::pass::{Answer, Pass, Refusal};
use crate::permission::Permissions;
use crate::refusal::reason;
use crate::run::Stopped;

/// What a plugin needs to see, and what was seen of it.
pub(crate) struct Located<'a> {
    /// The stable answer, sorted.
    pub queries: Vec<Query>,
    /// One observation for each query, in the same order.
    pub seen: Cow<'a, [Observation]>,
}

/// Asks until the answer is stable.
pub(crate) fn locate<'a>(
    session: &mut dyn Session,
    description: &Description,
    pass: &'a Pass,
) -> Result<Located<'a>, Stopped> {
    let mut located = Located { queries: Vec::new(), seen: Cow::Borrowed(&[]) };
    for _ in 0..limits::ROUNDS {
        let mut queries = session.locate(&pass.target, &pass.traffic, &located.seen)?;
        queries.sort_unstable();
        queries.dedup();
        if queries == located.queries {
            return Ok(located);
        }
        may_ask(&queries, description, pass)?;
        let Some(seen) = observations(&queries, &pass.seen) else {
            return Err(Answer::Needs(queries).into());
        };
        if let Some(unserved) = seen.iter().find(|seen| !seen.served && !seen.query.optional) {
            return Err(Answer::Problem(missing_kind(&unserved.query)).into());
        }
        located = Located { queries, seen };
    }
    let message = format!(
        "plugin {} asked for other objects each time it was asked which ones it needs, {} times",
        description.name,
        limits::ROUNDS
    );
    Err(Refusal::new(reason::TOO_MANY_ROUNDS, message).into())
}

/// The observation of each query; `None` when one is missing.
fn observations<'a>(queries: &[Query], seen: &'a [Observation]) -> Option<Cow<'a, [Observation]>> {
    if seen.len() == queries.len() && seen.iter().zip(queries).all(|(seen, query)| seen.query == *query) {
        return Some(Cow::Borrowed(seen));
    }
    queries
        .iter()
        .map(|query| seen.iter().find(|seen| seen.query == *query).cloned())
        .collect::<Option<Vec<_>>>()
        .map(Cow::Owned)
}

fn missing_kind(query: &Query) -> Problem {
    let kind = &query.kind;
    let group = if kind.group.is_empty() { "the core group" } else { &kind.group };
    Problem {
        code: "missing-kind".into(),
        message: format!(
            "the API server does not serve {} of {group}: install its custom resource definitions, or use another \
             router",
            kind.kind
        ),
        about: None,
        pointer: None,
    }
}

fn may_ask(queries: &[Query], description: &Description, pass: &Pass) -> Result<(), Box<Refusal>> {
    if queries.len() > limits::QUERIES {
        let message = format!(
            "plugin {} asks for {} kinds of objects; at most {} are allowed",
            description.name,
            queries.len(),
            limits::QUERIES
        );
        return Err(Refusal::new(reason::TOO_MANY_QUERIES, message));
    }
    let permissions = Permissions::new(description, pass.grant.as_deref());
    queries.iter().try_for_each(|query| may_ask_one(query, permissions, pass))
}

fn may_ask_one(query: &Query, permissions: Permissions<'_>, pass: &Pass) -> Result<(), Box<Refusal>> {
    let refuse = |reason, what: &str| {
        let plugin = permissions.plugin();
        Err(Refusal::new(reason, format!("plugin {plugin} asks for {}: {what}", query.kind)))
    };
    if !kinds::may_be_read(&query.kind) {
        return refuse(reason::FORBIDDEN_KIND, "no router gets to see objects of this kind");
    }
    if !permissions.describes(&query.kind, Verb::Read) {
        return refuse(reason::FORBIDDEN_KIND, "its description does not say that it reads this kind");
    }
    if !permissions.allows(&query.kind, Verb::Read) {
        return refuse(reason::FORBIDDEN_KIND, "the operator does not let it read objects of this kind");
    }
    match &query.namespace {
        Some(namespace) if *namespace == pass.target.namespace => {}
        Some(namespace) if namespace.contains('.') || !own::is_possible_name(namespace) => {
            return refuse(
                reason::FORBIDDEN_NAMESPACE,
                &format!("{:?} is no name of a namespace", excerpt(namespace)),
            );
        }
        // Whether that namespace agrees is for whoever reads the objects to find out: what it does not agree to
        // is never shown.
        Some(namespace) if !permissions.allows_elsewhere(&query.kind, namespace) => {
            return refuse(
                reason::FORBIDDEN_NAMESPACE,
                &format!("in the namespace {namespace:?}, and the operator does not let it look there"),
            );
        }
        _ => {}
    }
    match &query.select {
        Selection::Name(name) if !is_name(name) => {
            refuse(reason::INVALID_QUERY, &format!("{:?} is not a name of an object", excerpt(name)))
        }
        Selection::Labels(labels) if labels.trim().is_empty() => {
            refuse(reason::INVALID_QUERY, "an empty label selector would mean all of them")
        }
        Selection::Labels(labels) if labels.len() > limits::SELECTOR_CHARACTERS => {
            refuse(reason::INVALID_QUERY, "its label selector is too long")
        }
        Selection::Name(_) | Selection::Labels(_) => Ok(()),
    }
}

/// What every API server accepts in a path (`path.ValidatePathSegmentName` and the length of a DNS subdomain);
/// each kind has its own stricter rule, under which no such object exists.
fn is_name(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name != "."
        && name != ".."
        && name.chars().all(|character| character.is_ascii_graphic() && !matches!(character, '/' | '%'))
}

fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}
