//! A plugin that is ready.

use std::sync::Arc;

use tidegate_contract::{Description, Digest, Fault, Router, Session};

use crate::engine::Shared;
use crate::sandbox::Sandbox;
use crate::v0_1::Prepared;
use tidegate_artifact::Limits;

/// A plugin that is ready: compiled, linked, and known to start and to say what it is.
pub struct Plugin {
    pub(crate) shared: Arc<Shared>,
    pub(crate) interface: Prepared,
    pub(crate) limits: Limits,
    pub(crate) digest: Digest,
    pub(crate) origin: String,
    pub(crate) description: Description,
}

impl Plugin {
    /// One fresh sandbox. What [`Router::session`] gives, with what it used.
    ///
    /// # Errors
    /// When there is no room for it, or the plugin fails while it starts.
    pub fn sandbox(&self) -> Result<Sandbox<'_>, Fault> {
        Sandbox::start(self)
    }

    /// What its sandboxes may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where its bytes came from, for people.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Router for Plugin {
    fn description(&self) -> &Description {
        &self.description
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        Ok(Box::new(self.sandbox()?))
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.description.name)
            .field("version", &self.description.version)
            .field("digest", &self.digest)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
