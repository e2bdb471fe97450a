//! The harness of the end-to-end tests: a real API server with etcd and the real ReplicaSet controller, a
//! stand-in kubelet and a stand-in gateway, and the `tidegate` binary run as the service account of `deploy/`.
//!
//! One set of servers serves the whole test program; each test has a namespace and an instance id of its own,
//! so tests run side by side. What is missing makes a test fail and say how to get it; nothing is skipped.
#![forbid(unsafe_code)]
// The harness of tests is test code: what goes wrong in it should end the test, with its text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod admin;
mod argo;
mod assets;
mod confined;
mod controller;
mod crds;
mod fixture;
mod gateway;
mod kubelet;
mod pki;
mod planner;
mod quick_start;
mod reaper;
mod rights;
mod servers;
mod wait;

pub use admin::Admin;
pub use argo::{Argo, argo_cli};
pub use controller::{Controller, Probe, tidegate};
pub use fixture::{Fixture, WEIGHTS};
pub use planner::Planner;
pub use quick_start::QuickStart;
pub use rights::let_read;
pub use servers::{Servers, base64, servers};
pub use wait::eventually;
