//! What the shell tells, as log lines.

use tidegate_api::Request;
use tidegate_core::RouterState;
use tidegate_shell::Report;
use tracing::{debug, info, warn};

/// Writes a log line. Passes are many and routine; writes are few and what people look for.
pub(crate) fn log(report: &Report) {
    match report {
        Report::Pass { rollout, status, routing, wake_in } => {
            let phase = status.get("phase").and_then(serde_json::Value::as_str).unwrap_or_default();
            let step = status.get("currentStepIndex").and_then(serde_json::Value::as_i64);
            let routers = routing.iter().flat_map(|routing| &routing.routers);
            for router in routers {
                match &router.state {
                    RouterState::Failed { reason, message }
                    | RouterState::Unavailable { reason, message } => {
                        warn!(%rollout, router = router.router, reason, why = message, "router failed");
                    }
                    RouterState::Waiting { reason, message } => {
                        debug!(%rollout, router = router.router, reason, why = message, "router waits");
                    }
                    RouterState::Verified
                    | RouterState::NotApplicable { .. }
                    | RouterState::Loading { .. } => {}
                }
            }
            debug!(%rollout, phase, step, ?wake_in, "pass ended");
        }
        Report::Wrote { rollout, request } => {
            info!(%rollout, verb = request.verb(), kind = %request.resource.kind, object = object(request), "wrote");
        }
        Report::WriteFailed { rollout, request, error } => {
            warn!(
                %rollout,
                verb = request.verb(),
                kind = %request.resource.kind,
                object = object(request),
                code = error.code,
                reason = error.reason,
                %error,
                "could not write"
            );
        }
        Report::GivenBack { rollout } => info!(%rollout, "nothing is held for it any more"),
        // What differs is told by the shadow's ledger; the driver logs a panic, as an error.
        Report::Intends(_) | Report::Panicked { .. } => {}
    }
}

fn object(request: &Request) -> &str {
    match &request.operation {
        tidegate_api::Operation::Create { object } | tidegate_api::Operation::CreateStrictly { object } => {
            tidegate_api::object::name(object)
        }
        _ => request.name().unwrap_or_default(),
    }
}
