//! What the targets share: objects that are right, and edits that make them wrong anywhere.
//!
//! Bytes as JSON text rarely get past the first brace, and then say nothing that a controller looks at. So the bytes choose: one of a
//! few worlds as they are in practice, places in it, and what stands there instead. Every input is JSON that the API server might hold.
#![forbid(unsafe_code)]

mod edits;
mod worlds;

pub use edits::{disturbed, moment};
pub use worlds::{Disturbed, experiment_world, rollout_world, world};
