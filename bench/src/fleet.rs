//! Many plugins at once: how long until all of a starting controller's plugins are ready, once their bytes are there.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::Serialize;
use tidegate_bundle::Builtin;
use tidegate_runtime::{Artifact, Limits, Runtime};

use crate::spread::Spread;

/// So many plugins, no two of which have the same bytes.
const PLUGINS: usize = 10;

/// How often all of them are loaded.
const LOADS: usize = 10;

/// What loading many plugins at once takes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fleet {
    /// How many.
    pub(crate) plugins: usize,
    /// Bytes of all their components.
    pub(crate) bytes: usize,
    /// From bytes until all are ready, in microseconds.
    pub(crate) ready: Spread,
}

/// Loads many plugins at once, over and over, with one thread for each processor.
pub(crate) fn measure(runtime: &Runtime, builtins: &[Builtin]) -> Result<Fleet> {
    let components: Vec<Vec<u8>> = (0..)
        .zip(builtins.iter().cycle())
        .take(PLUGINS)
        .map(|(number, builtin)| different(builtin.bytes, number))
        .collect();
    let mut taken = Vec::new();
    for _ in 0..LOADS {
        taken.push(load_all(runtime, &components)?);
    }
    let bytes = components.iter().map(Vec::len).sum();
    Ok(Fleet { plugins: components.len(), bytes, ready: Spread::from(taken) })
}

fn load_all(runtime: &Runtime, components: &[Vec<u8>]) -> Result<Duration> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // Copied before the clock starts: fetching would have made them.
    let waiting: Mutex<VecDeque<Vec<u8>>> = Mutex::new(components.iter().cloned().collect());
    let started = Instant::now();
    let plugins = std::thread::scope(|scope| {
        let work = || {
            let mut plugins = Vec::new();
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(bytes) = next else { return Ok(plugins) };
                let limits = Limits::default();
                let artifact = Artifact::from_bytes(bytes, "memory", None, limits.artifact_bytes)?;
                plugins.push(runtime.load(&artifact, &limits, &mut |_, _| {})?);
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for thread in threads {
            let loaded: Result<Vec<_>> = thread.join().map_err(|_| anyhow!("loading a plugin panicked"))?;
            all.extend(loaded?);
        }
        anyhow::Ok(all)
    })?;
    let elapsed = started.elapsed();
    drop(plugins);
    Ok(elapsed)
}

/// The same component with other bytes: a custom section more, which means nothing.
fn different(component: &[u8], number: u8) -> Vec<u8> {
    const CUSTOM: u8 = 0;
    const NAME: &[u8] = b"number";
    // The length of the section's content: that of the name, the name, one byte.
    let head = [CUSTOM, 8, 6];
    [component, &head, NAME, &[number]].concat()
}
