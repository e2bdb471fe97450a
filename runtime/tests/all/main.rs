//! Integration tests of the runtime: guests written by hand, mostly ill-behaved ones.
#![allow(missing_docs, unreachable_pub, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "tests, and helpers of tests"
)]

mod answers;
mod arguments;
mod determinism;
mod guest;
mod hostile;
mod imports;
mod loading;
mod wasi;
