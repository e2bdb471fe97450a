//! What the plugin says of how traffic is divided.

use serde_json::Value;
use tidegate_router_sdk::{Edit, Outcome, Traffic, Verdict};

pub(crate) fn lie(how: &str, traffic: &Traffic, outcome: &mut Outcome) {
    match how {
        // It writes something else than is desired, and reads it back rightly.
        "weights-swapped" => write_weights(outcome, traffic.canary.weight, traffic.stable.weight),
        "weights-too-large" => write_weights(outcome, traffic.stable.weight, traffic.canary.weight + 30),
        "no-weights" => write_weights(outcome, 0, 0),
        // It changes nothing, and does not hide it.
        "idle" => outcome.changes.clear(),
        "speechless" => {
            outcome.changes.clear();
            outcome.shares.clear();
        }
        // What it says contradicts itself, or what it was asked.
        "wrong-total" => outcome.shares.iter_mut().for_each(|share| share.total += 7),
        "two-totals" => outcome.shares.iter_mut().take(1).for_each(|share| share.total += 7),
        "unknown-destination" => {
            outcome.shares.iter_mut().take(1).for_each(|share| "mine".clone_into(&mut share.destination));
        }
        "unseen-object" => {
            outcome.shares.iter_mut().for_each(|share| "bystander".clone_into(&mut share.about.name));
        }
        "no-place" => outcome.shares.iter_mut().for_each(|share| "spec".clone_into(&mut share.at)),
        "endless-place" => {
            outcome.shares.iter_mut().for_each(|share| share.at = "/spec".repeat(10_000));
        }
        "said-twice" => outcome.shares.extend_from_within(..1),
        "two-thousand-shares" => {
            let shares = std::mem::take(&mut outcome.shares);
            outcome.shares = shares.into_iter().cycle().take(2_000).collect();
        }
        // Asked about its own change, it has another one.
        "never-content" => {
            let stable = outcome.shares.first().map_or(0, |share| share.weight.saturating_add(1)) % 101;
            write_weights(outcome, stable, 100 - stable);
        }
        // More to say than anybody reads, and nothing that a terminal should see.
        "talkative" => {
            outcome.notes = vec!["\u{1b}[2J\u{202e}warning ".repeat(1_000); 100];
            outcome.facts = vec![("\u{7}key ".repeat(1_000), "value\r\n".repeat(1_000)); 100];
            outcome.verdict = Verdict::Verified;
        }
        _ => {}
    }
}

/// Sets the weights of the rules that the shares are about.
fn write_weights(outcome: &mut Outcome, stable: u32, canary: u32) {
    let Some(about) = outcome.shares.first().map(|share| share.about.clone()) else { return };
    let mut patch = Vec::new();
    for share in &outcome.shares {
        let (index, weight) = if share.destination == "stable" { (0, stable) } else { (1, canary) };
        if share.weight != weight {
            let path = format!("{}/backendRefs/{index}/weight", share.at);
            patch.push(serde_json::json!({"op": "replace", "path": path, "value": weight}));
        }
    }
    outcome.changes.clear();
    if !patch.is_empty() {
        let edit = Edit::JsonPatch(Value::Array(patch).to_string());
        outcome.changes.push(tidegate_router_sdk::Change { ref_: about, edit });
    }
}
