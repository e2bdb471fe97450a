//! Experiments: pods of several templates run beside each other for a while, with analyses that say what to make of it. Pure, like
//! `decide`: no I/O, no clock, nothing remembered between calls but what the objects carry.
//!
//! # Life of an Experiment
//! Pending until the pods of all templates are available, then Running; its analyses begin then, and so does its duration. It ends
//! when the duration is over (and the analyses that are required are), when all required analyses are good, when a template or an
//! analysis fails, or when somebody terminates it. Its phase is the worst of templates and analyses. After `scaleDownDelaySeconds`
//! the pods go.
//!
//! # From a step
//! [`of_step`] makes the Experiment of a Rollout's step. Its templates are copies of the stable or the canary pods.
//!
//! # Traffic
//! A Rollout may give weight to the Services of an Experiment while it is Running. Two things hold here that do not in Argo
//! Rollouts:
//! - The status names a template's Service only while that exists, belongs to the Experiment and selects the template's pods, so no
//!   destination can be made of a Service that is not there.
//! - Pods are scaled down and Services deleted only once the Experiment is seen to be over and [`World::held`] says that no router
//!   has them any more. What holds a Service is known from the status of the Rollout ([`held`]), where a destination stays until the
//!   routers have verified that it is gone. While that is unknown, nothing is taken away.
#![forbid(unsafe_code)]

mod analyses;
mod conduct;
mod placeholder;
mod services;
mod sets;
mod spec;
mod status;
mod step;
mod time;
mod world;

pub use conduct::conduct;
pub use step::{Step, of_step};
pub use world::{Decision, Note, World, held};
