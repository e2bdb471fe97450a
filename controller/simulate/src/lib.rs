//! The real controller and the real plugins against the in-memory cluster, in virtual time.
//!
//! [`Driver`] connects the sans-IO shell with the cluster; [`play`] tells the story of `tidegate simulate` with
//! it. Nothing here waits, and the same manifests give the same run.
//!
//! | module | what it holds |
//! |---|---|
//! | `manifests` | reading what users wrote |
//! | `scenario`, `objects`, `changes`, `player` | the story: what is applied, what is done later, and how long it goes on |
//! | `driver` | the shell's effects, carried out on the cluster in virtual time |
//! | `metrics` | what the providers of metrics answer, as a file says it |
//! | `journal` | what was written on the way, with the objects before and after |
//! | `observer`, `frame`, `evidence`, `told`, `line` | what is told |
#![forbid(unsafe_code)]

mod backends;
pub mod changes;
mod driver;
mod evidence;
mod frame;
mod journal;
mod line;
pub mod manifests;
pub mod metrics;
pub mod objects;
mod observer;
mod player;
mod scenario;
mod told;

pub use driver::{Driver, Happening};
pub use evidence::{Analysis, Evidence, Experiment, Measured, Template};
pub use frame::{Backend, Frame, ReplicaSet, Route, RouterView, Weights};
pub use journal::Write;
pub use line::{Alone, Ending, Line, RolloutEnding, Stopped, Subject};
pub use player::{Player, patch_of};
pub use scenario::{Scenario, ScenarioError, patience, play};
