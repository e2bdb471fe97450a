//! A simulation's lines as a table for people: one row for each state of a Rollout, under it what happened.
//!
//! A row is printed only when it differs from the one before, so what stands out is what changed. Everything is legible
//! without colours, too.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use tidegate_simulate::{Ending, Frame, Line, RolloutEnding, Stopped};

use crate::patch::{FieldChange, Summary};
use crate::plugins::Loaded;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const CANARY: Style = AnsiColor::Yellow.on_default();
const STABLE: Style = AnsiColor::Blue.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// How many characters the bar of shares has.
const BAR: u64 = 20;

/// Where the text of an event begins, and where it is wrapped: what a README or a slide shows without scrolling.
const NOTE_AT: usize = 34;
const WIDTH: usize = 120;

/// Prints the parts of a table; remembers the last row so that it need not be said again.
#[derive(Default)]
pub(crate) struct Table {
    last: Option<Row>,
    /// The last time that was printed.
    clock: String,
    /// The width of the names of the Rollouts; 0 when there is only one, which need not be named.
    names: usize,
}

/// The part of a frame that makes a row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    rollout: String,
    step: String,
    phase: String,
    canary: u64,
    /// What pods of experiments get.
    additional: u64,
    stable: u64,
    max: u64,
    pods: String,
}

impl Table {
    /// A table for these Rollouts (`namespace/name`).
    pub(crate) fn new(rollouts: &[String]) -> Self {
        let longest = rollouts.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        Self { last: None, clock: String::new(), names: if rollouts.len() > 1 { longest } else { 0 } }
    }

