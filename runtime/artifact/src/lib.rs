//! A plugin's bytes before anything looks into them: where they are, how many there may be, what they hash to. And the
//! vocabulary for every way in which a plugin cannot be had, whoever finds out.
//!
//! * [`Location`] and [`Source`] say where a plugin is and what it must hash to, [`LimitedSource`] what it may use as well.
//! * [`Artifact`] is bytes with their digest; it exists only when the digest is the pinned one, if one is pinned. A
//!   [`Collector`] makes one of bytes that come in pieces.
//! * [`LoadError`] is a plugin that cannot be had or used: at which [`Stage`], with which [`LoadReason`], and what to do.
//!
//! Knows neither WebAssembly nor networks: the runtime takes artifacts on, fetching them over a network is a crate of its
//! own.
#![forbid(unsafe_code)]

mod artifact;
mod error;
mod limits;
mod location;
mod options;
mod stage;

pub use artifact::{Artifact, Builtins, Collector, read};
pub use error::{LoadError, LoadReason};
pub use limits::Limits;
pub use location::{Location, Source, shown};
pub use options::{LimitedSource, quantity};
pub use stage::Stage;
