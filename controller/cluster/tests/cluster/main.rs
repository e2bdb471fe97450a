//! The cluster as its users see it: requests in, answers out, and what happens as time passes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test that is how something wrong shows, in its helpers too"
)]
#![allow(clippy::needless_pass_by_value, reason = "manifests are written where they are passed")]

mod definitions;
mod deletion;
mod gateway;
mod jobs;
mod metadata;
mod patches;
mod pods;
mod properties;
mod replica_sets;
mod schemas;
mod support;
mod watches;
mod writes;
