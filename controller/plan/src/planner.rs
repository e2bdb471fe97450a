//! The run: the real controller over the objects as they are, and what it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_api::{ObjectKey, builtin, object};
use tidegate_model::names::HASH_LABEL;
use tidegate_model::{ReplicaSet, Status, template};
use tidegate_shell::{PluginState, WatchKey};
use tidegate_simulate::{Player, RolloutEnding, ScenarioError, patch_of, patience};

use crate::fold;
use crate::input::{Action, Input, PlanError};
use crate::output::{Plan, RolloutPlan};
use crate::stage::{self, Stage};

/// Makes a plan.
///
/// # Errors
/// When there is nothing to plan.
pub fn plan(input: Input, plugins: &BTreeMap<String, PluginState>) -> Result<Plan, PlanError> {
    run(input, plugins).map(|(plan, _)| plan)
}

/// Makes a plan, and says what was watched for it.
pub(crate) fn run(
    input: Input,
    plugins: &BTreeMap<String, PluginState>,
) -> Result<(Plan, BTreeSet<WatchKey>), PlanError> {
    let Stage { driver, rollouts, fresh, changes, mut assumptions } = stage::set(&input, plugins)?;
    let all: Vec<Value> = rollouts
        .iter()
        .filter_map(|key| driver.cluster.object(&builtin::rollouts(), &key.namespace, &key.name))
        .map(|rollout| rollout.as_ref().clone())
        .collect();
    let patience = patience(all.iter(), &input.cluster);
    let mut player =
        Player::new(driver, rollouts.clone(), input.action == Action::Abort, input.limit, patience);
    let mut is_ready = true;
    if input.live.is_none() && !fresh.is_empty() {
        player.start(&mut |_| {});
        is_ready = player.ending().is_healthy();
        if is_ready {
            player.driver_mut().take_journal();
            assumptions.push(format!(
                "these manifests have settled before, as a first revision: {}",
                fresh.iter().map(name).collect::<Vec<_>>().join(", ")
            ));
        }
    }
    let started_at = player.driver().elapsed().as_secs_f64();
    let known = all_of(&player, &rollouts);
    if is_ready {
        update(&mut player, &changes, input.action)?;
        match input.action {
            Action::Update => {}
            Action::Abort => abort(&mut player, &rollouts)?,
            Action::Undo => undo(&mut player, &rollouts)?,
        }
    }
    let ending = player.ending();
    let writes = player.driver_mut().take_journal();
    let mut sections = fold::sections(&writes, &known, if is_ready { started_at } else { 0.0 });
    let plans = rollouts.iter().zip(&ending.rollouts).map(|(key, ending)| RolloutPlan {
        rollout: name(key),
        sections: sections.remove(key).unwrap_or_default(),
        stopped_by: stopped_by(&player, key, ending, input.action),
        ending: ending.clone(),
    });
    assumptions.extend(taken_for_granted(&input));
    let plan =
        Plan { rollouts: plans.collect(), assumptions, unknown: unknown(&input), ending: ending.clone() };
    Ok((plan, player.driver().watched().clone()))
}

/// Applies versions and images, one after the other, and lets each update go as far as it gets.
fn update(
    player: &mut Player,
    changes: &BTreeMap<ObjectKey, Vec<tidegate_simulate::changes::Change>>,
    action: Action,
) -> Result<(), PlanError> {
    let rounds = changes.values().map(Vec::len).max().unwrap_or_default();
    if rounds == 0 && action == Action::Update {
        player.run(&mut |_| {});
    }
    for round in 0..rounds {
        for (key, changes) in changes {
            if let Some(change) = changes.get(round) {
                act(player, key, &change.what, None, &change.patch)?;
            }
        }
        player.run(&mut |_| {});
    }
    Ok(())
}

fn act(
    player: &mut Player,
    key: &ObjectKey,
    what: &str,
    subresource: Option<&str>,
    patch: &Value,
) -> Result<(), PlanError> {
    let request = patch_of(key, subresource, patch.clone());
    let refused = |error: tidegate_api::ApiError| ScenarioError::Refused {
        object: key.to_string(),
        message: error.message,
    };
    player.driver_mut().act(what, &request).map_err(refused)?;
    Ok(())
}