    /// What is simulated with what, and the headings.
    pub(crate) fn head(&self, loaded: &[Loaded]) -> String {
        let mut text = String::new();
        for one in loaded {
            let _ = match &one.result {
                Ok(router) => writeln!(
                    text,
                    "{GOOD}✔{GOOD:#} {BOLD}{}{BOLD:#} = {} {DIM}{} sha256:{}{DIM:#}",
                    one.name,
                    one.location,
                    router.description().version,
                    router.digest(),
                ),
                Err(error) => writeln!(
                    text,
                    "{BAD}✘ {} = {}: {}{BAD:#} {}\n  {}",
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
            "\n{BOLD}{:>8}  {}{:<5}  {:<11} {:<32} PODS AVAILABLE{BOLD:#}",
            "TIME",
            self.name("ROLLOUT"),
            "STEP",
            "PHASE",
            "CANARY ◂ TRAFFIC ▸ STABLE",
        );
        text
    }

    /// One line.
    pub(crate) fn line(&mut self, line: &Line) -> String {
        let mut text = String::new();
        let mut clock = clock(line.t);
        if let Some(row) = line.frame().map(Row::of).filter(|row| self.last.as_ref() != Some(row)) {
            text.push_str(&self.row(&clock, &row));
            self.last = Some(row);
            self.clock.clone_from(&clock);
        }
        if is_only_a_row(line) {
            return text;
        }
        // The row above says when, unless time has gone on since.
        if self.clock == clock {
            clock.clear();
        } else {
            self.clock.clone_from(&clock);
        }
        let style = match line.event.as_str() {
            _ if line.warning => BAD,
            "Verified" | "RolloutCompleted" => GOOD,
            "Applied" | "Updated" | "Promoted" => BOLD,
            _ => Style::new(),
        };
        let note = wrap(&line.note);
        let mut note = note.iter();
        let first = note.next().map_or("", String::as_str);
        let _ =
            writeln!(text, "{DIM}{clock:>8}{DIM:#}  {style}{:<23}{style:#} {DIM}{first}{DIM:#}", line.event);
        for more in note {
            let _ = writeln!(text, "{:NOTE_AT$}{DIM}{more}{DIM:#}", "");
        }
        if let Some(patch) = &line.patch {
            text.push_str(&patch_lines(&Summary::of(patch)));
        }
        text
    }

    fn row(&self, clock: &str, row: &Row) -> String {
        let phase = match row.phase.as_str() {
            "Healthy" => GOOD,
            "Degraded" => BAD,
            "Paused" => CANARY,
            _ => Style::new(),
        };
        let text = format!(
            "{BOLD}{clock:>8}{BOLD:#}  {}{:<5}  {phase}{:<11}{phase:#} {} {}",
            self.name(&row.rollout),
            row.step,
            row.phase,
            bar(row),
            row.pods,
        );
        format!("{}\n", text.trim_end())
    }

    /// The column with names, if there is one.
    fn name(&self, name: &str) -> String {
        match self.names {
            0 => String::new(),
            width => format!("{name:<width$}  "),
        }
    }

    /// How it ended.
    pub(crate) fn foot(ending: &Ending) -> String {
        let mut text = String::from("\n");
        for rollout in &ending.rollouts {
            let (style, mark) = match rollout.phase.as_str() {
                "Healthy" => (GOOD, '✔'),
                "Paused" => (CANARY, '‖'),
                _ => (BAD, '✘'),
            };
            let phase = if rollout.phase.is_empty() { "without a phase" } else { &rollout.phase };
            let _ = writeln!(
                text,
                "{style}{mark} {} is {phase}{style:#}{}",
                rollout.rollout,
                after_colon(&rollout.message),
            );
            if rollout.phase != "Healthy" {
                text.push_str(&conditions(rollout));
            }
        }
        let why = match ending.stopped {
            Stopped::Settled => "",
            Stopped::Held => ": held at a pause that only a user ends",
            Stopped::NothingHappens => ": nothing more is to be expected",
            Stopped::TimeLimit => ": the time limit (--limit)",
        };
        let _ = writeln!(text, "{DIM}  after {} of virtual time{why}{DIM:#}", clock(ending.t));
        text
    }
}

impl Row {
    fn of(frame: &Frame) -> Self {
        let sets = frame.replica_sets.iter();
        let sets =
            sets.map(|set| format!("{} r{} {}/{}", set.role, set.revision, set.available, set.replicas));
        let templates = frame.evidence.experiments.iter().flat_map(|experiment| &experiment.templates);
        let templates = templates.filter(|template| template.replicas > 0).map(|template| {
            let share =
                if template.weight == 0 { String::new() } else { format!(" gets {}", template.weight) };
            format!("{} {}/{}{share}", template.name, template.available, template.replicas)
        });
        Self {
            rollout: frame.rollout.clone(),
            step: match frame.step {
                Some(step) => format!("{step}/{}", frame.steps),
                None => "–".to_owned(),
            },
            phase: if frame.phase.is_empty() { "–".to_owned() } else { frame.phase.clone() },
            canary: frame.weights.canary,
            additional: frame.weights.additional.iter().copied().fold(0, u64::saturating_add),
            stable: frame.weights.stable,
            max: frame.weights.max,
            pods: sets.chain(templates).collect::<Vec<_>>().join(" · "),
        }
    }
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {DIM}{text}{DIM:#}") }
}

/// Whether all that a line says is in its row.
fn is_only_a_row(line: &Line) -> bool {
    line.note.is_empty() && line.patch.is_none() && line.event.ends_with("Changed")
}

/// Minutes and seconds, with hours when there are some.
fn clock(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "virtual time is not negative"
    )]
    let whole = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The shares as numbers around a bar, that of experiments between them. Any canary is visible, any experiment, and any stable.
fn bar(row: &Row) -> String {
    let scaled = |share: u64| share.saturating_mul(BAR).div_ceil(row.max.max(1)).min(BAR);
    let least = u64::from(row.stable > 0);
    let additional = u64::from(row.additional > 0);
    let canary = scaled(row.canary).min(BAR - least - additional);
    let additional = scaled(row.additional).min(BAR - least - canary);
    let repeat = |text: &str, count: u64| text.repeat(usize::try_from(count).unwrap_or_default());
    format!(
        "{CANARY}{:>4} {}{CANARY:#}{GOOD}{}{GOOD:#}{STABLE}{} {:<5}{STABLE:#}",
        row.canary,
        repeat("█", canary),
        repeat("▒", additional),
        repeat("░", BAR - canary - additional),
        row.stable,
    )
}

/// What is changed by a patch, and what guards it.
fn patch_lines(patch: &Summary) -> String {
    let mut text = String::new();
    let longest = patch.changes.iter().map(|change| change.field.chars().count()).max().unwrap_or_default();
    for FieldChange { field, old, new } in &patch.changes {
        // The values share what the name leaves of the line.
        let room = WIDTH.saturating_sub(12 + longest + 5);
        let old = cut(old.as_deref().unwrap_or("unset"), room / 2);
        let new = cut(new.as_deref().unwrap_or("removed"), room.saturating_sub(old.chars().count().max(4)));
        let _ = writeln!(text, "{:12}{field:<longest$}  {DIM}{old:>4} →{DIM:#} {CANARY}{new}{CANARY:#}", "");
    }
    if patch.tests > 0 {
        let _ = writeln!(
            text,
            "{:12}{DIM}if {} tested values are still as they were seen{DIM:#}",
            "", patch.tests
        );
    }
    text
}

/// The beginning of a text that is too long. A few characters of it are there however little room there is.
fn cut(text: &str, room: usize) -> String {
    let room = room.max(8);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room - 1).chain(['…']).collect()
}

/// The conditions that say why a Rollout is not well.
fn conditions(rollout: &RolloutEnding) -> String {
    let mut text = String::new();
    for condition in &rollout.conditions {
        let field = |name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_telling = match field("type") {
            "Paused" | "Completed" | "Healthy" => false,
            "Available" | "Progressing" | "TrafficRouterReady" => field("status") == "False",
            _ => field("status") != "False",
        };
        if is_telling {
            let _ =
                writeln!(text, "    {BOLD}{}{BOLD:#} {} {}", field("type"), field("status"), field("reason"));
            for line in wrap(field("message")) {
                let _ = writeln!(text, "      {line}");
            }
        }
    }
    text
}

/// Breaks a text at spaces, so that it fits beside an event. A word that is longer stays whole.
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH - NOTE_AT => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use tidegate_simulate::{Evidence, Subject, Weights};

