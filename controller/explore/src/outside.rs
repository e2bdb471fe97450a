//! The surroundings of a run for controllers that are elsewhere, and reach the cluster in another way: what there is, what people
//! do, what goes wrong with gateways, pods and plugins, and what must be so in the end.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_cluster::{Cluster, Settings};
use tidegate_contract::Digest;
use tidegate_shell::{Deciders, Plugins};

use crate::happening::Happening;
use crate::plan::Plan;
use crate::simulation::Simulation;

/// A plan without the loop that runs it. The cluster is with whoever calls, and is lent for each call.
pub struct Outside {
    simulation: Simulation,
}

impl Outside {
    /// The surroundings of a plan, and the cluster with all that there is at first.
    pub fn new(plan: &Plan) -> (Self, Cluster) {
        let mut simulation = Simulation::new(&plan.with(Vec::new()), Deciders::default(), false);
        let cluster = std::mem::replace(&mut simulation.cluster, Cluster::new(Settings::default()));
        (Self { simulation }, cluster)
    }

    fn within<T>(&mut self, cluster: &mut Cluster, work: impl FnOnce(&mut Simulation) -> T) -> T {
        std::mem::swap(&mut self.simulation.cluster, cluster);
        self.simulation.observe();
        let result = work(&mut self.simulation);
        self.simulation.observe();
        std::mem::swap(&mut self.simulation.cluster, cluster);
        result
    }

    /// Something happens that has nothing to do with a controller. What has is left to the caller.
    pub fn happens(&mut self, cluster: &mut Cluster, what: &Happening) {
        self.within(cluster, |simulation| simulation.happens(what));
    }

    /// The plugins as they are, for a controller that uses these versions of them.
    pub fn plugins(&self, in_use: &BTreeMap<String, BTreeSet<Digest>>) -> Plugins {
        self.simulation.plugins.states(in_use)
    }

    /// Plugins, gateways and new pods are as they should be.
    pub fn heal(&mut self, cluster: &mut Cluster) {
        self.within(cluster, Simulation::surroundings_heal);
    }

    /// Deletes pods that do not work.
    pub fn replace_failing_pods(&mut self, cluster: &mut Cluster) {
        self.within(cluster, Simulation::replace_failing_pods);
    }

    /// The canary of an aborted update that still gets requests once all is silent after the faults.
    pub fn given_up_in_vain(&mut self, cluster: &mut Cluster) -> Option<String> {
        self.within(cluster, |simulation| simulation.what_is_given_up_in_vain())
    }

    /// Users do what finishes what they have begun. Whether there was nothing to do.
    pub fn finish(&mut self, cluster: &mut Cluster) -> bool {
        self.within(cluster, Simulation::finish_all)
    }

    /// What is not as it should be once all is finished and silent.
    pub fn wrong(&mut self, cluster: &mut Cluster) -> Option<String> {
        self.within(cluster, |simulation| simulation.what_is_wrong())
    }

    /// How the Rollouts are, in words.
    pub fn describe(&mut self, cluster: &mut Cluster) -> String {
        self.within(cluster, |simulation| simulation.states())
    }
}
