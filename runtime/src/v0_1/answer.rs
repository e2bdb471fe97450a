//! From the types of `wit/0.1` to the contract's, and what types alone cannot say.

use tidegate_contract::text::{escape, fit, printable};
use tidegate_contract::{
    Change, Description, Edit, ElementUse, Kind, KindUse, ObjectRef, Outcome, Problem, Query, Selection,
    Share, Verb, Verdict,
};

use super::wit;
use crate::fault::HostStop;

/// Notes of one answer. The contract says so; more are cut off, because a warning too many is no reason to stop a rollout.
const NOTES: usize = 16;

/// Facts of one answer, from the contract as well.
const FACTS: usize = 64;

/// Characters of a text for people.
const TEXT_CHARACTERS: usize = 1024;

/// Characters of a problem's code.
const CODE_CHARACTERS: usize = 64;

/// Entries of each list in a description, and features in the answer of `check`.
const ENTRIES: usize = 64;

/// Bytes of each other text in a description: of a pattern of fields, for example, or of a label for a home page.
const TEXT_BYTES: usize = 1024;

/// Bytes of each schema in a description.
const SCHEMA_BYTES: usize = 256 << 10;

fn invalid(message: String) -> wasmtime::Error {
    wasmtime::Error::new(HostStop::Answer(message))
}

pub(super) fn description(description: wit::Description) -> wasmtime::Result<Description> {
    for (what, text) in [("name", &description.name), ("version", &description.version)] {
        let is_word = is_plain(text) && !text.contains(char::is_whitespace);
        if text.is_empty() || text.len() > 128 || !is_word {
            return Err(invalid(format!(
                "`describe` gives a {what} that is empty, longer than 128 bytes or has spaces"
            )));
        }
    }
    // It is kept as long as the plugin is, looked through in every pass, and shown: far more than anybody needs, far less
    // than an answer may have.
    few("kinds", &description.kinds)?;
    few("annotations", &description.annotations)?;
    short("features", &description.features)?;
    for (key, value) in &description.annotations {
        short("annotations", [key, value])?;
    }
    for (what, schema) in
        [("config-schema", &description.config_schema), ("settings-schema", &description.settings_schema)]
    {
        if schema.len() > SCHEMA_BYTES {
            let length = schema.len();
            return Err(invalid(format!(
                "`describe` gives a {what} of {length} bytes, and {SCHEMA_BYTES} are allowed"
            )));
        }
    }
    Ok(Description {
        name: description.name,
        version: description.version,
        features: description.features,
        kinds: description.kinds.into_iter().map(kind_use).collect::<wasmtime::Result<_>>()?,
        config_schema: description.config_schema,
        settings_schema: description.settings_schema,
        annotations: description.annotations,
    })
}

/// Fails when a list has more entries than anybody needs.
fn few<T>(what: &str, list: &[T]) -> wasmtime::Result<()> {
    let length = list.len();
    if length <= ENTRIES {
        return Ok(());
    }
    Err(invalid(format!("`describe` gives {length} {what} in one list, and {ENTRIES} are allowed")))
}

/// Fails when these are more texts, or longer ones, than anybody needs.
fn short<'a>(what: &str, texts: impl IntoIterator<Item = &'a String>) -> wasmtime::Result<()> {
    let texts: Vec<_> = texts.into_iter().take(ENTRIES + 1).collect();
    few(what, &texts)?;
    if !texts.iter().all(|text| is_plain(text)) {
        return Err(invalid(format!("`describe` gives a text with control characters for its {what}")));
    }
    match texts.iter().map(|text| text.len()).max() {
        Some(longest) if longest > TEXT_BYTES => Err(invalid(format!(
            "`describe` gives a text of {longest} bytes for its {what}, and {TEXT_BYTES} are allowed"
        ))),
        _ => Ok(()),
    }
}

/// Whether a text can be shown as it is.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| escape(c, false).eq([c]))
}

