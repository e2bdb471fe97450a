//! Which Service is in the stable role now, and which one in the canary role.
//!
//! The spec says which they should be: by two fields, or by `pingPong` and the status, which names the one that was promoted
//! last. What the routers have is what the status says of the weights. Where the spec exchanges the two (somebody went over to
//! `pingPong`, or back, or edited the status), the roles stay as they are until the Service that should be stable selects
//! the stable pods: weights that are exchanged then go to the same pods. In the middle of an update that would give all
//! traffic to the canary's pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tidegate_model::names::HASH_LABEL;
use tidegate_model::{PingOrPong, Rollout, Status};

use crate::context::Context;
use crate::steps::Position;

/// The Services in the two roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    /// The Service in the stable role, if there is one.
    pub(crate) stable: Option<String>,
    /// The Service in the canary role, if there is one.
    pub(crate) canary: Option<String>,
    /// The Service that the spec has in the stable role although the routers have it in the canary role, when the spec
    /// no longer names the one that is in the stable role: nothing says where the traffic should go meanwhile.
    pub(crate) taken: Option<String>,
}

impl Roles {
    /// The roles as they are now.
    pub(crate) fn of(rollout: &Rollout, status: &Status, services: &BTreeMap<String, Arc<Value>>) -> Self {
        let canary = &rollout.canary;
        let (stable, canary) = match &canary.ping_pong {
            Some(names) => {
                let which = status.stable_ping_pong.unwrap_or(PingOrPong::Pong);
                (Some(names.name(which).clone()), Some(names.name(which.other()).clone()))
            }
            None => (canary.stable_service.clone(), canary.canary_service.clone()),
        };
        let wanted = Self { stable, canary, taken: None };
        let (Some(weights), Some(service)) = (&status.weights, &wanted.stable) else { return wanted };
        let selected =
            services.get(service).and_then(|one| one.pointer("/spec/selector")?.get(HASH_LABEL)?.as_str());
        if weights.canary_service != *service || selected.is_none_or(|hash| hash == status.stable_rs) {
            return wanted;
        }
        if wanted.canary.as_ref() == Some(&weights.stable_service) {
            return Self { stable: wanted.canary, canary: wanted.stable, taken: None };
        }
        Self { taken: wanted.stable.clone(), ..wanted }
    }
}

/// With ping-pong, roles are exchanged at the promotion: no Service selects other pods while it has traffic, and no weight
/// changes. In the spec's terms the Service that was in the canary role is the stable one then.
pub(crate) fn exchange(context: &Context<'_>, position: &mut Position) {
    let Some(names) = &context.rollout.canary.ping_pong else { return };
    let is_ping = context.canary_service() == Some(&names.ping);
    position.stable_ping_pong = Some(if is_ping { PingOrPong::Ping } else { PingOrPong::Pong });
}
