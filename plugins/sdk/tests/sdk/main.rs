//! What a plugin's author relies on.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what tests share

mod arena;
mod guard;
mod helpers;
mod json;
mod kit;
mod selectors;
