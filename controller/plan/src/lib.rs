//! What an update of a Rollout would write, step by step, worked out without writing anything.
//!
//! The real controller and the real plugins run over the in-memory cluster, which is seeded with the objects as they are:
//! those of files, or those that a [`Source`] reads from a live cluster. Time is virtual, pauses are promoted, pods get
//! ready and gateways take what is written. What the controller writes on the way is the plan.
//!
//! A plan writes nothing by construction: a source can only be asked for lists, and this crate has nothing that could send
//! a request anywhere.
//!
//! | module | what it holds |
//! |---|---|
//! | `input`, `live` | what is planned, and reading what a live cluster has |
//! | `stage`, `apply` | the in-memory cluster with the objects as they are |
//! | `planner` | the run |
//! | `fold` | the writes of the run, by the step of the canary that they belong to |
//! | `difference` | what becomes of each field of an object |
//! | `output` | the plan |
#![forbid(unsafe_code)]

mod apply;
mod difference;
mod fold;
mod input;
mod live;
mod output;
mod planner;
mod stage;

pub use difference::{FieldChange, difference};
pub use input::{Action, Input, PlanError};
pub use live::{Listing, LiveError, Source, SourceError, plan_live};
pub use output::{ObjectChange, Plan, RolloutPlan, Section, Verb, Weights};
pub use planner::plan;
