//! Which router plugins are configured and what became of them, without I/O: [`Manager::step`] takes an event and answers
//! with effects.
//!
//! Plugins are configured in three places: `RouterPlugin` resources, the ConfigMap that Argo Rollouts has for it, and flags.
//! The manager merges them into a catalogue, has each plugin loaded, keeps the version that serves when a newer one fails,
//! keeps older versions for Rollouts that began with them, and says what is wrong on whatever configured it. The shell is told
//! of the outcome as [`Plugins`](tidegate_shell::Plugins); it never waits for a plugin.
//!
//! ```text
//! resources, ConfigMap, flags ─► catalogue ─► manager ─► Effect::Plugins ─► shell
//!                                              │    ▲
//!                                  Effect::Load▼    │Event::Loaded
//!                                     fetch, check, compile (the driver)
//! ```
//!
//! # What always holds
//!
//! * One plugin that cannot be had does not concern another.
//! * A version serves until a newer one is ready, whatever becomes of the newer one; unless it is revoked.
//! * Nothing is written unless this process leads; every process loads.
//! * What runs was pinned: by the resource, the ConfigMap or the flag, or it is part of this binary.
#![forbid(unsafe_code)]

mod argo;
mod catalogue;
mod effect;
mod event;
mod gate;
mod keeping;
mod loading;
mod managed;
mod manager;
mod names;
mod offer;
mod problem;
mod resource;
mod review;
mod schedule;
mod settings;
mod source;
pub mod status;
pub mod store;
mod wanted;
mod writing;

pub use argo::ARGO_CONFIG;
pub use argo::parse as parse_argo_config;
pub use catalogue::{Catalogue, merge};
pub use effect::{AccessQuestion, Effect, Gate, LoadJob, Report, StoreJob};
pub use event::{Access, Event, KindAccess, LoadId, Loaded, StoredEntry, StoredSize};
pub use keeping::TOO_LARGE;
pub use manager::Manager;
pub use problem::ConfigProblem;
pub use resource::parse as parse_resource;
pub use resource::router_plugins;
pub use settings::{ManagerSettings, ManagerTiming};
pub use source::{ConfigMapSource, HeaderSource, KeyKind, KeyRef, Source, WebSource};
pub use wanted::{FailurePolicy, Origin, Wanted};
