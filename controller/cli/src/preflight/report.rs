//! What was found, for people and for programs.

use std::fmt::Write as _;

use serde_json::json;
use tidegate_handover::{Adoption, Outlook, Verdict, shown};

use super::{Surroundings, code};

/// One JSON object.
pub(super) fn json(outlooks: &[Outlook], surroundings: &Surroundings) -> anyhow::Result<String> {
    let report = json!({
        "exitCode": code(outlooks, surroundings),
        "rollouts": outlooks.iter().map(Outlook::to_json).collect::<Vec<_>>(),
        "lease": surroundings.lease.as_ref().map(|(holder, whose)| json!({ "holder": holder, "whose": whose })),
        "missingRights": surroundings.missing_rights.iter().map(|[verb, group, resource]| {
            json!({ "verb": verb, "group": group, "resource": resource })
        }).collect::<Vec<_>>(),
        "notes": surroundings.notes,
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&report)?))
}

/// A table of the Rollouts, then what there is to say about some of them.
pub(super) fn table(outlooks: &[Outlook], surroundings: &Surroundings) -> String {
    let mut text = String::new();
    let width = outlooks.iter().map(|one| name(one).chars().count()).max().unwrap_or_default().max(7);
    line(&mut text, format_args!("{:<width$}  {:<11}  {:>4}  SWITCH", "ROLLOUT", "PHASE", "STEP"));
    for one in outlooks {
        let step = one.step.map_or_else(|| "-".to_owned(), |step| step.to_string());
        let verdict = match one.verdict {
            Verdict::Unchanged => "writes nothing",
            Verdict::Harmless => "changes no traffic",
            Verdict::NotServed => "NOT SERVED",
            Verdict::ChangesTraffic => "CHANGES TRAFFIC",
        };
        line(&mut text, format_args!("{:<width$}  {:<11}  {step:>4}  {verdict}", name(one), one.phase));
    }
    for one in outlooks {
        details(&mut text, one);
    }
    text.push('\n');
    match &surroundings.lease {
        Some((holder, whose)) => line(&mut text, format_args!("lease held by {holder} ({whose})")),
        None => line(&mut text, format_args!("lease held by nobody, or not looked at")),
    }
    for [verb, group, resource] in &surroundings.missing_rights {
        let group = if group.is_empty() { String::new() } else { format!(".{group}") };
        line(&mut text, format_args!("right missing: {verb} {resource}{group}"));
    }
    for note in &surroundings.notes {
        line(&mut text, format_args!("note: {note}"));
    }
    let traffic = outlooks.iter().filter(|one| one.verdict == Verdict::ChangesTraffic).count();
    let unserved = outlooks.iter().filter(|one| one.verdict == Verdict::NotServed).count();
    line(
        &mut text,
        format_args!(
            "{} Rollouts: a switch would change the traffic of {traffic} and leave {unserved} unserved",
            outlooks.len()
        ),
    );
    text
}

fn details(text: &mut String, one: &Outlook) {
    let adoption = match &one.adoption {
        Adoption::ByHash(_) | Adoption::Unknown => None,
        Adoption::ByTemplate(name) => Some(format!("adopts {name} by its template; its hash stays as it is")),
        Adoption::New => Some("finds no ReplicaSet of its template and would make one".to_owned()),
    };
    if adoption.is_none() && one.obstacles.is_empty() && one.changes.is_empty() {
        return;
    }
    line(text, format_args!("\n{}", name(one)));
    if let Some(adoption) = adoption {
        line(text, format_args!("  {adoption}"));
    }
    for obstacle in &one.obstacles {
        line(text, format_args!("  {}: {}", obstacle.reason, obstacle.message));
    }
    for change in &one.changes {
        let place = if change.field.is_empty() { String::new() } else { format!(" {}", change.field) };
        line(
            text,
            format_args!(
                "  {:<17} {}{place}: {} → {}",
                change.subject.as_str(),
                change.object,
                shown(&change.has),
                shown(&change.would)
            ),
        );
    }
}

fn name(one: &Outlook) -> String {
    format!("{}/{}", one.rollout.namespace, one.rollout.name)
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{arguments}");
}
