//! What is found in manifests, and that it is what the controller finds.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test that is how something wrong shows, in its helpers too"
)]

mod agreement;
mod analyses;
mod definition;
mod findings;
mod support;
mod workload;
