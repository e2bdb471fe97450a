//! Candidates and a Lease: one by one, and many with everything that can go wrong.
#![forbid(unsafe_code)]
// The allowances for tests in clippy.toml do not reach helper functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod rules;
mod simulation;
mod store;
