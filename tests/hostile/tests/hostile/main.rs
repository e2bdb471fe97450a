//! All kinds of plugins that misbehave, through the real sandbox and the real checks.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// In tests a plain expression counts for more than an allocation.
#![allow(clippy::format_push_string, clippy::format_collect)]

mod equal_answers;
mod keeper;
mod one_by_one;
mod table;
mod together;
mod watch;
mod world;
