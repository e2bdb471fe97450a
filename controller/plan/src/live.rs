//! Reading what a live cluster has: exactly the lists that the controller itself would ask for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_api::Resource;
use tidegate_cluster::Cluster;
use tidegate_shell::{PluginState, Shell, WatchKey};
use tidegate_simulate::Driver;

use crate::input::{Input, PlanError};
use crate::output::Plan;
use crate::planner;

/// The controller finds what it needs in two or three rounds: the Rollouts, what routers look for, what that leads to.
const ROUNDS: usize = 16;

/// Some objects of a live cluster.
#[derive(Clone, Debug)]
pub struct Listing {
    /// What they are, at the version at which they are served.
    pub resource: Resource,
    /// As they are.
    pub objects: Vec<Value>,
}

/// Something that lists the objects of a cluster. It can do nothing else.
pub trait Source {
    /// The objects that a watch would begin with; `None`: the kind is not served.
    ///
    /// # Errors
    /// When they cannot be read.
    fn list(&mut self, watch: &WatchKey) -> Result<Option<Listing>, SourceError>;
}

/// Why objects cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot list {kind}: {message}")]
pub struct SourceError {
    /// The kind.
    pub kind: String,
    /// What the API server says, and what to do.
    pub message: String,
}

/// Why there is no plan against a live cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// It cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What was read cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Each answer leads to another question.
    #[error("after {ROUNDS} rounds of reading, the router plugins still ask for other objects")]
    Endless,
}

impl LiveError {
    /// The stable reason code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Source(_) => "Unreadable",
            Self::Plan(error) => error.reason(),
            Self::Endless => "TooManyRounds",
        }
    }
}

/// Makes a plan against what a live cluster has. Reads until the run asks for nothing that has not been read.
///
/// # Errors
/// When the cluster cannot be read, or there is nothing to plan.
pub fn plan_live(
    mut input: Input,
    plugins: &BTreeMap<String, PluginState>,
    source: &mut dyn Source,
) -> Result<Plan, LiveError> {
    let mut read: BTreeMap<WatchKey, Option<Listing>> = BTreeMap::new();
    let mut wanted = first_watches(&input, plugins);
    for _ in 0..ROUNDS {
        for watch in wanted {
            let listing = source.list(&watch)?;
            read.insert(watch, listing);
        }
        input.live = Some(read.values().flatten().cloned().collect());
        let (plan, watched) = planner::run(input.clone(), plugins)?;
        wanted = watched.into_iter().filter(|watch| !read.contains_key(watch)).collect();
        if wanted.is_empty() {
            return Ok(plan);
        }
    }
    Err(LiveError::Endless)
}

/// What a controller watches before it knows of any Rollout.
fn first_watches(input: &Input, plugins: &BTreeMap<String, PluginState>) -> BTreeSet<WatchKey> {
    let cluster = Cluster::new(input.cluster.clone());
    let mut driver = Driver::new(cluster, Shell::new(input.controller.clone()), plugins.clone());
    driver.settle(&mut |_, _, _| {});
    driver.watched().clone()
}
