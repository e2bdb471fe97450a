//! Drives the shell with a real Kubernetes API server.
//!
//! The shell decides, this crate does: watches, requests, questions to router plugins, leader election, probes,
//! metrics and an orderly end. It holds no opinion about Rollouts; what it must get right is that every report
//! reaches the shell, that every request is answered once, and that nothing is written without the lease.
#![forbid(unsafe_code)]

mod access_review;
mod api;
mod backoff;
mod client;
mod clock;
mod discovery;
mod driver;
mod events;
mod frames;
mod health;
mod inspector;
mod jobs;
mod leadership;
mod lease;
mod list;
mod measuring;
mod metrics;
mod options;
mod plugins;
mod probes;
mod reader;
mod report;
mod request;
mod run;
mod shadow;
mod stack;
mod stand_by;
#[cfg(test)]
mod testing;
mod uninstall;
mod watch;
mod watches;

pub use api::Api;
pub use client::{ConnectError, Connection};
pub use clock::Clock;
pub use inspector::Inspector;
pub use options::{Election, Options, Shadow};
pub use plugins::{InUse, LoadedPlugin, Loader};
pub use reader::{Listed, Reader};
pub use run::{RunError, run, uninstall};
pub use stack::Stack;
pub use tidegate_handover::Patience;
pub use uninstall::{Closing, Left, Progress};
