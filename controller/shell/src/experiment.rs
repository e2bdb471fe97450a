//! The Experiment that a Rollout's traffic depends on: watched only while its status names one for a step of its own.

use std::sync::Arc;

use serde_json::Value;
use tidegate_model::interest;

use crate::guard::Turn;
use crate::name::Name;
use crate::shell::Shell;

impl Shell {
    /// Watches the Experiment that a Rollout's traffic depends on, and no other. Whether it is not known yet what there is.
    pub(crate) fn follow_experiment(&mut self, turn: &mut Turn<'_>, rollout: &Value) -> bool {
        let wanted = interest::experiment(rollout);
        if turn.memory.experiment.as_deref() != wanted {
            turn.memory.experiment = wanted.map(Arc::from);
            self.depend(turn.name, turn.memory);
        }
        wanted.is_some() && self.caches.are_experiments_unknown()
    }

    /// The Experiment that a Rollout's traffic depends on, if there is one.
    pub(crate) fn experiment(&mut self, home: &Name, rollout: &Value) -> Option<Arc<Value>> {
        let name = Name::new(&home.namespace, interest::experiment(rollout)?);
        let keep_parsed = self.settings.timing.parsed_objects;
        let watch = self.caches.experiments();
        self.caches.cache_mut(watch)?.value(&name, keep_parsed)
    }
}
