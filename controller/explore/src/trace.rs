//! What happened, line by line, for people. Written only when somebody wants to read it.

use std::time::Duration;

use crate::facts::Facts;

/// The lines so far.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(is_wanted: bool) -> Self {
        Self { lines: is_wanted.then(Vec::new) }
    }

    /// Adds a line; what it says is made only if it is wanted.
    pub(crate) fn say(&mut self, at: Duration, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>10.3} s  {}", at.as_secs_f64(), line()));
        }
    }

    /// Says what has changed for a Rollout.
    pub(crate) fn say_facts(&mut self, at: Duration, name: &str, before: Option<&Facts>, after: &Facts) {
        if self.lines.is_none() {
            return;
        }
        let line = summary(after);
        if before.is_none_or(|before| summary(before) != line) {
            self.say(at, || format!("  {name}: {line}"));
        }
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// A Rollout in one line.
fn summary(facts: &Facts) -> String {
    let Some((spec, status)) = facts.spec().zip(facts.status()) else { return "no Rollout".to_owned() };
    let text = |pointer: &str| {
        let rollout = facts.rollout.as_ref();
        rollout.and_then(|one| one.object.pointer(pointer)?.as_str()).unwrap_or_default().to_owned()
    };
    let short = |hash: &str| hash.chars().take(4).collect::<String>();
    let sets = facts.sets.iter().map(|set| format!("{}={}/{}", short(&set.hash), set.available, set.desired));
    let routes = facts.routes.iter().map(|route| {
        let rules = |division: &crate::division::Division| {
            let others: Vec<String> = division
                .others
                .iter()
                .filter(|rule| !rule.is_empty())
                .map(|rule| format!("{rule:?}"))
                .collect();
            format!(
                "{:?}{}{}",
                division.rules,
                others.concat(),
                if division.has_managed() { "+" } else { "" }
            )
        };
        let taken: Vec<String> = route.taken.iter().map(|one| rules(one)).collect();
        format!("{}~{}", route.written.as_ref().map(|one| rules(one)).unwrap_or_default(), taken.join(","))
    });
    let runs = facts.lab.runs_of(facts.uid()).map(|run| format!("{}={:?}", run.name(), run.phase));
    let experiments = facts.lab.experiments_of(facts.uid()).map(|one| {
        let sets =
            one.sets.iter().map(|set| format!("{}/{}", set.available, set.desired)).collect::<Vec<_>>();
        format!("{}={:?} pods {} services {}", one.name(), one.phase, sets.join(" "), one.services.len())
    });
    let evidence = runs.chain(experiments).collect::<Vec<_>>().join("; ");
    let evidence = if evidence.is_empty() { evidence } else { format!(" evidence [{evidence}]") };
    format!(
        "{} {:?} replicas {} step {:?}/{}{}{}{} stable {} current {} services {}/{}{} sets [{}] routes [{}]{evidence}",
        text("/status/phase"),
        text("/status/message"),
        spec.replicas,
        status.current_step_index.unwrap_or_default(),
        spec.canary.steps.len(),
        if status.abort { " aborted" } else { "" },
        if status.promote_full { " promoteFull" } else { "" },
        if status.pause_conditions.is_empty() { "" } else { " paused" },
        short(&status.stable_rs),
        short(&status.current_pod_hash),
        short(facts.selected(0).unwrap_or("-")),
        short(facts.selected(1).unwrap_or("-")),
        if facts.place(0) == 0 { "" } else { " exchanged" },
        sets.collect::<Vec<_>>().join(" "),
        routes.collect::<Vec<_>>().join(" "),
    )
}
