//! What a shell is made with: which Rollouts are its own, what decides about them, and its delays.

use std::time::Duration;

use jiff::Timestamp;
use tidegate_core::{Decision, World};
use tidegate_experiment as experiment;

/// The function that decides about a Rollout.
pub type Decide = fn(&World, Timestamp) -> Decision;

/// The function that decides about an Experiment.
pub type Conduct = fn(&experiment::World, Timestamp) -> experiment::Decision;

/// The function that decides about an AnalysisRun.
pub type Assess = fn(&tidegate_analysis::World, Timestamp) -> tidegate_analysis::Decision;

/// What decides. A setting, so that a simulation can show that it notices a wrong one.
#[derive(Clone, Copy, Debug)]
pub struct Deciders {
    /// About Rollouts.
    pub rollout: Decide,
    /// About Experiments.
    pub experiment: Conduct,
    /// About AnalysisRuns.
    pub run: Assess,
}

/// How a shell is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Only Rollouts of this namespace; `None`: of all.
    pub namespace: Option<String>,
    /// Only Rollouts whose label `argo-rollouts.argoproj.io/controller-instance-id` has this value; `None`:
    /// only those without the label.
    pub instance_id: Option<String>,
    /// The name under which our writes appear in `metadata.managedFields`.
    pub field_manager: String,
    /// What is done before the controller is taken out of the cluster; `None`: it stays.
    pub ending: Option<Ending>,
    /// Write nothing, and tell at the end of each pass what would be written ([`Report::Intends`]); leading or not.
    ///
    /// [`Report::Intends`]: crate::Report::Intends
    pub shadow: bool,
    /// What decides.
    pub deciders: Deciders,
    /// Delays and limits.
    pub timing: Timing,
}

/// What is done for each Rollout before the controller is taken out of the cluster. Nothing else is done then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything is given back to its stable pods.
    GiveBack,
    /// Traffic stays as it is, for another controller to go on with; only what Tidegate keeps on the Rollout itself goes.
    LeaveTraffic,
}

/// Delays and limits, all in monotonic time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A Rollout is looked at again after this long although nothing happened. 15 min, as in Argo Rollouts.
    pub resync: Duration,
    /// Delay before the second try of what failed; doubles with each failure in a row.
    pub backoff_first: Duration,
    /// The longest such delay.
    pub backoff_last: Duration,
    /// An own write that has not come back through its watch after this long is looked up in the API server.
    pub fence_ceiling: Duration,
    /// A route on which nobody reports is taken for one on which nobody ever will after this long.
    pub unreported: Duration,
    /// Time in which repairs of one object are counted, and the pause between two once there were too many.
    pub repair_window: Duration,
    /// So many repairs of one object in that time; one more would be a quarrel.
    pub repairs: usize,
    /// A question that a plugin failed on is repeated after this long although nothing changed.
    pub fault_retry: Duration,
    /// A Rollout that is being deleted waits no longer than this until its traffic is given back.
    pub release_deadline: Duration,
    /// So many Rollouts may have a pass under way at the same time; bounds what waits in the driver.
    pub passes: usize,
    /// So many Rollouts are looked at in one step; bounds how long a step takes.
    pub passes_per_step: usize,
    /// So many objects of each watch are kept parsed; the others as compact text, a tenth of the size.
    pub parsed_objects: usize,
}

impl Settings {
    /// All Rollouts of the cluster without an instance id, decided by this function.
    pub fn new(decide: Decide) -> Self {
        Self::decided_by(Deciders { rollout: decide, ..Deciders::default() })
    }

    /// All Rollouts of the cluster without an instance id, with all else decided by these functions, too.
    pub fn decided_by(deciders: Deciders) -> Self {
        Self {
            namespace: None,
            instance_id: None,
            field_manager: "tidegate".to_owned(),
            ending: None,
            shadow: false,
            deciders,
            timing: Timing::default(),
        }
    }
}

impl Default for Settings {
    /// All Rollouts of the cluster without an instance id, decided as they should be.
    fn default() -> Self {
        Self::decided_by(Deciders::default())
    }
}

impl Default for Deciders {
    fn default() -> Self {
        Self {
            rollout: tidegate_core::decide,
            experiment: experiment::conduct,
            run: tidegate_analysis::assess,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            resync: Duration::from_mins(15),
            backoff_first: Duration::from_secs(1),
            backoff_last: Duration::from_mins(1),
            fence_ceiling: Duration::from_secs(10),
            unreported: Duration::from_secs(10),
            repair_window: Duration::from_mins(10),
            repairs: 3,
            fault_retry: Duration::from_mins(10),
            release_deadline: Duration::from_mins(2),
            passes: 64,
            passes_per_step: 256,
            parsed_objects: 320,
        }
    }
}
