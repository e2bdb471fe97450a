//! A shell that writes nothing: at the end of each pass it tells what it would have written.
//!
//! Everything up to there is the same as in a shell that leads: what is watched, how routers are asked, what is decided. So
//! what it tells is what a leading shell would write at this moment, on what is there at this moment.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{ObjectKey, Request};

use crate::apply::Decided;
use crate::effect::{Effect, Report};
use crate::guard::Turn;
use crate::name::Name;
use crate::requests::key_of;
use crate::routing::RouteWrite;
use crate::shell::Shell;

/// What would be written for one Rollout now.
#[derive(Clone, Debug, PartialEq)]
pub struct Intention {
    /// The Rollout.
    pub rollout: ObjectKey,
    /// It, as the API server has it.
    pub object: Arc<Value>,
    /// What its status should be.
    pub status: Arc<Value>,
    /// The writes, those of routed objects first.
    pub writes: Vec<IntendedWrite>,
}

/// A write that would be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct IntendedWrite {
    /// Of this object.
    pub key: ObjectKey,
    /// The router that wants it; `None`: the decision itself.
    pub router: Option<String>,
    /// What would be sent.
    pub request: Request,
    /// The object as the API server has it, if it has.
    pub before: Option<Arc<Value>>,
}

impl Shell {
    /// Tells what would be written, and sleeps as if it had been.
    pub(crate) fn tell_intention(
        &mut self,
        turn: &mut Turn<'_>,
        decided: Decided,
        routes: VecDeque<RouteWrite>,
    ) {
        let of_routers =
            routes.into_iter().map(|write| (Some(write.router.plugin.to_string()), write.key, write.request));
        let of_decision =
            decided.decision.writes.iter().map(|request| (None, key_of(request), request.clone()));
        let writes = of_routers
            .chain(of_decision)
            .map(|(router, key, request)| IntendedWrite { before: self.seen(&key), router, key, request })
            .collect();
        turn.effects.push(Effect::Report(Report::Intends(Box::new(Intention {
            rollout: turn.name.rollout_key(),
            object: decided.world.rollout.clone(),
            status: Arc::new(decided.decision.status.clone()),
            writes,
        }))));
        self.finish_without_writing(turn, decided);
    }

    /// An object as some watch has it.
    fn seen(&self, key: &ObjectKey) -> Option<Arc<Value>> {
        let name = Name { namespace: key.namespace.clone(), name: key.name.clone() };
        self.caches.watching(key).find_map(|id| self.caches.cache(id)?.read(&name))
    }
}
