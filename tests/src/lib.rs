//! What crosses crates: conformance, end to end, hostile plugins
#![forbid(unsafe_code)]
