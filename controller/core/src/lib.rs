//! The rollout state machine: [`decide`] says what a Rollout should be now, given the world as observed.
//!
//! A pure function: no I/O, no clock, no randomness, no `async`. It can be read, tabled, property-tested and
//! simulated. Whoever calls it carries the decision out and calls again with what has become of it; nothing
//! is remembered between calls except what the world itself carries (mostly the Rollout's status).
#![forbid(unsafe_code)]

mod analysis;
mod anti_affinity;
mod basic;
mod capacity;
mod carried;
mod conditions;
mod context;
mod decide;
mod decision;
mod destinations;
mod experiment_step;
mod features;
mod managed;
mod metadata;
mod phase;
mod problems;
mod progress;
mod promotion;
mod release;
mod replicas;
mod restart;
mod revision;
mod roles;
mod rollback;
mod routing;
mod run_history;
mod services;
mod share;
mod stable_scale;
mod status;
mod steps;
mod threshold;
mod time;
mod traffic;
mod verdict;
mod workload;
mod world;
mod writes;

pub use decide::decide;
pub use decision::{Decision, Note, NoteKind};
pub use problems::{Problem, problems};
pub use release::{may_give_back, release, released};
pub use restart::needs_pods;
pub use routing::UNVERIFIED;
pub use world::{Evidence, PLUGIN_LOADING, Pods, RouterReport, RouterState, Routing, Workload, World};
