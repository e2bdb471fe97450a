//! Seeds in which everything holds, wrong variants that are caught, and runs that repeat themselves to the letter.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod mutants;
mod scenarios;
mod seeds;
