//! The in-memory cluster with the objects as they are, and what is to be done to the Rollouts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_api::{ObjectKey, Resource, builtin, object};
use tidegate_cluster::{Cluster, ServeOptions};
use tidegate_shell::{PluginState, Shell};
use tidegate_simulate::changes::{self, Change, Versions};
use tidegate_simulate::{Driver, ScenarioError, objects};

use crate::apply;
use crate::input::{Action, Input};

/// What the run begins with.
pub(crate) struct Stage {
    pub(crate) driver: Driver,
    /// The Rollouts that the plan is about.
    pub(crate) rollouts: Vec<ObjectKey>,
    /// Those of them that the cluster did not have.
    pub(crate) fresh: BTreeSet<ObjectKey>,
    /// What is done to each, one after the other.
    pub(crate) changes: BTreeMap<ObjectKey, Vec<Change>>,
    pub(crate) assumptions: Vec<String>,
}

/// Sets it.
pub(crate) fn set(input: &Input, plugins: &BTreeMap<String, PluginState>) -> Result<Stage, ScenarioError> {
    let (versions, others) = changes::partition(input.manifests.clone());
    if versions.is_empty() {
        return Err(ScenarioError::NoRollout);
    }
    changes::check_images(&versions, &input.images)?;
    let mut settings = input.cluster.clone();
    settings.start = input.now;
    settings.gateway.keeps_names = true;
    let mut cluster = Cluster::new(settings);

    let mut kept: Vec<(Resource, Value)> = Vec::new();
    for listing in input.live.iter().flatten() {
        let resource = &listing.resource;
        if cluster.served(&resource.group, &resource.kind) != Some(resource) {
            cluster.serve(resource.clone(), ServeOptions::default());
        }
        kept.extend(listing.objects.iter().map(|one| (resource.clone(), one.clone())));
    }
    let mut applied = Vec::new();
    for one in others {
        if object::uid(&one).is_empty() {
            applied.push(one);
        } else {
            kept.push((objects::resource_of(&mut cluster, &one), one));
        }
    }
    for one in versions.values().filter_map(|versions| versions.first()) {
        if !object::uid(one).is_empty() && input.live.is_none() {
            kept.push((builtin::rollouts(), one.clone()));
        }
    }
    cluster.restore(kept);

    let mut assumptions = Vec::new();
    let has = |cluster: &Cluster, resource: &Resource, one: &Value| {
        let key = object::key(resource, one);
        cluster.object(resource, &key.namespace, &key.name).cloned()
    };
    for mut one in objects::in_order(applied) {
        let resource = objects::resource_of(&mut cluster, &one);
        if resource.namespaced {
            objects::put_namespace(&mut one);
        }
        if has(&cluster, &resource, &one).is_some() {
            let key = object::key(&resource, &one);
            assumptions.push(format!("{key} stays as the cluster has it: only Rollouts are applied"));
            continue;
        }
        objects::apply(&mut cluster, &one)?;
        if input.live.is_some() {
            assumptions.push(format!("{} is made first: the cluster lacks it", object::key(&resource, &one)));
        }
    }
    let mut fresh = BTreeSet::new();
    let mut all_changes = BTreeMap::new();
    let rollouts: Vec<ObjectKey> = versions.keys().cloned().collect();
    for (key, versions) in versions {
        let existing = has(&cluster, &builtin::rollouts(), versions.first().unwrap_or(&Value::Null));
        let (base, later) = if let Some(existing) = existing {
            let is_itself = object::uid(versions.first().unwrap_or(&Value::Null)) == object::uid(&existing)
                && input.live.is_none();
            let later = versions.iter().skip(usize::from(is_itself)).cloned().collect();
            (existing.as_ref().clone(), later)
        } else {
            let mut versions = versions.into_iter();
            let Some(first) = versions.next() else { continue };
            let created = objects::apply(&mut cluster, &first)?;
            fresh.insert(key.clone());
            (created.as_ref().clone(), versions.collect::<Vec<_>>())
        };
        let changes = changes_of(&base, later, fresh.contains(&key), input);
        all_changes.insert(key, changes);
    }
    let mut driver = Driver::new(cluster, Shell::new(input.controller.clone()), plugins.clone());
    driver.keep_journal();
    Ok(Stage { driver, rollouts, fresh, changes: all_changes, assumptions })
}

/// What is done to a Rollout: its later versions, then its images. One that is applied for the first time from files and has
/// no later version gets what `tidegate simulate` gives it.
fn changes_of(base: &Value, later: Vec<Value>, is_fresh: bool, input: &Input) -> Vec<Change> {
    if is_fresh && input.live.is_none() {
        if input.action == Action::Undo {
            return Vec::new();
        }
        let mut all = vec![base.clone()];
        all.extend(later);
        let key = object::key(&builtin::rollouts(), base);
        let versions = Versions::from([(key.clone(), all)]);
        return changes::changes(&versions, &input.images).remove(&key).unwrap_or_default();
    }
    let mut changes = Vec::new();
    let mut last = base.clone();
    for version in later {
        if let Some(patch) = apply::patch(&last, &version) {
            let what = "the new version is applied".to_owned();
            changes.push(Change { what, patch, needs_health: false });
        }
        if let (Value::Object(last), Some(spec)) = (&mut last, version.get("spec")) {
            last.insert("spec".to_owned(), spec.clone());
        }
    }
    if let Some((names, patch)) = changes::image_patch(&last, &input.images) {
        changes.push(Change { what: format!("new image: {names}"), patch, needs_health: false });
    }
    changes
}
