//! `tidegate simulate` as users run it: the binary, its output, its exit status.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bad_arguments;
mod command;
mod examples;
mod guest;
mod output;
mod plugins;
