//! The steps of a pass, in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use tidegate_contract::text::fit;
use tidegate_contract::{
    CallError, Description, Object, ObjectRef, Observation, Outcome, Problem, Query, Selection, Session,
    Verdict,
};

use crate::apply::apply;
use crate::edit::{Edited, edited};
use crate::equal::equal;
use crate::guard::Guard;
use crate::limits::{self, shorten};
use crate::locate::{Located, locate};
use crate::own;
use crate::pass::{Answer, ObjectWrite, Pass, Purpose, Refusal, Routed, WriteAction};
use crate::refusal::reason;
use crate::selector::Selector;
use crate::shares::Shares;
use crate::write::patch_of;

/// A pass that ended early. Boxed because it is rare and large.
pub(crate) type Stopped = Box<Answer>;

impl From<CallError> for Stopped {
    fn from(error: CallError) -> Self {
        Box::new(match error {
            CallError::Problem(problem) => Answer::Problem(bounded_problem(problem)),
            CallError::Fault(fault) => Answer::Fault(fault),
        })
    }
}

impl From<Box<Refusal>> for Stopped {
    fn from(refusal: Box<Refusal>) -> Self {
        Box::new(Answer::Refused(bounded_refusal(*refusal)))
    }
}

/// Runs one pass of one router in a fresh session. Total: whatever the plugin answers, there is an answer, and
/// the same input gives the same one.
pub fn run(session: &mut dyn Session, description: &Description, pass: &Pass) -> Answer {
    match steps(session, description, pass) {
        Ok(routed) => Answer::Routed(routed),
        Err(stopped) => *stopped,
    }
}

fn steps(session: &mut dyn Session, description: &Description, pass: &Pass) -> Result<Routed, Stopped> {
    let Located { queries, seen } = locate(session, description, pass)?;
    let outcome = ask(session, pass, &seen)?;
    let shares = Shares::read(&outcome.shares, &seen, pass)?;
    let mut writes = Vec::new();
    let mut removal = None;
    if outcome.changes.is_empty() {
        shares.express(pass, []).map_err(unfounded)?;
    } else {
        let guard = Guard::new(description, pass);
        let edits = edited(&outcome.changes, &seen, &guard)?;
        if edits.is_empty() {
            shares.express(pass, []).map_err(unfounded)?;
        } else {
            for edit in &edits {
                writes.extend(write(&guard, edit)?);
            }
            confirm(session, &guard, pass, &seen, &edits)?;
            let going = edits.iter().find(|edit| matches!(edit, Edited::Removed { is_going: true, .. }));
            removal = going.filter(|_| writes.is_empty()).map(|edit| edit.reference().clone());
        }
    }
    let Outcome { shares, mut verdict, mut notes, mut facts, .. } = outcome;
    if let Some(object) = removal {
        // What was said is about the objects without it, and there is nothing to write meanwhile.
        verdict =
            Verdict::Pending(format!("{object} is being removed; something keeps it, see its finalizers"));
    }
    notes.truncate(limits::NOTES);
    for note in &mut notes {
        shorten(note, limits::TEXT_CHARACTERS);
    }
    facts.truncate(limits::FACTS);
    for (name, value) in &mut facts {
        shorten(name, limits::TEXT_CHARACTERS);
        shorten(value, limits::TEXT_CHARACTERS);
    }
    Ok(Routed { queries, writes, shares, verdict: bounded_verdict(verdict), notes, facts })
}

fn ask(session: &mut dyn Session, pass: &Pass, seen: &[Observation]) -> Result<Outcome, Stopped> {
    Ok(match pass.purpose {
        Purpose::Route => session.route(&pass.target, &pass.traffic, seen)?,
        Purpose::Release => session.release(&pass.target, &pass.traffic, seen)?,
    })
}

/// What to write for an edit; nothing when it is under way.
fn write(guard: &Guard<'_>, edit: &Edited<'_>) -> Result<Option<ObjectWrite>, Box<Refusal>> {
    // What is written is made from exactly the differences that were permitted.
    let differences = guard.permitted(edit)?;
    let (api_version, action) = match edit {
        Edited::Changed { object, old, new, .. } => {
            let patch = patch_of(old, &differences);
            debug_assert!(apply(&patch, old).is_ok_and(|patched| equal(&patched, new)));
            (&object.api_version, WriteAction::Patch(patch))
        }
        Edited::Created { api_version, object, .. } => (api_version, WriteAction::Create(object.clone())),
        Edited::Removed { is_going: true, .. } => return Ok(None),
        Edited::Removed { object, uid, .. } => {
            (&object.api_version, WriteAction::Delete { uid: uid.clone() })
        }
    };
    Ok(Some(ObjectWrite { reference: edit.reference().clone(), api_version: api_version.clone(), action }))
}

