//! `assess`, carried out with scripted providers: what becomes of a run, and what must hold whatever it looks like.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    clippy::needless_pass_by_value
)]

mod documentation;
mod ending;
mod jobs;
mod limits;
mod player;
mod properties;
mod schedule;
mod secrets;
