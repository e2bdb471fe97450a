//! From bytes to a plugin that is ready, stage by stage.

use std::sync::Arc;
use std::time::Instant;

use tidegate_contract::text::printable;
use tidegate_contract::{Description, Fault, FaultReason, Router as _};
use wasmtime::component::Component;

use crate::engine::{Runtime, Shared};
use crate::inspect::{self, Inspection};
use crate::interface;
use crate::limits;
use crate::plugin::Plugin;
use crate::recognise::recognise;
use crate::stage::{Passed, StageReport};
use crate::v0_1::Prepared;
use tidegate_artifact::Artifact;
use tidegate_artifact::Limits;
use tidegate_artifact::Stage;
use tidegate_artifact::{LoadError, LoadReason};

impl Runtime {
    /// Takes a plugin's bytes through all stages after reading; `progress` is told of each one as it passes, reading and
    /// hashing included. What the plugin may use, now and later, is said by `limits`.
    ///
    /// Takes tens to hundreds of milliseconds of CPU, so run it off the async workers. Several at once are fine; compiling
    /// is done one after the other.
    ///
    /// # Errors
    /// The first stage that fails, why, and what to do.
    pub fn load(
        &self,
        artifact: &Artifact,
        limits: &Limits,
        progress: &mut dyn FnMut(Stage, &StageReport),
    ) -> Result<Arc<Plugin>, LoadError> {
        let mut progress = Progress { tell: progress, since: Instant::now() };
        let bytes = artifact.bytes();
        let read = Passed::Read {
            origin: artifact.origin().to_owned(),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        };
        (progress.tell)(Stage::Read, &StageReport { elapsed: artifact.read_time(), passed: read });
        let hashed = Passed::Digest { digest: artifact.digest(), pinned: artifact.is_pinned() };
        (progress.tell)(Stage::Digest, &StageReport { elapsed: artifact.hash_time(), passed: hashed });

        recognise(bytes)?;
        progress.passed(Stage::Recognise, Passed::Recognise);

        let found = inspect::inspect(bytes, self.shared.engine.get_wasm_features(), limits)?;
        progress.passed(Stage::Validate, Passed::Validate(found.clone()));

        let interface = interface::check(&found, &self.shared.functions)?;
        progress.passed(Stage::Interface, Passed::Interface { interface });

        let (component, code_bytes) = compile(&self.shared, bytes)?;
        let prepared = link(&self.shared, &component, interface)?;
        progress.passed(Stage::Compile, Passed::Compile { code_bytes });

        let mut plugin = Plugin {
            shared: Arc::clone(&self.shared),
            interface: prepared,
            limits: limits.clone(),
            digest: artifact.digest(),
            origin: artifact.origin().to_owned(),
            description: NOT_YET_DESCRIBED,
        };
        plugin.description = start(&plugin, &mut progress, interface)?;
        let described = Passed::Describe {
            name: plugin.description.name.clone(),
            version: plugin.description.version.clone(),
        };
        progress.passed(Stage::Describe, described);
        tracing::debug!(plugin = %plugin.description.name, digest = %plugin.digest(), "plugin ready");
        Ok(Arc::new(plugin))
    }

    /// What a plugin is made of, imports and exports, without compiling or starting it. Also for components that are no
    /// plugins of this host.
    ///
    /// # Errors
    /// `NotWasm`, `NotAComponent`, `Precompiled`, `Malformed`, `LimitExceeded`.
    pub fn inspect(&self, artifact: &Artifact, limits: &Limits) -> Result<Inspection, LoadError> {
        recognise(artifact.bytes())?;
        inspect::inspect(artifact.bytes(), self.shared.engine.get_wasm_features(), limits)
    }
}

const NOT_YET_DESCRIBED: Description = Description {
    name: String::new(),
    version: String::new(),
    features: Vec::new(),
    kinds: Vec::new(),
    config_schema: String::new(),
    settings_schema: String::new(),
    annotations: Vec::new(),
};

/// Tells of stages, and times them.
struct Progress<'a> {
    tell: &'a mut dyn FnMut(Stage, &StageReport),
    since: Instant,
}

impl Progress<'_> {
    fn passed(&mut self, stage: Stage, passed: Passed) {
        let elapsed = self.since.elapsed();
        (self.tell)(stage, &StageReport { elapsed, passed });
        self.since = Instant::now();
    }
}