    use super::*;

    fn line(event: &str, note: &str, canary: u64) -> Line {
        Line {
            t: 13.0,
            event: event.into(),
            note: note.into(),
            warning: false,
            subject: Subject::Rollout(Frame {
                rollout: "default/web".into(),
                phase: "Progressing".into(),
                message: String::new(),
                step: Some(0),
                steps: 2,
                weights: Weights { canary, stable: 100 - canary, additional: vec![], max: 100 },
                routes: vec![],
                replica_sets: vec![],
                evidence: Evidence::default(),
                routers: vec![],
            }),
            patch: None,
            object: None,
        }
    }

    #[test]
    fn a_row_is_said_once() {
        let mut table = Table::new(&["default/web".into()]);
        assert_eq!(table.line(&line("A", "one", 0)).lines().count(), 2);
        assert_eq!(table.line(&line("B", "two", 0)).lines().count(), 1);
        assert_eq!(table.line(&line("C", "three", 20)).lines().count(), 2);
        assert_eq!(table.line(&line("ReplicasChanged", "", 20)), "");
    }

    #[test]
    fn an_event_says_when_unless_its_row_does() {
        let mut table = Table::new(&["default/web".into()]);
        table.line(&line("A", "one", 0));
        let later = Line { t: 75.0, ..line("B", "two", 0) };
        assert!(table.line(&later).contains("1:15"));
        assert!(!table.line(&later).contains("1:15"));
        assert_eq!(table.line(&Line { t: 80.0, ..line("C", "three", 20) }).matches("1:20").count(), 1);
    }

    #[test]
    fn names_are_shown_when_there_are_several() {
        let names = |rollouts: &[&str]| {
            let mut table = Table::new(&rollouts.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            table.line(&line("A", "one", 0)).contains("default/web")
        };
        assert!(!names(&["default/web"]));
        assert!(names(&["default/web", "default/a-name-that-is-longer"]));
    }

    #[test]
    fn bars_show_every_share() {
        let shown = |canary: u64, additional: u64, stable: u64| {
            let empty = Row::of(line("A", "", 0).frame().unwrap());
            let bar = bar(&Row { canary, additional, stable, max: canary + additional + stable, ..empty });
            ['█', '▒', '░'].map(|cell| bar.matches(cell).count())
        };
        let filled = |canary: u64, stable: u64| shown(canary, 0, stable)[0];
        assert_eq!([filled(0, 100), filled(50, 50), filled(100, 0)], [0, 10, 20]);
        assert_eq!([filled(1, 999), filled(999, 1)], [1, 19]);
        assert_eq!(filled(0, 0), 0);
        assert_eq!(shown(10, 10, 80), [2, 2, 16]);
        assert_eq!(shown(998, 1, 1), [18, 1, 1]);
        assert_eq!(shown(1, 998, 1), [1, 18, 1]);
        assert_eq!(shown(0, 5, 0), [0, 20, 0]);
    }

    #[test]
    fn long_notes_are_wrapped_and_nothing_is_lost() {
        let note = format!("{} {}", "a long note that goes on and on ".repeat(8), "x".repeat(200));
        let lines = wrap(&note);
        assert!(lines.len() > 3);
        assert!(lines.iter().all(|line| line.contains("xxx") || line.chars().count() <= WIDTH - NOTE_AT));
        assert_eq!(lines.join(" "), note.split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(wrap("").is_empty());
    }

    #[test]
    fn times() {
        assert_eq!([clock(0.0), clock(61.9), clock(3600.0)], ["0:00", "1:01", "1:00:00"]);
    }
}
