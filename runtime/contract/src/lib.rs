//! What a router plugin is asked and what it answers, as plain Rust types: the host side of the WIT package
//! `tidegate:traffic`.
//!
//! Everything between the controller and a plugin passes through these types, so the controller's core and
//! shell depend on them and on nothing of WebAssembly. The published WIT versions each convert to and from
//! them inside the runtime; fields and their meaning are documented in `wit/`, which is the contract.
#![forbid(unsafe_code)]

mod answer;
mod fault;
mod question;
mod router;
pub mod text;

pub use answer::{Change, Description, Edit, ElementUse, KindUse, Outcome, Problem, Share, Verb, Verdict};
pub use fault::{CallError, Fault, FaultReason};
pub use question::{
    Destination, HeaderMatch, Kind, ManagedRoute, Object, ObjectRef, Observation, Query, RequestMatch, Rule,
    RuleAction, Selection, Target, TextMatch, Traffic,
};
pub use router::{Digest, InvalidDigest, Router, Session};
