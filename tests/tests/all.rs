//! Everything that crosses crates.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// In tests a plain expression counts for more than an allocation.
#![allow(clippy::format_push_string, clippy::format_collect)]

mod deploy;
mod end_to_end;
mod languages;
mod lockdown;
mod new_plugin;
