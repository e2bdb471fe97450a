//! Everything that can be at a location instead of a plugin, served on this machine, and what `tidegate plugin check` says
//! about it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod artifacts;
mod cases;
mod command;
mod documentation;
mod house;
mod served;