fn compile(shared: &Shared, bytes: &[u8]) -> Result<(Component, usize), LoadError> {
    let fail = |error: wasmtime::Error| {
        LoadError::new(
            Stage::Compile,
            LoadReason::CompileFailed,
            format!("the component cannot be compiled: {}", printable(&format!("{error:#}"), 800)),
            "build it again with a current toolchain; if it stays so, please report it with the file",
        )
    };
    let component = {
        let _one_at_a_time = shared.compiling();
        Component::from_binary(&shared.engine, bytes).map_err(fail)?
    };
    // Now, so that the first call does not pay for it.
    component.initialize_copy_on_write_image().map_err(fail)?;

    let code = component.image_range();
    let code_bytes = (code.end as usize).saturating_sub(code.start as usize);
    let too_much = |what: String| {
        LoadError::new(
            Stage::Compile,
            LoadReason::LimitExceeded,
            format!("the component has {what}"),
            "build it as one module instead of a composition of many",
        )
    };
    let Some(needed) = component.resources_required() else {
        return Err(too_much("core modules that come from outside".into()));
    };
    if needed.num_memories > limits::MEMORIES {
        return Err(too_much(format!(
            "{} memories, and {} are allowed",
            needed.num_memories,
            limits::MEMORIES
        )));
    }
    if needed.num_tables > limits::TABLES {
        return Err(too_much(format!("{} tables, and {} are allowed", needed.num_tables, limits::TABLES)));
    }
    Ok((component, code_bytes))
}

fn link(shared: &Shared, component: &Component, interface: &str) -> Result<Prepared, LoadError> {
    let incompatible = |message: String| {
        LoadError::new(
            Stage::Interface,
            LoadReason::IncompatibleInterface,
            message,
            "build it against the WIT files of the versions that it names",
        )
    };
    // Names are checked by now; what is left are the types.
    let pre = shared.linker.instantiate_pre(component).map_err(|error| {
        let error = printable(&format!("{error:#}"), 800);
        incompatible(format!("the component imports something with other types than it has here: {error}"))
    })?;
    Prepared::new(pre).ok_or_else(|| incompatible(format!("the component exports {interface} incompletely")))
}

/// Starts the plugin and asks it what it is.
fn start(plugin: &Plugin, progress: &mut Progress<'_>, interface: &str) -> Result<Description, LoadError> {
    let mut sandbox = plugin.sandbox().map_err(|fault| failed(Stage::Start, &fault))?;
    sandbox.check_types().map_err(|(function, error)| {
        LoadError::new(
            Stage::Interface,
            LoadReason::IncompatibleInterface,
            format!(
                "the component exports {function} of {interface} with other types than the interface has: {}",
                printable(&format!("{error:#}"), 800)
            ),
            "build it against the WIT files of that very version",
        )
    })?;
    let usage = sandbox.usage();
    progress.passed(Stage::Start, Passed::Start { fuel: usage.fuel, memory_bytes: usage.memory_bytes });
    sandbox.describe().map_err(|fault| failed(Stage::Describe, &fault))
}

fn failed(stage: Stage, fault: &Fault) -> LoadError {
    let (reason, hint) = match fault.reason {
        FaultReason::HostBusy | FaultReason::HostFault => {
            (LoadReason::HostFault, "not the plugin's fault: try again, and see the log of this process")
        }
        FaultReason::OutOfFuel
        | FaultReason::DeadlineExceeded
        | FaultReason::MemoryLimit
        | FaultReason::StackOverflow
        | FaultReason::OutputTooLarge
        | FaultReason::HandleLimit => {
            (LoadReason::LimitExceeded, "make the plugin need less, or raise its limit of what it ran out of")
        }
        _ => (LoadReason::StartFailed, "ask the plugin's author, and show what it said"),
    };
    let doing = match stage {
        Stage::Describe => "when it was asked what it is",
        _ => "while it started",
    };
    let mut message = format!("the plugin failed {doing}: {}: {}", fault.reason, fault.message);
    if !fault.last_words.is_empty() {
        message.push_str("\nits last words:\n");
        message.push_str(&fault.last_words);
    }
    LoadError::new(stage, reason, message, hint)
}
