//! From a location on the command line to a plugin that is ready.

use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use tidegate_runtime::{Artifact, Limits, LoadError, Location, Plugin, Runtime, RuntimeSettings, Source};

use super::{Component, Format};
use crate::web::{self, Patience};

/// A component that cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}; {}", .0.reason, .0.message, .0.hint)]
pub(super) struct CannotLoad(#[from] pub(super) LoadError);

impl Component {
    /// What the plugin may use.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            artifact_bytes: u64::from(self.max_size) << 20,
            memory_bytes: usize::from(self.max_memory) << 20,
            ..Limits::default()
        }
    }

    /// Where the component is.
    pub(super) fn location(&self) -> Result<Location, LoadError> {
        self.location.parse()
    }

    /// The component's bytes.
    pub(super) fn read(&self) -> anyhow::Result<Artifact> {
        let source = Source { location: self.location().map_err(CannotLoad)?, sha256: self.sha256 };
        let artifact = web::read(&source, self.limits().artifact_bytes, &self.web, Patience::Usual);
        Ok(artifact.map_err(CannotLoad)?)
    }

    /// The plugin, ready to be asked.
    pub(super) fn load(&self, runtime: &Runtime) -> anyhow::Result<Arc<Plugin>> {
        let artifact = self.read()?;
        Ok(runtime.load(&artifact, &self.limits(), &mut |_, _| {}).map_err(CannotLoad)?)
    }
}

/// The sandbox's engine.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")
}

/// Says why a command could not be carried out: on standard error, and as the last line of JSON output.
pub(super) fn complain(error: &anyhow::Error, output: Format) {
    let text = super::text::printable(&format!("{error:#}"));
    if output == Format::Json {
        let reason = error.downcast_ref::<CannotLoad>().map(|error| error.0.reason.as_str());
        let fixture = error.downcast_ref::<tidegate_conformance::FixtureError>();
        let reason = reason.or(fixture.map(tidegate_conformance::FixtureError::reason)).unwrap_or("Error");
        anstream::println!("{}", json!({"result": "Error", "reason": reason, "message": text}));
    }
    anstream::eprintln!("error: {text}");
}
