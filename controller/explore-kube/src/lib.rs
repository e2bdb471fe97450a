//! Seeds through the kube driver: what `tidegate-explore` decides by a seed (Rollouts, what people do, what goes wrong) happens
//! to the real stack: the loop, watches, requests, events and lease of [`tidegate_kube`], through HTTP on loopback, against
//! the in-memory cluster's server.
//!
//! Each seed has a runtime of one thread whose time is paused: it passes only while everybody waits, so that hours go by in a
//! second. What happens, and when, is the seed's. What comes of it is not the same to the bit in each run, because sockets,
//! random delays between tries, and the threads on which plugins compute take part; a seed that fails once is likely, not
//! certain, to fail again. The simulation of `tidegate-explore` is exact, much faster, and checks every write. This one
//! shows that the parts which that leaves out (HTTP, decoding, pages, bookmarks, reconnecting, time limits, the lease)
//! bring a system through the same troubles: in the end everything is where it should be, and silent.
//!
//! Of the faults, plugins are not slow, watches are held, cut and expired for all controllers at once, and who leads is decided
//! by the lease alone. Whatever is measured is measured by Jobs.
#![forbid(unsafe_code)]

mod controllers;
mod fates;
mod play;

use std::time::Duration;

use tidegate_explore::Plan;
use tidegate_shell::Decide;

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What is not as it should be; nothing: all is well.
    pub wrong: Option<String>,
    /// How long it took in virtual time.
    pub elapsed: Duration,
    /// Requests of controllers, watches and the lease included.
    pub requests: u64,
    /// What happened, in order of time.
    pub trace: Vec<String>,
}

/// Runs a plan with this function deciding.
///
/// # Errors
/// When the system does not give a socket or a runtime.
pub fn run(plan: &Plan, decide: Decide) -> std::io::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    runtime.block_on(play::play(plan, decide))
}
