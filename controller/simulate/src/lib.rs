//! The real controller and the real plugins against the in-memory cluster, in virtual time.
//!
//! [`Driver`] connects the sans-IO shell with the cluster; [`play`] tells the story of `tidegate simulate` with
//! it. Nothing here waits, and the same manifests give the same run.
#![forbid(unsafe_code)]

mod driver;
mod frame;
mod line;
pub mod manifests;
mod observer;
mod scenario;

pub use driver::{Driver, Happening};
pub use frame::{Backend, Frame, ReplicaSet, Route, RouterView, Weights};
pub use line::{Ending, Line, RolloutEnding};
pub use scenario::{Scenario, ScenarioError, play};