fn kind_use(usage: wit::KindUse) -> wasmtime::Result<KindUse> {
    short("kinds", [&usage.kind.group, &usage.kind.kind])?;
    short("versions", &usage.versions)?;
    few("verbs", &usage.verbs)?;
    short("fields", &usage.fields)?;
    few("elements", &usage.elements)?;
    for element in &usage.elements {
        short("elements", [&element.at, &element.identity])?;
        short("references", &element.references)?;
    }
    let verb = |word: String| match word.as_str() {
        "read" => Ok(Verb::Read),
        "update" => Ok(Verb::Update),
        "create" => Ok(Verb::Create),
        "delete" => Ok(Verb::Delete),
        _ => Err(invalid(format!(
            "`describe` asks for the verb {:?}; there are read, update, create and delete",
            printable(&word, 40)
        ))),
    };
    Ok(KindUse {
        kind: kind(usage.kind),
        versions: usage.versions,
        verbs: usage.verbs.into_iter().map(verb).collect::<wasmtime::Result<_>>()?,
        fields: usage.fields,
        elements: usage.elements.into_iter().map(element_use).collect(),
    })
}

fn element_use(usage: wit::ElementUse) -> ElementUse {
    ElementUse { at: usage.at, identity: usage.identity, references: usage.references }
}

fn kind(kind: wit::KindResult) -> Kind {
    Kind { group: kind.group, kind: kind.kind }
}

fn reference(reference: wit::ObjectRefResult) -> ObjectRef {
    ObjectRef { kind: kind(reference.kind), namespace: reference.namespace, name: reference.name }
}

/// What `check` answers.
pub(super) fn features(features: Vec<String>) -> wasmtime::Result<Vec<String>> {
    let length = features.len();
    if length > ENTRIES || features.iter().any(|feature| feature.len() > TEXT_BYTES) {
        return Err(invalid(format!(
            "`check` answers with {length} features; {ENTRIES} of {TEXT_BYTES} bytes each are allowed"
        )));
    }
    Ok(features)
}

pub(super) fn problem(problem: wit::Problem) -> Problem {
    let about = |about: wit::ObjectRefResult| {
        let ObjectRef { kind, namespace, name } = reference(about);
        ObjectRef {
            kind: Kind { group: told(kind.group), kind: told(kind.kind) },
            namespace: namespace.map(told),
            name: told(name),
        }
    };
    Problem {
        code: fit(problem.code, CODE_CHARACTERS),
        message: told(problem.message),
        about: problem.about.map(about),
        pointer: problem.pointer.map(told),
    }
}

/// A text for people, who may read it in a terminal.
fn told(text: String) -> String {
    fit(text, TEXT_CHARACTERS)
}

pub(super) fn queries(queries: Vec<wit::QueryResult>) -> Vec<Query> {
    queries
        .into_iter()
        .map(|query| Query {
            kind: kind(query.kind),
            namespace: query.namespace,
            select: match query.select {
                wit::SelectionResult::Name(name) => Selection::Name(name),
                wit::SelectionResult::Labels(labels) => Selection::Labels(labels),
            },
            optional: query.optional,
        })
        .collect()
}

pub(super) fn outcome(outcome: wit::Outcome) -> Outcome {
    let mut notes = outcome.notes;
    let more = notes.len().saturating_sub(NOTES);
    if more > 0 {
        notes.truncate(NOTES - 1);
        notes.push(format!("and {} more notes, of which the contract allows {NOTES}", more + 1));
    }
    Outcome {
        changes: outcome.changes.into_iter().map(change).collect(),
        shares: outcome.shares.into_iter().map(share).collect(),
        verdict: match outcome.verdict {
            wit::Verdict::Verified => Verdict::Verified,
            wit::Verdict::Pending(what) => Verdict::Pending(told(what)),
            wit::Verdict::Rejected(what) => Verdict::Rejected(told(what)),
            wit::Verdict::Unreported(what) => Verdict::Unreported(told(what)),
            wit::Verdict::Unverifiable => Verdict::Unverifiable,
        },
        notes: notes.into_iter().map(told).collect(),
        facts: outcome.facts.into_iter().take(FACTS).map(|(key, value)| (told(key), told(value))).collect(),
    }
}

fn change(change: wit::Change) -> Change {
    Change {
        reference: reference(change.ref_),
        edit: match change.edit {
            wit::Edit::Replace(json) => Edit::Replace(json),
            wit::Edit::JsonPatch(patch) => Edit::JsonPatch(patch),
            wit::Edit::Remove => Edit::Remove,
        },
    }
}

fn share(share: wit::Share) -> Share {
    Share {
        about: reference(share.about),
        at: share.at,
        destination: share.destination,
        weight: share.weight,
        total: share.total,
    }
}
