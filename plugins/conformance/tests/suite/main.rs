//! The suite from the outside: each check can fail, and an honest router passes all of them.
#![forbid(unsafe_code)]
// The allowances for tests in clippy.toml do not reach helper functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod fixtures;
mod flaws;
mod split;
