//! Everything that crosses crates.
#![forbid(unsafe_code)]

mod end_to_end;
