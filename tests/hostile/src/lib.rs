//! Router plugins that misbehave, as real components, each with how it must end.
//!
//! [`zoo`] is the table: what a kind of plugin does, and whether it is not loaded, fails, is refused, has a problem, or
//! does no harm at all. The tests of this crate take every kind through the runtime and the host's checks, one by one, and
//! all at once through the controller beside a Rollout that has a good plugin.
//!
//! There are two families. What goes against the sandbox is written in WebAssembly's text around a [`Guest`] that answers
//! rightly otherwise, with answers laid out by hand ([`Value`]). What goes against the host's checks is done by one plugin
//! that was written with the SDK, in `guest/`, which misbehaves as its configuration says.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    reason = "what makes components for tests says by a panic that it was used wrongly, and may take its time"
)]

mod component;
mod guest;
mod router;
mod value;
mod zoo;

pub use component::{ROUTER, component, dummy, dummy_alone};
pub use guest::{DATA, Guest, NOTHING};
pub use router::{Description, router};
pub use value::Value;
pub use zoo::{Component, Ends, Hostile, Question, zoo};