/// As `kubectl argo rollouts abort` does.
fn abort(player: &mut Player, rollouts: &[ObjectKey]) -> Result<(), PlanError> {
    for key in rollouts {
        let status = rollout(player, key).map(|rollout| Status::read(&rollout)).unwrap_or_default();
        if status.stable_rs.is_empty() || status.stable_rs == status.current_pod_hash {
            return Err(PlanError::NothingToAbort { rollout: name(key) });
        }
        act(
            player,
            key,
            "aborted, as `kubectl argo rollouts abort` does",
            Some("status"),
            &json!({"status": {"abort": true}}),
        )?;
    }
    player.run(&mut |_| {});
    Ok(())
}

/// As `kubectl argo rollouts undo` does: the template of the newest revision that is not the current one.
fn undo(player: &mut Player, rollouts: &[ObjectKey]) -> Result<(), PlanError> {
    for key in rollouts {
        let Some(rollout) = rollout(player, key) else { continue };
        let current = rollout.pointer("/spec/template").unwrap_or(&Value::Null).clone();
        let uid = object::uid(&rollout);
        let replica_sets = builtin::replica_sets();
        let sets = player.driver().cluster.objects(&replica_sets, Some(&key.namespace));
        let earlier = sets
            .filter(|set| object::controller_uid(set) == Some(uid))
            .map(ReplicaSet::read)
            .filter(|set| {
                !template::equal(&current, set.object.pointer("/spec/template").unwrap_or(&Value::Null))
            })
            .max_by_key(|set| set.revision);
        let Some(earlier) = earlier else {
            return Err(PlanError::NothingToUndo { rollout: name(key) });
        };
        let mut wanted = earlier.object.pointer("/spec/template").cloned().unwrap_or_default();
        if let Some(Value::Object(labels)) = wanted.pointer_mut("/metadata/labels") {
            labels.shift_remove(HASH_LABEL);
        }
        let what = format!("undone to revision {}, as `kubectl argo rollouts undo` does", earlier.revision);
        let patch = tidegate_simulate::changes::difference(Some(&current), Some(&wanted));
        act(player, key, &what, None, &json!({"spec": {"template": patch}}))?;
    }
    player.run(&mut |_| {});
    Ok(())
}

/// The conditions for which a Rollout goes no further; none when it got to its end.
fn stopped_by(player: &Player, key: &ObjectKey, ending: &RolloutEnding, action: Action) -> Vec<String> {
    let said: Vec<String> = ending
        .conditions
        .iter()
        .filter(|condition| fold::is_trouble(condition))
        .map(|condition| {
            let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
            format!("{}={}, {}: {}", text("type"), text("status"), text("reason"), text("message"))
        })
        .collect();
    if ending.phase == "Healthy" {
        return Vec::new();
    }
    let is_aborted = rollout(player, key).is_some_and(|rollout| Status::read(&rollout).abort);
    if action == Action::Abort && is_aborted && said.is_empty() {
        // An aborted update is Degraded for good, with all traffic on stable.
        return Vec::new();
    }
    if said.is_empty() { vec![format!("{}: {}", ending.phase, ending.message)] } else { said }
}

fn all_of(player: &Player, rollouts: &[ObjectKey]) -> BTreeMap<ObjectKey, Arc<Value>> {
    rollouts.iter().filter_map(|key| Some((key.clone(), rollout(player, key)?))).collect()
}

fn rollout(player: &Player, key: &ObjectKey) -> Option<Arc<Value>> {
    player.driver().cluster.object(&builtin::rollouts(), &key.namespace, &key.name).cloned()
}

fn name(key: &ObjectKey) -> String {
    format!("{}/{}", key.namespace, key.name)
}

fn taken_for_granted(input: &Input) -> Vec<String> {
    let pods = input.cluster.pods.ready_after.as_secs();
    let mut all = vec![
        format!("each pod is ready {pods} s after it is made, and stays so"),
        "gateways accept what is written, and report it where they report anything".to_owned(),
        "indefinite pauses are promoted at once, and timed ones run their course".to_owned(),
    ];
    if input.live.is_some() {
        all.push("nobody else changes anything meanwhile".to_owned());
    }
    all
}

fn unknown(input: &Input) -> Vec<String> {
    let mut all = vec![
        "whether the new pods work, and what admission webhooks and quotas say to the writes".to_owned(),
    ];
    if input.live.is_some() {
        all.push(
            "which versions of router plugins the controller of the cluster has: those given here are asked"
                .to_owned(),
        );
    } else {
        all.push("what else a cluster has: only these files were looked at".to_owned());
    }
    all
}