/// Asks again about the objects as they will be: nothing may be left to change, and the shares must be right.
fn confirm(
    session: &mut dyn Session,
    guard: &Guard<'_>,
    pass: &Pass,
    seen: &[Observation],
    edits: &[Edited<'_>],
) -> Result<(), Stopped> {
    let seen = seen_after(seen, edits, &pass.target.namespace);
    let outcome = ask(session, pass, &seen).map_err(|stopped| match *stopped {
        Answer::Problem(problem) => {
            let message = format!("asked again about its own change, it answers: {}", problem.message);
            Refusal::new(reason::UNSTABLE, message).into()
        }
        other => Box::new(other),
    })?;
    if let Some(again) = edited(&outcome.changes, &seen, guard)?.first() {
        let reference = again.reference();
        let message = format!("asked again about its own change, it changes {reference}");
        return Err(Refusal::new(reason::UNSTABLE, message).about(reference).into());
    }
    let changed = edits.iter().filter_map(|edit| match edit {
        Edited::Changed { object, is_own: false, .. } => Some(&object.reference),
        Edited::Changed { .. } | Edited::Created { .. } | Edited::Removed { .. } => None,
    });
    Shares::read(&outcome.shares, &seen, pass)?.express(pass, changed)?;
    Ok(())
}

/// What will be seen once the edits are written.
fn seen_after(seen: &[Observation], edits: &[Edited<'_>], home: &str) -> Vec<Observation> {
    let texts: BTreeMap<&ObjectRef, Option<Arc<str>>> = edits
        .iter()
        .map(|edit| {
            let text = match edit {
                Edited::Changed { new, .. } => Some(text_of(new)),
                Edited::Created { object, .. } => Some(text_of(&own::as_read_back(object))),
                Edited::Removed { .. } => None,
            };
            (edit.reference(), text)
        })
        .collect();
    let after = |object: &Object| match texts.get(&object.reference) {
        Some(text) => text.as_ref().map(|json| Object { json: json.clone(), ..object.clone() }),
        None => Some(object.clone()),
    };
    seen.iter()
        .map(|seen| {
            let mut objects: Vec<Object> = seen.objects.iter().filter_map(after).collect();
            for edit in edits {
                let Edited::Created { reference, api_version, object } = edit else { continue };
                if finds(&seen.query, reference, object, home)
                    && let Some(Some(json)) = texts.get(reference)
                {
                    let (reference, api_version) = ((*reference).clone(), api_version.clone());
                    objects.push(Object { reference, api_version, json: json.clone() });
                }
            }
            objects.sort_by(|one, other| one.reference.cmp(&other.reference));
            Observation { query: seen.query.clone(), served: seen.served, objects }
        })
        .collect()
}

/// The value as JSON text. Not by `Display`, which writes through a formatter and takes three times as long.
fn text_of(value: &Value) -> Arc<str> {
    serde_json::to_string(value).unwrap_or_else(|_| value.to_string()).into()
}

/// Whether a query will find an object that is made in the Rollout's namespace.
fn finds(query: &Query, reference: &ObjectRef, object: &Value, home: &str) -> bool {
    query.kind == reference.kind
        && query.namespace.as_ref().is_none_or(|namespace| namespace == home)
        && match &query.select {
            Selection::Name(name) => *name == reference.name,
            Selection::Labels(text) => {
                let none = Map::new();
                let labels = object.pointer("/metadata/labels").and_then(Value::as_object).unwrap_or(&none);
                Selector::parse(text).is_ok_and(|selector| selector.matches(labels))
            }
        }
}

/// The shares are wrong although the plugin changes nothing.
fn unfounded(mut refusal: Box<Refusal>) -> Box<Refusal> {
    refusal.message = format!("it changes nothing, and yet {}", refusal.message);
    refusal
}

fn bounded_problem(mut problem: Problem) -> Problem {
    shorten(&mut problem.code, 64);
    shorten(&mut problem.message, limits::TEXT_CHARACTERS);
    if let Some(pointer) = &mut problem.pointer {
        shorten(pointer, limits::TEXT_CHARACTERS);
    }
    problem
}

/// Its message may quote what the plugin answered.
fn bounded_refusal(mut refusal: Refusal) -> Refusal {
    refusal.message = fit(refusal.message, limits::TEXT_CHARACTERS);
    if let Some(about) = &mut refusal.about {
        let namespace = about.namespace.iter_mut();
        for text in namespace.chain([&mut about.name, &mut about.kind.group, &mut about.kind.kind]) {
            *text = fit(std::mem::take(text), limits::TEXT_CHARACTERS);
        }
    }
    refusal
}

fn bounded_verdict(mut verdict: Verdict) -> Verdict {
    match &mut verdict {
        Verdict::Pending(why) | Verdict::Rejected(why) | Verdict::Unreported(why) => {
            shorten(why, limits::TEXT_CHARACTERS);
        }
        Verdict::Verified | Verdict::Unverifiable => {}
    }
    verdict
}
