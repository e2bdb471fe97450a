//! `tidegate plugin` as authors use it, and the built-in plugins under the conformance suite.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// In tests a plain expression counts for more than an allocation.
#![allow(clippy::format_push_string, clippy::format_collect)]

mod builtins;
mod command;
mod inspect;
mod new;
mod test;
