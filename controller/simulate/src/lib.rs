//! The real controller and the real plugins against the in-memory cluster, in virtual time
#![forbid(unsafe_code)]
