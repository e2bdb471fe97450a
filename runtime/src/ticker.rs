//! The clock behind the deadlines: a thread that advances the engine's epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::EngineWeak;

/// One tick while a sandbox is open.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Between looks while none is. A deadline that begins in this time is that much later, which is no harm: what ends a
/// call is its fuel.
const IDLE: Duration = Duration::from_millis(100);

/// Advances the epoch until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    open: Arc<AtomicUsize>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let open = Arc::new(AtomicUsize::new(0));
        let (stop, stopped) = mpsc::channel();
        let seen = Arc::clone(&open);
        let thread = thread::Builder::new().name("wasm-epoch".into()).spawn(move || {
            loop {
                let pause = if seen.load(Ordering::Relaxed) == 0 { IDLE } else { TICK };
                // A late wake-up is one tick, however late: ticks that were missed must not come in a burst.
                match stopped.recv_timeout(pause) {
                    Err(RecvTimeoutError::Timeout) => match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => return,
                    },
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self { open, stop: Some(stop), thread: Some(thread) })
    }

    /// Ticks run at full speed while the guard lives.
    pub(crate) fn watch(&self) -> Watch {
        self.open.fetch_add(1, Ordering::Relaxed);
        Watch { open: Arc::clone(&self.open) }
    }

    /// Ticks after which `duration` has passed: one more, because the first is part over already.
    pub(crate) fn ticks(duration: Duration) -> u64 {
        let ticks = duration.as_millis().div_ceil(TICK.as_millis());
        u64::try_from(ticks).unwrap_or(u64::MAX / 2).min(u64::MAX / 2).saturating_add(1)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It holds nothing that could make it panic, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}

/// One open sandbox.
#[derive(Debug)]
pub(crate) struct Watch {
    open: Arc<AtomicUsize>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
