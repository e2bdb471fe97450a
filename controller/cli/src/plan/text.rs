//! A plan, for people: by section, with a hunk for each object.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use tidegate_plan::{FieldChange, ObjectChange, Plan, RolloutPlan, Section, Verb, difference};

/// Longer values are cut off; the JSON output has them whole.
const LONGEST: usize = 72;

const GREEN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const RED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
const YELLOW: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
const CYAN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan)));
const BOLD: Style = Style::new().bold();

/// The whole plan.
pub(super) fn of(plan: &Plan) -> String {
    let mut text = String::new();
    for rollout in &plan.rollouts {
        of_rollout(rollout, &mut text);
    }
    for (title, lines) in
        [("It takes for granted that", &plan.assumptions), ("It cannot know", &plan.unknown)]
    {
        let _ = writeln!(text, "{title}");
        for line in lines {
            let _ = writeln!(text, "  - {line}");
        }
    }
    text
}

fn of_rollout(plan: &RolloutPlan, text: &mut String) {
    let _ = writeln!(text, "{BOLD}Rollout {}{BOLD:#}\n", plan.rollout);
    if plan.sections.is_empty() {
        let _ = writeln!(text, "Nothing would be written.\n");
    }
    for section in &plan.sections {
        of_section(section, text);
    }
    if plan.stopped_by.is_empty() {
        let phase = &plan.ending.phase;
        let _ = writeln!(text, "{GREEN}✔{GREEN:#} {} ends {phase}\n", plan.rollout);
        return;
    }
    let _ = writeln!(text, "{RED}✘{RED:#} {} goes no further:", plan.rollout);
    for line in &plan.stopped_by {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
}

fn of_section(section: &Section, text: &mut String) {
    let _ = write!(text, "{BOLD}{}{BOLD:#}", section.title);
    if let Some(weights) = &section.weights {
        let _ = write!(text, "   canary {} · stable {}", weights.canary, weights.stable);
        for (service, weight) in &weights.additional {
            let _ = write!(text, " · {service} {weight}");
        }
    }
    text.push('\n');
    for change in &section.changes {
        of_change(change, text);
    }
    text.push('\n');
}

fn of_change(change: &ObjectChange, text: &mut String) {
    let by = if change.by_user { ", by the user" } else { "" };
    let (verb, style) = match change.verb {
        Verb::Create => ("created", GREEN),
        Verb::Update => ("changed", CYAN),
        Verb::Delete => ("deleted", RED),
    };
    let place = if change.namespace.is_empty() { String::new() } else { format!("{}/", change.namespace) };
    let _ = writeln!(text, "  {style}@@ {} {place}{} {verb}{by} @@{style:#}", change.kind, change.name);
    for field in &change.fields {
        of_field(field, text);
    }
    if let Some(object) = &change.object {
        for field in made(object) {
            of_field(&field, text);
        }
    }
}

/// What a new object says, but for what its head line says already. The pods' template has its own manifest.
fn made(object: &Value) -> Vec<FieldChange> {
    let empty = |field: &str| match object.get(field) {
        Some(Value::Object(_)) => Value::Object(serde_json::Map::new()),
        other => other.cloned().unwrap_or_default(),
    };
    let fields = object.as_object().into_iter().flatten().map(|(name, _)| (name.clone(), empty(name)));
    let nothing: Value = fields.collect();
    let mut changes = difference(Some(&nothing), Some(object));
    changes.retain(|one| {
        one.path != "spec.template"
            && !["metadata.name", "metadata.namespace", "metadata.uid"].contains(&one.path.as_str())
    });
    changes
}

fn of_field(field: &FieldChange, text: &mut String) {
    let FieldChange { path, old, new } = field;
    let _ = match (old, new) {
        (Some(old), Some(new)) => {
            writeln!(text, "  {YELLOW}~{YELLOW:#} {path}: {} → {}", short(old), short(new))
        }
        (None, Some(new)) => writeln!(text, "  {GREEN}+{GREEN:#} {path}: {}", short(new)),
        (Some(old), None) => writeln!(text, "  {RED}-{RED:#} {path}: {}", short(old)),
        (None, None) => Ok(()),
    };
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
