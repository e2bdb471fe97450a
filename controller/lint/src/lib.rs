//! What is wrong with manifests, found before anything acts on them.
//!
//! [`lint`] asks those who will act on them: the state machine ([`tidegate_core::problems`], which the condition
//! `InvalidSpec` comes from), each router (whether its configuration is right, and what it can do with it), and then the
//! controller itself, which runs for a moment over the in-memory cluster with these objects: so routers look for their
//! routes among them. To that comes what no controller can see any more, because an API server leaves it out:
//! misspelled fields and keys that are there twice.
//!
//! No I/O, no time, no randomness: the same texts give the same findings.
//!
//! | module | what it holds |
//! |---|---|
//! | `finding` | what is found |
//! | `document`, `lines`, `path` | manifests and the places where their fields stand |
//! | `fields` | misspelled fields |
//! | `analyses` | templates of analyses, and whether what refers to them can use them |
//! | `remarks` | what works, and may be something else than is meant |
//! | `routers` | asking each router about its configuration |
//! | `trial` | the controller over the in-memory cluster, for a moment |
//! | `linter` | all of it |
#![forbid(unsafe_code)]

mod analyses;
mod document;
mod fields;
mod finding;
mod lines;
mod linter;
mod path;
mod remarks;
mod routers;
mod trial;

pub use finding::{Finding, Severity};
pub use linter::{Scope, Text, lint};
