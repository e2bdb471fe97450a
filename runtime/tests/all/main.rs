//! Integration tests of the runtime: guests written by hand, mostly ill-behaved ones.
#![allow(missing_docs, unreachable_pub, reason = "tests")]

mod answers;
mod arguments;
mod artifacts;
mod determinism;
mod guest;
mod hostile;
mod imports;
mod loading;
mod wasi;
