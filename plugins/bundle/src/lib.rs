//! The router plugins that are built into the binary
#![forbid(unsafe_code)]
