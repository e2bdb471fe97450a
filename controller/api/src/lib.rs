//! The vocabulary of the Kubernetes API, without any I/O: which resources there are, what is asked of a server,
//! what it answers, and what a watch reports.
//!
//! The shell speaks it, and there are two that understand it: the in-memory cluster, by plain function calls,
//! and the kube driver, which turns it into HTTP. Objects are plain JSON values all the way, because a value
//! that was never decoded into a struct cannot lose fields that the struct does not know.
#![forbid(unsafe_code)]

mod error;
pub mod json;
pub mod object;
mod request;
mod resource;
mod watch;

pub use error::{ApiError, Cause};
pub use request::{Body, Operation, Preconditions, Request};
pub use resource::{ObjectKey, Resource, builtin};
pub use watch::WatchEvent;
