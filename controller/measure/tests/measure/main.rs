//! Measuring at servers on this machine that behave well, and badly.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod connections;
mod failures;
mod prometheus;
mod rig;
mod tls;
mod web;
