//! The story that `tidegate simulate` tells: the manifests settle as the first revision, then a new pod
//! template starts the canary, and a patient user promotes it at every indefinite pause.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, ObjectKey, Operation, Request, Resource, builtin, object};
use tidegate_cluster::{Cluster, ServeOptions};
use tidegate_shell::{PluginState, Settings, Shell};

use crate::driver::Driver;
use crate::line::{Ending, Line, RolloutEnding};
use crate::observer::Observer;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// All objects, in the order in which they are applied; a Rollout that comes again is a later version.
    pub objects: Vec<Value>,
    /// New images by container name, which start the canary after all versions among the objects.
    pub images: BTreeMap<String, String>,
    /// Stop at an indefinite pause instead of promoting.
    pub hold: bool,
    /// Give up after this much virtual time.
    pub limit: Duration,
    /// How the cluster behaves.
    pub cluster: tidegate_cluster::Settings,
    /// How the controller behaves.
    pub controller: Settings,
}

/// A scenario that cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// There is nothing to roll out.
    #[error("no Rollout among the manifests; name the file that has it")]
    NoRollout,
    /// The API server refuses a manifest.
    #[error("{object} is refused: {message}")]
    Refused {
        /// Which one.
        object: String,
        /// Why.
        message: String,
    },
    /// `--image` names a container that no Rollout has.
    #[error("no Rollout has a container named {container:?}; there are: {known}")]
    UnknownContainer {
        /// The container.
        container: String,
        /// The containers there are.
        known: String,
    },
}

impl ScenarioError {
    /// The stable reason code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoRollout => "NoRollout",
            Self::Refused { .. } => "Refused",
            Self::UnknownContainer { .. } => "UnknownContainer",
        }
    }
}

/// A quiet time after which nothing more is expected of a Rollout that is not paused.
const PATIENCE: Duration = Duration::from_secs(60 * 60);
/// The annotation on the pod template that makes a new revision when nothing else was asked for.
const DEFAULT_CHANGE: &str = "tidegate.dev/simulated-revision";

/// Plays a scenario to its end, telling each line as it happens.
///
/// # Errors
/// When the scenario cannot be played.
pub fn play(
    scenario: Scenario,
    plugins: BTreeMap<String, PluginState>,
    tell: &mut dyn FnMut(&Line),
) -> Result<Ending, ScenarioError> {
    let (versions, others) = partition(scenario.objects);
    if versions.is_empty() {
        return Err(ScenarioError::NoRollout);
    }
    check_images(&versions, &scenario.images)?;

    let mut cluster = Cluster::new(scenario.cluster);
    for manifest in &others {
        let resource = resource_of(&mut cluster, manifest);
        create(&mut cluster, &resource, manifest.clone())?;
    }
    for one in versions.values().filter_map(|versions| versions.first()) {
        create(&mut cluster, &builtin::rollouts(), one.clone())?;
    }
    let keys: Vec<ObjectKey> = versions.keys().cloned().collect();
    let mut player = Player {
        observer: Observer::new(keys.clone()),
        driver: Driver::new(cluster, Shell::new(scenario.controller), plugins),
        hold: scenario.hold,
        limit: scenario.limit,
    };
    player.observer.announce(
        &player.driver,
        "Applied",
        "the manifests are applied; the first revision starts",
        tell,
    );
    if player.run(tell) == Stop::Settled {
        for (key, patches) in changes(&versions, &scenario.images) {
            for patch in patches {
                player.change(&key, patch, tell)?;
            }
        }
    }
    Ok(ending(&player.driver, &keys))
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Every Rollout is Healthy and nothing more is due.
    Settled,
    /// Nothing more is to be expected, or time is up.
    GaveUp,
}

struct Player {
    observer: Observer,
    driver: Driver,
    hold: bool,
    limit: Duration,
}

impl Player {
    /// Starts the next revision of one Rollout and runs it.
    fn change(
        &mut self,
        key: &ObjectKey,
        patch: Value,
        tell: &mut dyn FnMut(&Line),
    ) -> Result<Stop, ScenarioError> {
        let request = patch_of(key, None, patch);
        self.driver.cluster.handle(&request).map_err(|error| refused(key, &error))?;
        self.observer.announce(&self.driver, "Updated", "a new pod template starts the canary", tell);
        Ok(self.run(tell))
    }

