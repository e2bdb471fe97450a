//! Each kind ends in its own way, within its limits, and a good plugin in the same process answers as before.

use serde_json::json;
use tidegate_contract::FaultReason;
use tidegate_hostile::{Ends, Hostile, Question, zoo};
use tidegate_route::{Answer, Routed};
use tidegate_runtime::Allocation;

use crate::keeper::{Asked, Keeper, limits};
use crate::watch::watched;
use crate::world::config;

/// Memory that the whole zoo may leave behind: some pooled memories, compiled code that the allocator keeps, and
/// nothing that grows with the number of kinds.
const GROWTH: u64 = 256 << 20;

#[test]
fn each_kind_ends_in_its_own_way() {
    watched(|at| {
        let keeper = Keeper::new(Allocation::Auto);
        let good = ask_the_good_one(&keeper);
        assert!(matches!(&good.answer, Answer::Routed(routed) if !routed.writes.is_empty()), "{good:?}");
        let before = resident();
        let mut wrong = Vec::new();
        for hostile in zoo() {
            at(hostile.name);
            if let Err(what) = end(&keeper, &hostile) {
                wrong.push(format!("{} ({:?}): {what}", hostile.name, hostile.ends));
            }
            assert_eq!(ask_the_good_one(&keeper), good, "after {}", hostile.name);
        }
        assert!(wrong.is_empty(), "{} kinds:\n{}", wrong.len(), wrong.join("\n"));
        let growth = resident().saturating_sub(before);
        assert!(growth < GROWTH, "{growth} bytes more than before");
    });
}

fn ask_the_good_one(keeper: &Keeper) -> Asked {
    keeper.ask(&keeper.good, Question::Route, &json!({"httpRoute": "web"}))
}

/// How one kind ends, and whether that is right.
fn end(keeper: &Keeper, hostile: &Hostile) -> Result<(), String> {
    let plugin = match (keeper.load(hostile), &hostile.ends) {
        (Err(error), Ends::NotLoaded(stage, reason)) => {
            let found = (error.stage.as_str(), error.reason.as_str());
            let says = !error.hint.is_empty() && is_presentable(&error.message);
            return if found == (*stage, *reason) && says { Ok(()) } else { Err(format!("{error:?}")) };
        }
        (Err(error), _) => return Err(format!("not loaded: {error:?}")),
        (Ok(_), Ends::NotLoaded(..)) => return Err("loaded".to_owned()),
        (Ok(plugin), _) => plugin,
    };
    let asked = keeper.ask(&plugin, hostile.question, &config(hostile, "web"));
    if let Some(used) = asked.used {
        let limits = limits();
        assert!(used.memory_bytes <= limits.memory_bytes, "{}: {used:?}", hostile.name);
        // A pass has at most a start, a check, four rounds and two answers.
        assert!(used.fuel <= 8 * limits.fuel, "{}: {used:?}", hostile.name);
    }
    let is_right = match (&asked.answer, &hostile.ends) {
        (Answer::Fault(fault), Ends::Fault(reason)) => {
            let last_words = fault.last_words.len() <= 8 << 10 && is_presentable(&fault.last_words);
            fault.reason == *reason && is_presentable(&fault.message) && last_words
        }
        (Answer::Refused(refusal), Ends::Refused(reason)) => {
            refusal.reason == *reason && is_short(&refusal.message)
        }
        (Answer::Problem(problem), Ends::Problem(code)) => {
            let is_short_code = problem.code.chars().count() <= 65 && is_presentable(&problem.code);
            problem.code.starts_with(code) && is_short_code && is_short(&problem.message)
        }
        (Answer::Routed(routed), Ends::Harmless) => is_harmless(routed, keeper),
        _ => false,
    };
    if is_right { Ok(()) } else { Err(format!("{:.2000}", format!("{:?}", asked.answer))) }
}

/// Whether the writes are those that it makes when it does nothing wrong, and what it says can be shown.
fn is_harmless(routed: &Routed, keeper: &Keeper) -> bool {
    let honest = keeper.ask(&keeper.configured, Question::Route, &json!({"httpRoute": "web"}));
    let Answer::Routed(good) = honest.answer else { panic!("{honest:?}") };
    let facts = routed.facts.iter().flat_map(|(key, value)| [key, value]);
    routed.writes == good.writes
        && routed.notes.len() <= 16
        && routed.facts.len() <= 64
        && routed.notes.iter().chain(facts).all(|text| is_short(text))
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= 1025 && is_presentable(text)
}

/// Whether a text has nothing in it that a terminal obeys.
fn is_presentable(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}'))
}

/// Memory of this process, in bytes; 0 where that cannot be told.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or(0_u64) << 10
}

#[test]
fn what_cannot_be_told_is_the_plugins_fault() {
    for hostile in zoo() {
        if let Ends::Fault(reason) = hostile.ends {
            assert!(reason.is_plugins_fault(), "{}", hostile.name);
            assert_ne!(reason, FaultReason::DeadlineExceeded, "{}: depends on the machine", hostile.name);
        }
    }
}
