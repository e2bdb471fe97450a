//! `decide`, carried out in a small world: what happens to a Rollout, and what must hold whatever happens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    clippy::needless_pass_by_value
)]

mod analysis;
mod analysis_states;
mod anti_affinity;
mod canary;
mod checks;
mod cluster;
mod conditions;
mod deadline;
mod events;
mod evidence;
mod evidence_properties;
mod experiment_states;
mod experiments;
mod faults;
mod features;
mod handed_over;
mod managed;
mod manifests;
mod metadata;
mod outage;
mod phase_table;
mod phases;
mod ping_pong;
mod properties;
mod restart;
mod rollback;
mod scaling;
mod several;
mod skipping;
mod stable_scale;
mod threshold;
mod updates;
mod workload;
mod worlds;
