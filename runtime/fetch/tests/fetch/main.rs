//! Fetching from servers on this machine that behave well, and badly.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bodies;
mod proxies;
mod redirects;
mod retries;
mod rig;
mod tls;
