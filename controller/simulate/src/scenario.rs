//! The story that `tidegate simulate` tells: the manifests settle as the first revision, then a new pod
//! template starts the canary, and a patient user promotes it at every indefinite pause.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ApiError, ObjectKey, Operation, Request, Resource, builtin, object};
use tidegate_cluster::{Cluster, ServeOptions};
use tidegate_model::interest;
use tidegate_shell::{PluginState, Settings, Shell};

use crate::changes::{changes, check_images, partition, put_namespace};
use crate::driver::Driver;
use crate::line::{Ending, Line};
use crate::player::Player;

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

impl Scenario {
    /// The Rollouts in it, as `namespace/name`, sorted.
    pub fn rollouts(&self) -> Vec<String> {
        let (versions, _) = partition(self.objects.clone());
        versions.keys().map(|key| format!("{}/{}", key.namespace, key.name)).collect()
    }

    /// The names of the router plugins that the Rollouts in it use.
    pub fn routers(&self) -> BTreeSet<String> {
        let (versions, _) = partition(self.objects.clone());
        versions.values().flatten().flat_map(interest::routers).map(|router| router.name).collect()
    }
}

/// A scenario that cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// There is nothing to roll out.
    #[error("no Rollout (argoproj.io) among the manifests: name the file that has it")]
    NoRollout,
    /// The API server refuses a manifest.
    #[error("the API server refuses {object}: {message}")]
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

    pub(crate) fn refused(key: &ObjectKey, error: &ApiError) -> Self {
        Self::Refused { object: key.to_string(), message: error.message.clone() }
    }
}

/// Plays a scenario to its end, telling each line as it happens.
///
/// Several Rollouts run at the same time. What is done to them from outside is done to all at once, when nothing more
/// is to be expected of any; one that does not get well does not keep the others from their canary.
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

    let patience = patience(versions.values().flatten(), &scenario.cluster);
    let mut cluster = Cluster::new(scenario.cluster);
    apply(&mut cluster, &others)?;
    for one in versions.values().filter_map(|versions| versions.first()) {
        create(&mut cluster, &builtin::rollouts(), one.clone())?;
    }
    let driver = Driver::new(cluster, Shell::new(scenario.controller), plugins);
    let changes = changes(&versions, &scenario.images);
    let keys = versions.into_keys().collect();
    let mut player = Player::new(driver, keys, scenario.hold, scenario.limit, patience);
    player.start(tell);
    let rounds = changes.values().map(Vec::len).max().unwrap_or_default();
    for round in 0..rounds {
        for (key, changes) in &changes {
            if let Some(change) = changes.get(round) {
                player.change(key, change, tell)?;
            }
        }
        player.run(tell);
    }
    Ok(player.ending())
}

/// After this long without a visible change nothing more is expected: all that may still be under way has its deadline
/// earlier.
fn patience<'a>(rollouts: impl Iterator<Item = &'a Value>, cluster: &tidegate_cluster::Settings) -> Duration {
    // 10 min unless the Rollout says otherwise (Argo Rollouts).
    let deadline = |rollout: &Value| {
        rollout.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_u64).unwrap_or(10 * 60)
    };
    let longest = rollouts.map(deadline).max().unwrap_or_default();
    [
        Some(Duration::from_secs(longest)),
        Some(cluster.pods.ready_after),
        cluster.gateway.programs_after,
        cluster.gateway.reports_after,
        // The controller's own periodic look (15 min), and a margin.
        Some(Duration::from_mins(20)),
    ]
    .into_iter()
    .flatten()
    .fold(Duration::ZERO, Duration::saturating_add)
}

/// Creates the objects; definitions of resources first, because what they define may be anywhere among the rest.
fn apply(cluster: &mut Cluster, manifests: &[Value]) -> Result<(), ScenarioError> {
    let (definitions, others): (Vec<&Value>, Vec<&Value>) =
        manifests.iter().partition(|manifest| text(manifest, "/kind") == "CustomResourceDefinition");
    for definition in definitions {
        cluster.serve_definition(definition).map_err(|error| ScenarioError::Refused {
            object: format!("CustomResourceDefinition {}", object::name(definition)),
            message: error.to_string(),
        })?;
    }
    for manifest in others {
        let resource = resource_of(cluster, manifest);
        create(cluster, &resource, manifest.clone())?;
    }
    Ok(())
}

/// The resource of a manifest; a kind that the cluster does not know is served from now on.
fn resource_of(cluster: &mut Cluster, manifest: &Value) -> Resource {
    let (api_version, kind) = (text(manifest, "/apiVersion"), text(manifest, "/kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if let Some(resource) = cluster.served(group, kind) {
        return resource.clone();
    }
    let resource = Resource::namespaced(group, version, kind, &format!("{}s", kind.to_lowercase()));
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
        Err(error) => Err(ScenarioError::refused(&key, &error)),
        Ok(_) => Ok(()),
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
