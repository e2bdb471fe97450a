//! One pass of one router: asks the plugin what should be, applies its answer in memory, refuses what it may
//! not do, and says what to write. Pure, given a plugin: the same input gives the same answer.
//!
//! `locate` rounds → `route` → apply in memory → guard → `route` again on the result (must change nothing) →
//! JSON Patches that test what they change.
#![forbid(unsafe_code)]

mod pass;

pub use pass::{Answer, ObjectWrite, Pass, Purpose, Refusal, Routed};
