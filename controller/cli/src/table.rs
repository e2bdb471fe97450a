//! A simulation's lines as a table for people.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use tidegate_simulate::{Ending, Frame, Line};

use crate::plugins::Loaded;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const CANARY: Style = AnsiColor::Yellow.on_default();
const STABLE: Style = AnsiColor::Blue.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// How many characters the bar of shares has.
const BAR: u64 = 20;

/// Prints the parts of a table; remembers what the last row said so that it need not be said again.
#[derive(Default)]
pub(crate) struct Table {
    rollout: String,
}

impl Table {
    /// What is simulated with what, and the headings.
    pub(crate) fn head(&mut self, loaded: &[Loaded]) -> String {
        let mut text = String::new();
        for one in loaded {
            let _ = match &one.result {
                Ok(router) => writeln!(
                    text,
                    "{GOOD}✔{GOOD:#} {BOLD}{}{BOLD:#} {DIM}={DIM:#} {} {DIM}(version {}, sha256:{}){DIM:#}",
                    one.name,
                    one.location,
                    router.description().version,
                    router.digest(),
                ),
                Err(error) => writeln!(
                    text,
                    "{BAD}✘ {} = {}: {}: {}{BAD:#}\n  {}",
                    one.name,
                    one.location,
                    error.reason.as_str(),
                    error.message,
                    error.hint,
                ),
            };
        }
        let _ = writeln!(
            text,
            "\n{BOLD}{:>8}  {:<5} {:<12} {:<32}  {:<30} WHAT HAPPENED{BOLD:#}",
            "TIME", "STEP", "PHASE", "CANARY ◂ TRAFFIC ▸ STABLE", "PODS AVAILABLE",
        );
        text
    }

    /// One line.
    pub(crate) fn row(&mut self, line: &Line) -> String {
        let frame = &line.frame;
        let mut text = String::new();
        if self.rollout != frame.rollout {
            self.rollout.clone_from(&frame.rollout);
            let _ = writeln!(text, "{DIM}          ── Rollout {} ──{DIM:#}", frame.rollout);
        }
        let event_style = if line.warning {
            BAD
        } else if matches!(line.event.as_str(), "Verified" | "RolloutCompleted") || frame.phase == "Healthy" {
            GOOD
        } else {
            Style::new()
        };
        let phase_style = match frame.phase.as_str() {
            "Healthy" => GOOD,
            "Degraded" => BAD,
            "Paused" => CANARY,
            _ => Style::new(),
        };
        let _ = writeln!(
            text,
            "{:>8}  {:<5} {phase_style}{:<12}{phase_style:#} {}  {:<30} {event_style}{}{event_style:#}{}",
            clock(line.t),
            step(frame),
            if frame.phase.is_empty() { "–" } else { &frame.phase },
            bar(frame),
            pods(frame),
            line.event,
            note(&line.note),
        );
        for operation in line.patch.as_ref().and_then(Value::as_array).into_iter().flatten() {
            text.push_str(&patch_line(operation));
        }
        text
    }

    /// How it ended.
    pub(crate) fn foot(&mut self, ending: &Ending) -> String {
        let mut text = String::from("\n");
        for rollout in &ending.rollouts {
            let healthy = rollout.phase == "Healthy";
            let style = if healthy { GOOD } else { BAD };
            let mark = if healthy { "✔" } else { "✘" };
            let phase = if rollout.phase.is_empty() { "has no phase" } else { &rollout.phase };
            let _ = writeln!(
                text,
                "{style}{mark} {} is {phase}{style:#} after {} of virtual time{}",
                rollout.rollout,
                clock(ending.t),
                note(&rollout.message),
            );
            if !healthy {
                for condition in &rollout.conditions {
                    let field = |name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
                    let _ = writeln!(
                        text,
                        "    {}={} {}: {}",
                        field("type"),
                        field("status"),
                        field("reason"),
                        field("message"),
                    );
                }
            }
        }
        text
    }
}

/// Minutes and seconds, with hours when there are some.
fn clock(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "virtual time is not negative")]
    let whole = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

fn step(frame: &Frame) -> String {
    match frame.step {
        Some(step) => format!("{step}/{}", frame.steps),
        None => "–".to_owned(),
    }
}

/// The shares as numbers around a bar.
fn bar(frame: &Frame) -> String {
    let weights = &frame.weights;
    let canary = (weights.canary * BAR).div_ceil(weights.max.max(1)).min(BAR);
    let filled = "█".repeat(usize::try_from(canary).unwrap_or_default());
    let rest = "█".repeat(usize::try_from(BAR - canary).unwrap_or_default());
    format!(
        "{CANARY}{:>4} {filled}{CANARY:#}{STABLE}{rest} {:<6}{STABLE:#}",
        weights.canary, weights.stable
    )
}

fn pods(frame: &Frame) -> String {
    let sets: Vec<String> = frame
        .replica_sets
        .iter()
        .map(|set| format!("r{} {}/{} {}", set.revision, set.available, set.replicas, set.role))
        .collect();
    sets.join(" · ")
}

fn note(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {DIM}{text}{DIM:#}") }
}

/// One operation of a patch: what is set, or what is tested before.
fn patch_line(operation: &Value) -> String {
    let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default();
    let value = operation.get("value").map(Value::to_string).unwrap_or_default();
    let indent = " ".repeat(16);
    match text("op") {
        "test" => format!("{indent}{DIM}test {} = {value}{DIM:#}\n", text("path")),
        "remove" => format!("{indent}{CANARY}remove {}{CANARY:#}\n", text("path")),
        _ => format!("{indent}{CANARY}set  {} = {value}{CANARY:#}\n", text("path")),
    }
}
