//! Whole simulations: the real controller on the in-memory cluster, with the Gateway API plugin as a plain library.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod analysis;
mod bad_input;
mod canary;
mod metrics;
mod shared;
mod story;
