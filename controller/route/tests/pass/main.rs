//! A pass from the outside: a plugin made of closures in, an answer out.
#![forbid(unsafe_code)]
// The allowances for tests in clippy.toml do not reach helper functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::result_large_err, clippy::type_complexity, clippy::similar_names)]

mod elements;
mod grants;
mod guard;
mod harmless;
mod own;
mod patches;
mod plugin;
mod properties;
mod steps;
