//! The manager of plugins, with a driver that only pretends, in virtual time.
#![allow(missing_docs, unreachable_pub, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests, and helpers of tests"
)]

mod chance;
mod configuration;
mod keeping;
mod rig;
mod start;
mod versions;
