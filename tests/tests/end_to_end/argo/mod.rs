//! With Argo Rollouts itself: its CLI against us, and its controller before, beside and after us.

mod cli;
mod exclusion;
mod handover;
mod preflight;
mod shadow;

use tidegate_tests::{Argo, Servers};

/// An Argo controller whose leader election has the times that a test can wait for.
async fn quick_argo(servers: &Servers, namespace: &str) -> Argo {
    Argo::start(servers, namespace, &super::QUICK_ELECTION).await
}