    fn run(&mut self, tell: &mut dyn FnMut(&Line)) -> Stop {
        let mut changed_at = self.driver.elapsed();
        loop {
            let observer = &mut self.observer;
            self.driver
                .settle(&mut |cluster, elapsed, happening| observer.note(cluster, elapsed, &happening, tell));
            if self.observer.look(&self.driver, tell) {
                changed_at = self.driver.elapsed();
            }
            if !self.hold && self.promote_paused(tell) {
                continue;
            }
            let now = self.driver.elapsed();
            let Some(due) = self.driver.next_due() else { return self.verdict() };
            let quiet = due.saturating_sub(changed_at);
            let all_healthy = self.phases().iter().all(|phase| phase == "Healthy");
            let timed_pause = self.phases().iter().any(|phase| phase == "Paused") && !self.held();
            // Only the controller's periodic look is that far away.
            let idle = all_healthy && due.saturating_sub(now) > Duration::from_secs(5 * 60);
            let hopeless = !timed_pause && quiet > PATIENCE;
            if idle || hopeless || due > self.limit {
                return self.verdict();
            }
            self.driver.advance_to(due);
        }
    }

    fn verdict(&self) -> Stop {
        if self.phases().iter().all(|phase| phase == "Healthy") { Stop::Settled } else { Stop::GaveUp }
    }

    fn phases(&self) -> Vec<String> {
        self.observer
            .rollouts(&self.driver.cluster)
            .iter()
            .map(|rollout| text(rollout, "/status/phase"))
            .collect()
    }

    /// Whether a Rollout stands at a pause that only a user ends.
    fn held(&self) -> bool {
        self.observer.rollouts(&self.driver.cluster).iter().any(|rollout| is_held(rollout))
    }

    /// Does what `kubectl argo rollouts promote` does to each Rollout that stands at an indefinite pause.
    fn promote_paused(&mut self, tell: &mut dyn FnMut(&Line)) -> bool {
        let held: Vec<_> = self
            .observer
            .rollouts(&self.driver.cluster)
            .into_iter()
            .filter(|rollout| is_held(rollout))
            .collect();
        for rollout in &held {
            let key = object::key(&builtin::rollouts(), rollout);
            let unpause = patch_of(&key, Some("status"), json!({"status": {"pauseConditions": null}}));
            if self.driver.cluster.handle(&unpause).is_ok() {
                self.observer.announce(&self.driver, "Promoted", "promoted, as a user would", tell);
            }
        }
        !held.is_empty()
    }
}

/// Whether a Rollout stands at a pause step without a duration.
fn is_held(rollout: &Value) -> bool {
    let paused = rollout
        .pointer("/status/pauseConditions")
        .and_then(Value::as_array)
        .is_some_and(|all| !all.is_empty());
    let step = rollout.pointer("/status/currentStepIndex").and_then(Value::as_u64).unwrap_or_default();
    let pause = rollout.pointer(&format!("/spec/strategy/canary/steps/{step}/pause"));
    paused && pause.is_some_and(|pause| pause.get("duration").is_none_or(Value::is_null))
}

type Versions = BTreeMap<ObjectKey, Vec<Value>>;

/// Splits the Rollouts, by name, from everything else; objects without a namespace get `default`.
fn partition(objects: Vec<Value>) -> (Versions, Vec<Value>) {
    let mut versions = Versions::new();
    let mut others = Vec::new();
    for mut one in objects {
        if text(&one, "/kind") == "Rollout" && text(&one, "/apiVersion").starts_with("argoproj.io/") {
            put_namespace(&mut one);
            versions.entry(object::key(&builtin::rollouts(), &one)).or_default().push(one);
        } else {
            others.push(one);
        }
    }
    (versions, others)
}

/// The merge patches that make the later revisions of each Rollout.
fn changes(versions: &Versions, images: &BTreeMap<String, String>) -> Vec<(ObjectKey, Vec<Value>)> {
    let mut changes = Vec::new();
    for (key, versions) in versions {
        let mut patches: Vec<Value> = versions
            .windows(2)
            .filter_map(|pair| match pair {
                [old, new] => Some(json!({"spec": difference(old.get("spec"), new.get("spec"))})),
                _ => None,
            })
            .collect();
        let last = versions.last().unwrap_or(&Value::Null);
        if let Some(patch) = image_patch(last, images) {
            patches.push(patch);
        } else if patches.is_empty() {
            patches.push(json!({"spec": {"template": {"metadata": {"annotations": {DEFAULT_CHANGE: "2"}}}}}));
        }
        changes.push((key.clone(), patches));
    }
    changes
}

