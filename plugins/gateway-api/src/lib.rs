//! Router plugin for the Gateway API
#![forbid(unsafe_code)]
