//! Loads router plugins (WebAssembly components) and calls them in a sandbox. Knows WebAssembly, knows no
//! Kubernetes.
//!
//! ```text
//! Source ─► Artifact ──────────────► Runtime::load ─────────────────────────────► Plugin ─► Session
//! text      bytes, capped and        what is it? → component checks →             a Router  a sandbox
//!           hashed while read        imports and exports against the world →
//!                                    compile → start → describe
//! ```
//!
//! * [`Source`] and [`Location`] say where a plugin comes from, [`LimitedSource`] what it may use as well; [`Artifact`] is its bytes with their digest.
//! * [`Runtime::load`] takes bytes through the stages. Each [`Stage`] fails with its own [`LoadReason`], a message
//!   and a remedy.
//! * [`Plugin`] implements [`Router`](tidegate_contract::Router). Each of its sessions is a fresh sandbox with
//!   bounded memory, CPU, output, handles and stack; each way a call can end is a
//!   [`FaultReason`](tidegate_contract::FaultReason).
//!
//! What a guest can reach is decided when it is linked: its own memory, and one inert, deterministic WASI of ours
//! (the `wasi` module). There are no grants: this crate can do nothing on a plugin's behalf.
#![forbid(unsafe_code)]

mod engine;
mod error;
mod fault;
mod inspect;
mod interface;
mod limits;
mod load;
mod plugin;
mod recognise;
mod sandbox;
mod stage;
mod ticker;
mod v0_1;
mod wasi;

pub use engine::{Allocation, Runtime, RuntimeSettings};
pub use error::RuntimeError;
pub use inspect::{Inspection, Item};
pub use interface::served_interfaces;
pub use plugin::Plugin;
pub use sandbox::{Sandbox, Usage};
pub use stage::{Passed, StageReport};
/// The words in which loading is spoken about.
pub use tidegate_artifact::{
    Artifact, Builtins, LimitedSource, Limits, LoadError, LoadReason, Location, Source, Stage, read,
};
