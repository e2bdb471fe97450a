//! Against a real API server; started by `cargo xtask test`, which also says how to leave these out.

mod analysis;
mod argo;
mod background_analysis;
mod bad_input;
mod canary;
mod conformance;
mod contested;
mod documented;
mod experiment_step;
mod hostile;
mod managed_routes;
mod operations;
mod plan;
mod plugins;
mod pod_restart;
mod read_only;
mod release;
mod restarts;
mod routers;
mod shared;
mod workload_ref;

use tidegate_tests::Controller;

/// Times of the leader election that a test can wait for; as multiples of each other those of production.
pub(crate) const QUICK_ELECTION: [&str; 3] = [
    "--leader-election-lease-duration=3s",
    "--leader-election-renew-deadline=2s",
    "--leader-election-retry-period=500ms",
];

/// Whether this controller holds the lease.
pub(crate) fn leads(controller: &Controller) -> bool {
    controller.metrics().lines().any(|line| line == "tidegate_leader 1")
}
