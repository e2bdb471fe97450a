//! The controller over an in-memory cluster with these objects, for a moment: long enough for the first revision to
//! settle, so that every router has looked for its objects and said what it thinks of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ObjectKey, builtin, object};
use tidegate_core::{RouterState, Routing};
use tidegate_model::names::INSTANCE_ID_LABEL;
use tidegate_shell::{PluginState, Report, Settings, Shell};
use tidegate_simulate::{Driver, Happening, objects};

use crate::document::Manifest;
use crate::finding::{Said, Severity, reason};
use crate::routers;

/// Pods and gateways need seconds, and what nobody reports on counts as settled after ten.
const MOMENT: Duration = Duration::from_mins(1);

/// What was said about manifests, by their place in the list.
pub(crate) type ByManifest = Vec<(usize, Said)>;

/// Runs the controller over all of these manifests, of which each Rollout is there in one version.
pub(crate) fn run(manifests: &[(usize, &Manifest)], plugins: &BTreeMap<String, PluginState>) -> ByManifest {
    let mut said = ByManifest::new();
    let mut cluster = tidegate_cluster::Cluster::new(tidegate_cluster::Settings::default());
    let mut rollouts: BTreeMap<ObjectKey, (usize, &Manifest)> = BTreeMap::new();
    let (definitions, others): (Vec<_>, Vec<_>) = manifests
        .iter()
        .copied()
        .partition(|(_, manifest)| manifest.is_of("apiextensions.k8s.io", "CustomResourceDefinition"));
    for (index, manifest) in definitions.into_iter().chain(others) {
        match objects::apply(&mut cluster, &for_any_instance(&manifest.object)) {
            Ok(created) if manifest.is_rollout() => {
                rollouts.insert(object::key(&builtin::rollouts(), &created), (index, manifest));
            }
            Ok(_) => {}
            Err(error) => {
                let message = error.to_string();
                said.push((index, Said::new(Severity::Error, reason::REFUSED, "", message)));
            }
        }
    }
    let mut last: BTreeMap<ObjectKey, Routing> = BTreeMap::new();
    let mut driver = Driver::new(cluster, Shell::new(Settings::default()), plugins.clone());
    loop {
        driver.settle(&mut |_, _, happening| {
            if let Happening::Report(Report::Pass { rollout, routing: Some(routing), .. }) = happening {
                last.insert(rollout, routing);
            }
        });
        match driver.next_due().filter(|due| *due <= MOMENT) {
            Some(due) => driver.advance_to(due),
            None => break,
        }
    }
    for (key, routing) in last {
        let Some((index, manifest)) = rollouts.get(&key) else { continue };
        said.extend(of_routers(&manifest.object, &routing).into_iter().map(|one| (*index, one)));
    }
    said
}

/// An object whichever controller it is for: what is right does not depend on that.
fn for_any_instance(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(Value::Object(labels)) = object.pointer_mut("/metadata/labels") {
        labels.shift_remove(INSTANCE_ID_LABEL);
    }
    object
}

/// What the routers said last.
fn of_routers(rollout: &Value, routing: &Routing) -> Vec<Said> {
    let mut said = Vec::new();
    for report in &routing.routers {
        let path = routers::place(rollout, &report.router);
        match &report.state {
            RouterState::Failed { reason, message } => {
                said.push(Said::new(Severity::Error, reason, &path, message));
            }
            RouterState::Waiting { reason, message } => {
                said.push(Said::new(Severity::Warning, reason, &path, message));
            }
            // That a plugin cannot be had is told before, when its router is asked about the configuration.
            RouterState::Unavailable { .. }
            | RouterState::Loading { .. }
            | RouterState::Verified
            | RouterState::NotApplicable { .. } => {}
        }
        for note in &report.notes {
            said.push(Said::new(Severity::Warning, reason::ROUTER_NOTE, &path, note));
        }
    }
    said
}
