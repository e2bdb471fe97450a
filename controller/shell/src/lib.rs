//! The controller without I/O: [`Shell::step`] takes an event and answers with effects.
//!
//! It holds the caches, decides which Rollout to look at, runs observe → decide → route → apply → report for
//! it, and keeps what must be remembered between passes. Two drivers carry its effects out: one over a real
//! API server (asynchronous), one over the in-memory cluster (a plain loop). Every collection in it is
//! ordered, so the same events give the same effects.
//!
//! | module | what it holds |
//! |---|---|
//! | `shell` | the shell: events in, effects out |
//! | `cache`, `caches` | what watches reported, and which watches there are |
//! | `index` | which Rollouts an object concerns |
//! | `queue` | which Rollouts are due, and when |
//! | `guard` | one Rollout's turn, walled off from the others |
//! | `pass`, `apply`, `answers` | a pass over one Rollout: what to do first, carrying it out, going on |
//! | `observe`, `workload`, `pods` | what is known about a Rollout |
//! | `evidence` | Experiments and AnalysisRuns: conducting the ones, taking the measurements of the others |
//! | `job` | asking a router; taking a measurement |
//! | `plugins`, `choice` | the configured plugins; which version of one a Rollout uses |
//! | `record`, `pins` | what a Rollout in flight records of that; what all of them have recorded |
//! | `partings`, `release` | giving back what routers wrote: of those that are not used any more; of a whole Rollout |
//! | `leftover_services` | Services that no Rollout has any more |
//! | `routing`, `sight` | how far each router is, from answers, objects and writes |
//! | `conflict` | two Rollouts that claim the same |
//! | `reference_grants` | whether another namespace agrees |
//! | `fence`, `requests` | reading one's own writes; one write per object at a time |
//! | `few` | sets of one or two |
//! | `repair` | how often somebody's change of a route is undone |
//! | `shadow` | telling what would be written instead of writing it |
//! | `status`, `rbac`, `unknown_fields` | what is written on the Rollout |
//! | `memory` | what is remembered of a Rollout, all of which can be lost |
//!
//! # What always holds
//!
//! * Nothing is sent unless this process leads, and no write ever by a shadow. Watches and caches go on always.
//! * At most one pass of a Rollout is under way, and at most one write of an object.
//! * A Rollout is decided only on caches that show what was last written for it.
//! * Nothing that matters lives only here: a new shell on the same cluster arrives at the same decisions.
//! * A panic while a Rollout is looked at concerns that Rollout alone.
#![forbid(unsafe_code)]

mod answers;
mod apply;
mod cache;
mod caches;
mod choice;
mod conflict;
mod effect;
mod event;
mod evidence;
mod fence;
mod few;
mod fingerprint;
mod guard;
mod index;
mod job;
mod leftover_services;
mod memory;
mod name;
mod observe;
mod packed;
mod partings;
mod pass;
mod pins;
mod plugins;
mod pods;
mod queue;
mod rbac;
mod record;
mod reference_grants;
mod release;
mod repair;
mod requests;
mod routing;
mod settings;
mod shadow;
mod shell;
mod sight;
mod status;
mod unknown_fields;
mod version;
mod workload;

pub use effect::{Effect, KubernetesEvent, Report};
pub use event::{Event, Now, RequestId, Unwatchable, WatchKey};
pub use job::{MeasureJob, RouteAnswer, RouteJob};
pub use plugins::{Plugin, PluginState, PluginVersion, Plugins};
pub use rbac::guess_plural;
pub use routing::camel_case as problem_reason;
pub use settings::{Assess, Conduct, Decide, Deciders, Ending, Settings, Timing};
pub use shadow::{IntendedWrite, Intention};
pub use shell::Shell;
