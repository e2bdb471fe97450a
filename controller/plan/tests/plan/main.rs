//! Plans of a small app: what is in them, that they are what happens, and that nothing is written.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test that is how something wrong shows, in its helpers too"
)]

mod files;
mod live;
mod support;
