//! The shell on the in-memory cluster, in virtual time: whole canaries, and what can go wrong with them.
#![forbid(unsafe_code)]
// The allowances for tests in clippy.toml do not reach helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::similar_names, clippy::result_large_err)]
#![allow(clippy::needless_pass_by_value, reason = "manifests are written where they are passed")]

mod canary;
mod chaos;
mod crashes;
mod elsewhere;
mod evidence;
mod features;
mod intents;
mod manifests;
mod metadata;
mod outage;
mod panics;
mod plugins;
mod release;
mod restart;
mod rig;
mod router;
mod routes;
mod several;
mod shadow;
mod shared;
mod store;
mod storms;
mod traces;
mod versions;
mod watches;
mod workload;
mod writes;
