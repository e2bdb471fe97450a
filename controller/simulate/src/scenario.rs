//! The story that `tidegate simulate` tells: the manifests settle as the first revision, then a new pod
//! template starts the canary, and a patient user promotes it at every indefinite pause.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tidegate_api::{ApiError, ObjectKey};
use tidegate_cluster::Cluster;
use tidegate_model::interest;
use tidegate_shell::{PluginState, Settings, Shell};

use crate::changes::{changes, check_images, partition};
use crate::driver::Driver;
use crate::line::{Ending, Line};
use crate::metrics::Script;
use crate::objects;
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
    /// What the providers of metrics answer.
    pub metrics: Script,
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
        Self::routers_of(&self.objects)
    }

    /// The names of the router plugins that the Rollouts among some objects use.
    pub fn routers_of(objects: &[Value]) -> BTreeSet<String> {
        let (versions, _) = partition(objects.to_vec());
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
    for one in objects::in_order(others) {
        objects::apply(&mut cluster, &one)?;
    }
    for one in versions.values().filter_map(|versions| versions.first()) {
        objects::apply(&mut cluster, one)?;
    }
    let mut driver = Driver::new(cluster, Shell::new(scenario.controller), plugins);
    driver.measure_by(scenario.metrics);
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
pub fn patience<'a>(
    rollouts: impl Iterator<Item = &'a Value>,
    cluster: &tidegate_cluster::Settings,
) -> Duration {
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
