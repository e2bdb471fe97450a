//! The controller without I/O: [`Shell::step`] takes an event and answers with effects.
//!
//! It holds the caches, decides which Rollout to look at, runs observe → decide → route → apply → report for
//! it, and keeps what must be remembered between passes. Two drivers carry its effects out: one over a real
//! API server (asynchronous), one over the in-memory cluster (a plain loop). Every collection in it is
//! ordered, so the same events give the same effects.
#![forbid(unsafe_code)]

mod effect;
mod event;

pub use effect::{Effect, KubernetesEvent, Report, RouteJob};
pub use event::{Event, Now, PluginState, RequestId, Unwatchable, WatchKey};
