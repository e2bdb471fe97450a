//! From bytes to a plugin that is ready, stage by stage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use tidegate_bundle::Builtin;
use tidegate_runtime::{Limits, Passed, Plugin, Runtime, Source, Stage, read};

use crate::machine;
use crate::spread::Spread;

/// How often each plugin is loaded.
const LOADS: u32 = 20;

/// What loading a plugin takes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Loading {
    /// Each stage by its name, in order, in microseconds.
    pub(crate) stages: Vec<(&'static str, Spread)>,
    /// All of them together, in microseconds.
    pub(crate) ready: Spread,
    /// CPU time of all threads for one loading, in microseconds.
    pub(crate) cpu: f64,
    /// Bytes of machine code and its tables.
    pub(crate) code_bytes: usize,
    /// Functions of the component.
    pub(crate) functions: u32,
    /// Bytes of memory and tables that a sandbox begins with.
    pub(crate) memory_bytes: usize,
}

/// Loads a plugin over and over.
pub(crate) fn measure(runtime: &Runtime, builtin: &Builtin) -> Result<(Arc<Plugin>, Loading)> {
    let source: Source = format!("builtin:{}", builtin.name).parse()?;
    let limits = Limits::default();
    let mut stages: BTreeMap<Stage, Vec<Duration>> = BTreeMap::new();
    let mut ready = Vec::new();
    let (mut code_bytes, mut memory_bytes, mut functions) = (0, 0, 0);
    let mut last = None;
    let cpu = machine::cpu_time();
    for _ in 0..LOADS {
        let started = Instant::now();
        let artifact = read(&source, limits.artifact_bytes, &tidegate_bundle::builtin)?;
        let plugin = runtime.load(&artifact, &limits, &mut |stage, report| {
            stages.entry(stage).or_default().push(report.elapsed);
            match &report.passed {
                Passed::Compile { code_bytes: bytes } => code_bytes = *bytes,
                Passed::Start { memory_bytes: bytes, .. } => memory_bytes = *bytes,
                Passed::Validate(found) => functions = found.functions,
                _ => {}
            }
        })?;
        ready.push(started.elapsed());
        last = Some(plugin);
    }
    let cpu = machine::cpu_time().saturating_sub(cpu) / LOADS;
    let plugin = last.ok_or_else(|| anyhow::anyhow!("it was not loaded"))?;
    let stages = stages.into_iter().map(|(stage, taken)| (stage.as_str(), Spread::from(taken))).collect();
    let loading = Loading {
        stages,
        ready: Spread::from(ready),
        cpu: cpu.as_secs_f64() * 1e6,
        code_bytes,
        functions,
        memory_bytes,
    };
    Ok((plugin, loading))
}
