//! `conduct`, carried out in a small world: what becomes of an Experiment, and what must hold whatever it looks like.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    clippy::needless_pass_by_value
)]

mod analyses;
mod life;
mod player;
mod properties;