/// The merge patch from one value to another: what is gone becomes null.
fn difference(old: Option<&Value>, new: Option<&Value>) -> Value {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
            let kept = new
                .iter()
                .filter(|(key, value)| old.get(*key) != Some(value))
                .map(|(key, value)| (key.clone(), difference(old.get(key), Some(value))));
            gone.chain(kept).collect()
        }
        (_, new) => new.cloned().unwrap_or_default(),
    }
}

/// The merge patch that puts the images in, if the Rollout has such containers.
fn image_patch(rollout: &Value, images: &BTreeMap<String, String>) -> Option<Value> {
    let mut containers = rollout.pointer("/spec/template/spec/containers")?.as_array()?.clone();
    let mut changed = false;
    for container in &mut containers {
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        if let (Some(image), Value::Object(fields)) = (images.get(name), container) {
            fields.insert("image".to_owned(), json!(image));
            changed = true;
        }
    }
    changed.then(|| json!({"spec": {"template": {"spec": {"containers": containers}}}}))
}

fn check_images(versions: &Versions, images: &BTreeMap<String, String>) -> Result<(), ScenarioError> {
    let known: Vec<String> = versions
        .values()
        .filter_map(|versions| versions.last())
        .filter_map(|rollout| rollout.pointer("/spec/template/spec/containers")?.as_array())
        .flatten()
        .map(|container| text(container, "/name"))
        .collect();
    match images.keys().find(|container| !known.contains(container)) {
        None => Ok(()),
        Some(container) => {
            Err(ScenarioError::UnknownContainer { container: container.clone(), known: known.join(", ") })
        }
    }
}

/// The resource of a manifest; a kind that the cluster does not know is served from now on.
fn resource_of(cluster: &mut Cluster, manifest: &Value) -> Resource {
    let (api_version, kind) = (text(manifest, "/apiVersion"), text(manifest, "/kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    if let Some(resource) = cluster.served(group, &kind) {
        return resource.clone();
    }
    let resource = Resource::namespaced(group, version, &kind, &format!("{}s", kind.to_lowercase()));
    cluster.serve(resource.clone(), ServeOptions::default());
    resource
}

fn create(cluster: &mut Cluster, resource: &Resource, mut manifest: Value) -> Result<(), ScenarioError> {
    if resource.namespaced {
        put_namespace(&mut manifest);
    }
    let key = object::key(resource, &manifest);
    let request = Request {
        resource: resource.clone(),
        namespace: resource.namespaced.then(|| key.namespace.to_string()),
        operation: Operation::Create { object: manifest },
    };
    match cluster.handle(&request) {
        // For example the namespace `default`, which every cluster has.
        Err(error) if error.is_already_exists() && &*key.kind == "Namespace" => Ok(()),
        Err(error) => Err(refused(&key, &error)),
        Ok(_) => Ok(()),
    }
}

fn put_namespace(manifest: &mut Value) {
    if let Some(Value::Object(metadata)) = manifest.get_mut("metadata") {
        metadata.entry("namespace").or_insert_with(|| json!("default"));
    }
}

fn patch_of(key: &ObjectKey, subresource: Option<&str>, patch: Value) -> Request {
    Request {
        resource: builtin::rollouts(),
        namespace: Some(key.namespace.to_string()),
        operation: Operation::Patch {
            name: key.name.to_string(),
            subresource: subresource.map(str::to_owned),
            body: Body::Merge(patch),
        },
    }
}

fn refused(key: &ObjectKey, error: &ApiError) -> ScenarioError {
    ScenarioError::Refused { object: key.to_string(), message: error.message.clone() }
}

fn ending(driver: &Driver, keys: &[ObjectKey]) -> Ending {
    let rollouts: Vec<RolloutEnding> = Observer::new(keys.to_vec())
        .rollouts(&driver.cluster)
        .iter()
        .map(|rollout| RolloutEnding {
            rollout: format!("{}/{}", object::namespace(rollout), object::name(rollout)),
            phase: text(rollout, "/status/phase"),
            message: text(rollout, "/status/message"),
            conditions: rollout
                .pointer("/status/conditions")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
        })
        .collect();
    let unwell = rollouts.iter().find(|one| one.phase != "Healthy").map(|one| one.phase.as_str());
    let result = match unwell {
        None => "Healthy",
        Some("") => "Unknown",
        Some(phase) => phase,
    };
    Ending { result: result.to_owned(), t: driver.elapsed().as_secs_f64(), rollouts }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
