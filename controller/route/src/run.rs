//! The steps of a pass, in order.

use std::sync::Arc;

use tidegate_contract::{CallError, Description, Object, Observation, Outcome, Problem, Session, Verdict};

use crate::apply::apply;
use crate::edit::{Edited, edited};
use crate::equal::equal;
use crate::guard::Guard;
use crate::limits::{self, shorten};
use crate::locate::{Located, locate};
use crate::pass::{Answer, ObjectWrite, Pass, Purpose, Refusal, Routed};
use crate::refusal::reason;
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
        Box::new(Answer::Refused(*refusal))
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
    let edits = edited(&outcome.changes, &seen, description)?;
    let mut writes = Vec::with_capacity(edits.len());
    if edits.is_empty() {
        shares.express(pass, []).map_err(unfounded)?;
    } else {
        let guard = Guard::new(description, pass)?;
        for edit in &edits {
            writes.push(write(&guard, edit)?);
        }
        confirm(session, description, pass, &seen, &edits)?;
    }
    let Outcome { shares, verdict, mut notes, mut facts, .. } = outcome;
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

fn write(guard: &Guard<'_>, edit: &Edited<'_>) -> Result<ObjectWrite, Box<Refusal>> {
    let reference = &edit.object.reference;
    // What is written is made from exactly the differences that were permitted.
    let patch = patch_of(&edit.old, &guard.permitted(edit)?);
    debug_assert!(apply(&patch, &edit.old).is_ok_and(|patched| equal(&patched, &edit.new)));
    Ok(ObjectWrite { reference: reference.clone(), api_version: edit.object.api_version.clone(), patch })
}

/// Asks again about the objects as they will be: nothing may be left to change, and the shares must be right.
fn confirm(
    session: &mut dyn Session,
    description: &Description,
    pass: &Pass,
    seen: &[Observation],
    edits: &[Edited<'_>],
) -> Result<(), Stopped> {
    let seen = seen_after(seen, edits);
    let outcome = ask(session, pass, &seen).map_err(|stopped| match *stopped {
        Answer::Problem(problem) => {
            let message = format!("asked again about its own change, it answers: {}", problem.message);
            Refusal::new(reason::UNSTABLE, message).into()
        }
        other => Box::new(other),
    })?;
    if let Some(again) = edited(&outcome.changes, &seen, description)?.first() {
        let reference = &again.object.reference;
        let message = format!("asked again about its own change, it changes {reference}");
        return Err(Refusal::new(reason::UNSTABLE, message).about(reference).into());
    }
    let changed = edits.iter().map(|edit| &edit.object.reference);
    Shares::read(&outcome.shares, &seen, pass)?.express(pass, changed)?;
    Ok(())
}

/// What will be seen once the edits are written.
fn seen_after(seen: &[Observation], edits: &[Edited<'_>]) -> Vec<Observation> {
    let texts: Vec<Arc<str>> = edits.iter().map(|edit| edit.new.to_string().into()).collect();
    let after = |object: &Object| {
        let edit = edits.iter().zip(&texts).find(|(edit, _)| edit.object.reference == object.reference);
        match edit {
            Some((_, json)) => Object { json: json.clone(), ..object.clone() },
            None => object.clone(),
        }
    };
    seen.iter()
        .map(|seen| Observation {
            query: seen.query.clone(),
            served: seen.served,
            objects: seen.objects.iter().map(after).collect(),
        })
        .collect()
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

fn bounded_verdict(mut verdict: Verdict) -> Verdict {
    match &mut verdict {
        Verdict::Pending(why) | Verdict::Rejected(why) | Verdict::Unreported(why) => {
            shorten(why, limits::TEXT_CHARACTERS);
        }
        Verdict::Verified | Verdict::Unverifiable => {}
    }
    verdict
}
