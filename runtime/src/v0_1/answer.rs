//! From the types of `wit/0.1` to the contract's, and what types alone cannot say.

use tidegate_contract::{
    Change, Description, Edit, ElementUse, Kind, KindUse, ObjectRef, Outcome, Problem, Query, Selection,
    Share, Verb, Verdict,
};

use super::wit;
use crate::fault::{HostStop, printable};

/// Notes of one answer. The contract says so; more are cut off, because a warning too many is no reason to stop a rollout.
const NOTES: usize = 16;

/// Entries of each list in a description.
const ENTRIES: usize = 64;

/// Bytes of each schema in a description.
const SCHEMA_BYTES: usize = 256 << 10;

fn invalid(message: String) -> wasmtime::Error {
    wasmtime::Error::new(HostStop::Answer(message))
}

pub(super) fn description(description: wit::Description) -> wasmtime::Result<Description> {
    for (what, text) in [("name", &description.name), ("version", &description.version)] {
        let printable = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if text.is_empty() || text.len() > 128 || !printable {
            return Err(invalid(format!(
                "`describe` gives a {what} that is empty, longer than 128 bytes or has spaces"
            )));
        }
    }
    // It is kept as long as the plugin is, and shown: far more than anybody needs, far less than an answer may have.
    for (what, length) in [
        ("features", description.features.len()),
        ("kinds", description.kinds.len()),
        ("annotations", description.annotations.len()),
    ] {
        if length > ENTRIES {
            return Err(invalid(format!("`describe` gives {length} {what}, and {ENTRIES} are allowed")));
        }
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

fn kind_use(usage: wit::KindUse) -> wasmtime::Result<KindUse> {
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

pub(super) fn problem(problem: wit::Problem) -> Problem {
    Problem {
        code: problem.code,
        message: problem.message,
        about: problem.about.map(reference),
        pointer: problem.pointer,
    }
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
    if notes.len() > NOTES {
        let rest = notes.len() - (NOTES - 1);
        notes.truncate(NOTES - 1);
        notes.push(format!("and {rest} more notes, of which the contract allows {NOTES}"));
    }
    Outcome {
        changes: outcome.changes.into_iter().map(change).collect(),
        shares: outcome.shares.into_iter().map(share).collect(),
        verdict: match outcome.verdict {
            wit::Verdict::Verified => Verdict::Verified,
            wit::Verdict::Pending(what) => Verdict::Pending(what),
            wit::Verdict::Rejected(what) => Verdict::Rejected(what),
            wit::Verdict::Unreported(what) => Verdict::Unreported(what),
            wit::Verdict::Unverifiable => Verdict::Unverifiable,
        },
        notes,
        facts: outcome.facts,
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
