//! What the plugin says of itself.

use std::collections::BTreeSet;

use tidegate_contract::{Description, ElementUse, KindUse, Verb};
use tidegate_route::pointer::Pattern;

use crate::bench::{Bench, Broken, End, Ended};
use crate::schema;

/// That it can be used: by hosts, by administrators who grant it, by editors.
pub(crate) fn description(bench: &mut Bench<'_>) -> Ended {
    problems(bench.router.description())
        .into_iter()
        .next()
        .map_or(Ok(End::Passed), |problem| Err(Broken::new("describe", problem.0, problem.1)))
}

/// What is wrong, each with what is expected instead.
fn problems(description: &Description) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    if description.name.trim().is_empty() {
        found.push(("an empty name".to_owned(), "a short name for people"));
    }
    if !is_semantic_version(&description.version) {
        found.push((format!("the version {:?}", description.version), "a semantic version, such as 1.2.3"));
    }
    for (what, names) in [
        ("feature", description.features.iter().collect::<Vec<_>>()),
        ("annotation", description.annotations.iter().map(|(key, _)| key).collect()),
    ] {
        let mut known = BTreeSet::new();
        if let Some(twice) = names.into_iter().find(|name| !known.insert(*name)) {
            found.push((format!("the {what} {twice:?} twice"), "each once"));
        }
    }
    for (what, text) in [("config", &description.config_schema), ("settings", &description.settings_schema)] {
        if let Err(error) = schema::read(text) {
            found.push((
                format!("the {what} schema {text:.80}: {error}"),
                "a JSON Schema (2020-12) as JSON text",
            ));
        }
    }
    let mut kinds = BTreeSet::new();
    for used in &description.kinds {
        if !kinds.insert(&used.kind) {
            found.push((format!("{} twice", used.kind), "each kind once"));
        }
        found.extend(
            in_kind(used).into_iter().map(|(what, expected)| (format!("of {}: {what}", used.kind), expected)),
        );
    }
    found
}

fn in_kind(used: &KindUse) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    let can = |verb| used.verbs.contains(&verb);
    if used.kind.kind.is_empty() {
        found.push(("an empty kind".to_owned(), "a kind in the singular, as in manifests"));
    }
    if used.versions.is_empty()
        || used.versions.iter().any(|version| version.is_empty() || version.contains('/'))
    {
        found.push((format!("the versions {:?}", used.versions), "at least one, each without the group"));
    }
    if !can(Verb::Read) {
        found.push((
            format!("the verbs {:?}", used.verbs),
            "`read`: what is not seen cannot be changed either",
        ));
    }
    let changes_others = !used.fields.is_empty() || !used.elements.is_empty();
    if changes_others && !can(Verb::Update) {
        found.push((format!("fields, and the verbs {:?}", used.verbs), "`update`, or no fields"));
    }
    if can(Verb::Update) && !changes_others && !can(Verb::Create) {
        found.push(("`update` without fields".to_owned(), "the fields that it changes, or no `update`"));
    }
    if can(Verb::Create) != can(Verb::Delete) {
        found.push((
            format!("the verbs {:?}", used.verbs),
            "`create` and `delete` together: what it makes it must release",
        ));
    }
    for pattern in used.fields.iter().chain(used.elements.iter().map(|element| &element.at)) {
        if let Err(error) = Pattern::parse(pattern) {
            found.push((format!("the field {pattern:?}"), "a JSON pointer whose parts may be `*`"));
            found.extend([(error.to_string(), "a JSON pointer whose parts may be `*`")]);
        } else if is_reserved(pattern) {
            found.push((
                format!("the field {pattern:?}"),
                "a field that a router can be granted: of metadata only labels and annotations, never status",
            ));
        }
    }
    found.extend(used.elements.iter().filter_map(in_element));
    found
}

fn in_element(element: &ElementUse) -> Option<(String, &'static str)> {
    if !element.at.ends_with("/*") {
        return Some((
            format!("elements at {:?}", element.at),
            "a pattern that ends with the `*` of the list",
        ));
    }
    let is_pointer = |text: &&String| text.is_empty() || Pattern::parse(text).is_ok();
    let wrong = [&element.identity].into_iter().chain(&element.references).find(|text| !is_pointer(text))?;
    Some((format!("{wrong:?} in elements at {:?}", element.at), "a JSON pointer from the element"))
}

fn is_reserved(pattern: &str) -> bool {
    let mut parts = pattern.split('/').skip(1);
    match parts.next() {
        Some("metadata") => !matches!(parts.next(), Some("labels" | "annotations")),
        Some("apiVersion" | "kind" | "status" | "*") => true,
        _ => false,
    }
}

/// `MAJOR.MINOR.PATCH`, with a pre-release and build metadata or without.
fn is_semantic_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| {
        !part.is_empty()
            && part.chars().all(|digit| digit.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    core.split('.').count() == 3 && core.split('.').all(is_number)
}
