//! The sandbox, as the controller's manager of plugins uses it.

use tidegate_kube::{LoadedPlugin, Loader};
use tidegate_runtime::{Artifact, Limits, LoadError, Runtime};

/// Makes plugins of bytes.
pub(crate) struct Sandbox {
    /// The engine.
    pub(crate) runtime: Runtime,
}

impl Loader for Sandbox {
    fn builtin(&self, name: &str) -> Option<&'static [u8]> {
        tidegate_bundle::builtin(name)
    }

    fn recognise(&self, artifact: &Artifact, limits: &Limits) -> Result<(), LoadError> {
        self.runtime.inspect(artifact, limits).map(drop)
    }

    fn load(&self, artifact: &Artifact, limits: &Limits) -> Result<LoadedPlugin, LoadError> {
        let mut stages = Vec::new();
        let plugin =
            self.runtime.load(artifact, limits, &mut |stage, report| stages.push((stage, report.elapsed)))?;
        Ok(LoadedPlugin { router: plugin, stages })
    }
}
