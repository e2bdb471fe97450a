//! Loads plugins and asks them, as the controller does.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tidegate_contract::{Observation, Router as _};
use tidegate_hostile::{Component, Hostile, Question};
use tidegate_route::{Answer, Refusal, check, run};
use tidegate_runtime::{Allocation, Artifact, Limits, LoadError, Plugin, Runtime, RuntimeSettings, Usage};

use crate::world::{HOME, World, pass};

/// Times that the objects which a plugin asks for are looked up; more than any that ends needs.
const LOOKS: usize = 16;

/// A runtime with a good plugin in it, and the plugin that is told what to do wrong.
pub(crate) struct Keeper {
    runtime: Runtime,
    limits: Limits,
    pub(crate) good: Arc<Plugin>,
    pub(crate) configured: Arc<Plugin>,
    world: World,
}

/// What came of asking a plugin.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    /// What its last sandbox used.
    pub(crate) used: Option<Usage>,
}

/// Limits as they are by default, but for the fuel: a tenth, so that what loops for ever is over soon.
pub(crate) fn limits() -> Limits {
    Limits { fuel: 25_000_000, ..Limits::default() }
}

impl Keeper {
    pub(crate) fn new(allocation: Allocation) -> Self {
        let runtime = Runtime::new(RuntimeSettings { allocation, ..RuntimeSettings::default() }).unwrap();
        let limits = limits();
        let load = |bytes: Vec<u8>| {
            let artifact = Artifact::from_bytes(bytes, "a test", None, limits.artifact_bytes).unwrap();
            runtime.load(&artifact, &limits, &mut |_, _| {}).unwrap_or_else(|error| panic!("{error}"))
        };
        let good = load(tidegate_bundle::builtin("gateway-api").unwrap().to_vec());
        let configured = load(guest().to_vec());
        Self { runtime, limits, good, configured, world: World::new() }
    }

    /// The plugin of this kind, loaded anew if it has bytes of its own.
    pub(crate) fn load(&self, hostile: &Hostile) -> Result<Arc<Plugin>, LoadError> {
        let bytes = match &hostile.component {
            Component::Configured => return Ok(self.configured.clone()),
            Component::Bytes(bytes) => bytes.clone(),
        };
        let artifact = Artifact::from_bytes(bytes, hostile.name, None, self.limits.artifact_bytes)?;
        self.runtime.load(&artifact, &self.limits, &mut |_, _| {})
    }

    /// Asks a plugin until it has seen all that it asks for.
    pub(crate) fn ask(&self, plugin: &Plugin, question: Question, config: &Value) -> Asked {
        let mut seen: Vec<Observation> = Vec::new();
        for _ in 0..LOOKS {
            let asked = once(plugin, question, config, &seen);
            let Answer::Needs(queries) = &asked.answer else { return asked };
            for query in queries {
                if seen.iter().any(|seen| seen.query == *query) {
                    continue;
                }
                // No namespace has a ReferenceGrant here.
                if query.namespace.as_deref().is_some_and(|namespace| namespace != HOME) {
                    return Asked { answer: refused("ReferenceGrantMissing"), ..asked };
                }
                let Some(observation) = self.world.observe(query) else {
                    return Asked { answer: refused("InvalidQuery"), ..asked };
                };
                seen.push(observation);
            }
        }
        Asked { answer: refused("TooManyRounds"), used: None }
    }
}

/// One pass, in a sandbox of its own.
fn once(plugin: &Plugin, question: Question, config: &Value, seen: &[Observation]) -> Asked {
    let mut sandbox = match plugin.sandbox() {
        Ok(sandbox) => sandbox,
        Err(fault) => return Asked { answer: Answer::Fault(fault), used: None },
    };
    let pass = pass(question, config, seen);
    let answer = match check(&mut sandbox, &pass.target) {
        Ok(_) => run(&mut sandbox, plugin.description(), &pass),
        Err(answer) => *answer,
    };
    Asked { answer, used: Some(sandbox.usage()) }
}

/// What the controller says by itself.
fn refused(reason: &'static str) -> Answer {
    Answer::Refused(Refusal { reason, message: "as the controller does".into(), about: None })
}

/// The component of `guest/`.
fn guest() -> &'static [u8] {
    static GUEST: OnceLock<Vec<u8>> = OnceLock::new();
    GUEST.get_or_init(|| {
        let folder = std::env::var_os("TIDEGATE_TEST_GUESTS").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/test-guests"),
            PathBuf::from,
        );
        let file = folder.join("hostile.wasm");
        std::fs::read(&file).unwrap_or_else(|error| {
            panic!(
                "{}: {error}; `cargo xtask test` makes it, and `cargo xtask plugins --for-tests`",
                file.display()
            )
        })
    })
}
