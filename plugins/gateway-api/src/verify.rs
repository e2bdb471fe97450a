//! Whether a route is in force, by what its parents' controllers report.
//!
//! A controller reports on a route by an entry in `status.parents` for each `spec.parentRefs` that it serves,
//! with the condition `Accepted` and usually `ResolvedRefs`; their `observedGeneration` says which generation of
//! the route they are about. An entry without `Accepted` (policy controllers leave such), or whose conditions
//! carry no generation, says nothing about the route as it is now and is taken for no report; but a refusal
//! counts in any case.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Object, Outcome, Text, Verdict, concat, decimal};

use crate::config::Verify;
use crate::document::{Condition, Document, Reference, Report};

const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

/// The verdict on one route.
pub(crate) fn verdict(
    verify: Verify,
    document: &Document<'_>,
    object: &Object,
    route_namespace: &str,
    outcome: &mut Outcome,
) -> Verdict {
    let Document { generation, parents, reports, .. } = document;
    let mut verdict = Verdict::Verified;
    let mut reporting = 0_usize;
    for parent in parents {
        let of_parent = reports.iter().filter(|report| is_same(parent, &report.parent, route_namespace));
        let mut reports = 0_usize;
        for entry in of_parent {
            if let Some(report) = judge(entry, *generation, object, route_namespace, outcome) {
                reports += 1;
                verdict = verdict.and(report);
            }
        }
        reporting += reports;
        if reports == 0 && verify == Verify::Always {
            let message = says(object, parent, None, route_namespace, " has not reported on this route");
            verdict = verdict.and(Verdict::Pending(message));
        }
    }
    match (reporting, verify) {
        (0, Verify::Always) if parents.is_empty() => {
            Verdict::Pending(concat(&[&object.ref_.to_text(), " has no parentRefs, so nobody reports on it"]))
        }
        (0, Verify::IfReported) => {
            Verdict::Unreported(concat(&["no parent of ", &object.ref_.to_text(), " reports on it"]))
        }
        _ => verdict,
    }
}

/// What one entry says; `None` when it is no report.
fn judge(
    report: &Report<'_>,
    generation: i64,
    object: &Object,
    route_namespace: &str,
    outcome: &mut Outcome,
) -> Option<Verdict> {
    let condition = |kind: &str| report.conditions.iter().find(|condition| &*condition.kind == kind);
    let speaker =
        |words: &str| says(object, &report.parent, report.controller.as_deref(), route_namespace, words);
    let judge = |condition: &Condition<'_>| match (condition.generation, &*condition.status) {
        (Some(observed), _) if observed < generation => Some(Verdict::Pending(speaker(&concat(&[
            " has seen generation ",
            &decimal(observed),
            " of ",
            &decimal(generation),
        ])))),
        (_, "False") => Some(Verdict::Rejected(speaker(&what(condition)))),
        (None, _) => None,
        (Some(_), "True") => Some(Verdict::Verified),
        (Some(_), _) => Some(Verdict::Pending(speaker(&what(condition)))),
    };
    let accepted = judge(condition("Accepted")?);
    let resolved = condition("ResolvedRefs").and_then(judge);
    if let Some(partial) = condition("PartiallyInvalid")
        && &*partial.status == "True"
        && partial.generation.is_none_or(|observed| observed >= generation)
    {
        outcome.note(speaker(&what(partial)));
    }
    match (accepted, resolved) {
        (Some(accepted), Some(resolved)) => Some(accepted.and(resolved)),
        (Some(report), None) | (None, Some(report @ Verdict::Rejected(_))) => Some(report),
        (None, _) => None,
    }
}

/// ` says Accepted=False, NoMatchingParent: there is no such listener`
fn what(condition: &Condition<'_>) -> String {
    let mut text = concat(&[" says ", &condition.kind, "=", &condition.status]);
    for (separator, part) in [(", ", &condition.reason), (": ", &condition.message)] {
        if !part.is_empty() {
            text.push_str(separator);
            text.push_str(part);
        }
    }
    text
}

/// `HTTPRoute shop/cart: Gateway infra/edge, section https (example.net/controller) <words>`
fn says(
    object: &Object,
    parent: &Reference<'_>,
    controller: Option<&str>,
    route_namespace: &str,
    words: &str,
) -> String {
    let mut text = object.ref_.to_text();
    for part in [
        ": ",
        parent.kind.as_deref().unwrap_or("Gateway"),
        " ",
        parent.namespace.as_deref().unwrap_or(route_namespace),
        "/",
        parent.name.as_deref().unwrap_or_default(),
    ] {
        text.push_str(part);
    }
    for (before, part, after) in [(", section ", parent.section.as_deref(), ""), (" (", controller, ")")] {
        if let Some(part) = part {
            text.push_str(before);
            text.push_str(part);
            text.push_str(after);
        }
    }
    text.push_str(words);
    text
}

/// Whether two references mean the same parent, defaults filled in.
fn is_same(a: &Reference<'_>, b: &Reference<'_>, route_namespace: &str) -> bool {
    let same = |a: &Option<Text<'_>>, b: &Option<Text<'_>>, default: &str| {
        a.as_deref().unwrap_or(default) == b.as_deref().unwrap_or(default)
    };
    a.port == b.port
        && same(&a.name, &b.name, "")
        && same(&a.section, &b.section, "")
        && same(&a.namespace, &b.namespace, route_namespace)
        && same(&a.kind, &b.kind, "Gateway")
        && same(&a.group, &b.group, GATEWAY_GROUP)
}
