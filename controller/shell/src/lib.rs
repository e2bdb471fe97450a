//! The controller without I/O: step(event) -> effects
#![forbid(unsafe_code)]
