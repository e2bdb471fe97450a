//! Whether a `VirtualService` is in force, by what Istio reports of it.
//!
//! Istio reports nothing unless the mesh's operator switches status on. It then says by the condition `Reconciled` whether
//! all proxies have the configuration, and by `observedGeneration` (of the status in older versions, of the condition in newer
//! ones) which generation that is about. Without both there is nothing to wait for.

use tidegate_router_sdk::{Object, Verdict, concat, decimal};

use crate::document::VirtualService;

/// The verdict on one `VirtualService`.
pub(crate) fn verdict(service: &VirtualService<'_>, object: &Object) -> Verdict {
    let status = &service.status;
    let Some(condition) = &status.reconciled else { return Verdict::Unverifiable };
    let Some(observed) = condition.observed_generation.or(status.observed_generation) else {
        return Verdict::Unverifiable;
    };
    let istio = |words: &[&str]| concat(&[&object.ref_.to_text(), ": Istio ", &concat(words)]);
    if observed < service.generation {
        return Verdict::Pending(istio(&[
            "has seen generation ",
            &decimal(observed),
            " of ",
            &decimal(service.generation),
        ]));
    }
    match condition.status.as_str() {
        "True" => Verdict::Verified,
        status => {
            let separator = if condition.message.is_empty() { "" } else { ": " };
            Verdict::Pending(istio(&["says Reconciled=", status, separator, &condition.message]))
        }
    }
}
