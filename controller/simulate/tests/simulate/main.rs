//! Whole simulations: the real controller on the in-memory cluster, with the Gateway API plugin as a plain library.
#![forbid(unsafe_code)]

mod bad_input;
mod canary;
mod native;
mod story;
