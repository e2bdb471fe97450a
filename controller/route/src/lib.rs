//! One pass of one router: asks the plugin what should be, applies its answer in memory, refuses what it may
//! not do, and says what to write. Pure, given a plugin: the same input gives the same answer, and no answer of
//! a plugin makes it panic.
//!
//! `locate` rounds → `route` → apply in memory → guard → `route` again on the result (must change nothing) →
//! JSON Patches that test what they change. Each step is a module:
//!
//! | module | what it holds |
//! |---|---|
//! | `pass` | the question and its answer |
//! | `run` | the steps in order |
//! | `locate` | which objects are needed, and which may be asked for |
//! | `edit` | a plugin's edits, applied in memory |
//! | [`difference`] | what differs between two JSON values, place by place |
//! | `guard` | which of that a plugin may change |
//! | `permission` | what a plugin describes, less what its operator does not grant |
//! | `ours` | what in other people's objects is the Rollout's |
//! | `own` | the objects that a plugin makes, and what the host gives them |
//! | `shares` | whether the objects give each destination what it should get |
//! | `write` | an RFC 6902 patch that is compare and set |
//! | `apply` | carrying out such patches |
//! | [`pointer`](mod@pointer), [`equal`] | JSON pointers and patterns; equality with numbers by value |
//! | [`selector`] | label selectors |
//!
//! While nothing changes, no object is parsed here: what a pass costs is then the plugin's own time.
#![forbid(unsafe_code)]

mod apply;
mod check;
pub mod difference;
mod edit;
pub mod equal;
mod guard;
mod kinds;
mod limits;
mod locate;
mod ours;
mod own;
mod pass;
mod permission;
pub mod pointer;
mod refusal;
mod run;
pub mod selector;
mod shares;
mod write;

pub use apply::{PatchError, apply, tested_values_hold};
pub use check::check;
pub use own::as_read_back;
pub use pass::{Answer, ObjectWrite, Pass, Purpose, Refusal, Routed, WriteAction};
pub use permission::{Grant, GrantError, Permission, permitted, reaches_other_namespaces};
pub use refusal::reason;
pub use run::run;
pub use write::patch;
