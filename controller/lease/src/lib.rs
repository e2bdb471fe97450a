//! Leader election on a `coordination.k8s.io/v1` Lease, by the rules of client-go's `leaderelection`, without
//! any I/O: [`Elector::step`] is told what happened and says what to do.
//!
//! Never two leaders, as long as monotonic clocks of two machines run at about the same speed. Calendar clocks
//! may say anything:
//!
//! * A record is expired when *this process* has seen it unchanged for its lease duration, by its own monotonic
//!   clock. The times in a record are for people.
//! * A term counts from when the request that renewed it was *sent*, which is before anybody can have seen the
//!   new record; it ends by itself [`Config::renew_deadline`] later, also when this process was stopped
//!   meanwhile. That is earlier than anybody else takes over, so whoever asks [`Elector::is_leading`] before
//!   each write never writes under somebody else's term.
//! * Every write of the Lease carries the resource version of the record it was decided on; of two that take
//!   over at once, one gets a conflict.
//! * A request without an answer may have been carried out, also later. What is found then counts only if it is
//!   a record that this process wrote, and from when that was sent. The own name in a record is no proof: two
//!   processes may have been given the same one.
//!
//! A Lease that somebody deletes is the one thing that cannot be told from none: whoever saw it before waits as
//! for a holder that went silent, but a process that starts at that moment takes it at once.
#![forbid(unsafe_code)]

mod config;
mod elector;
mod exchange;
mod record;

pub use config::{Config, ConfigError};
pub use elector::Elector;
pub use exchange::{LeaseEffect, LeaseEvent, RequestId, Term};
