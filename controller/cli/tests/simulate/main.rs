//! `tidegate simulate` as users run it: the binary, its output, its exit status.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// In tests a plain expression counts for more than an allocation.
#![allow(clippy::format_push_string, clippy::format_collect)]

mod bad_arguments;
mod command;
mod examples;
mod output;
mod plugins;
mod routers;
