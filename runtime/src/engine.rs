//! What exists once per process: the engine with its settings, the host functions, and the clock of the deadlines.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, Engine, Inlining, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    RegallocAlgorithm, WasmBacktraceDetails, WasmFeatures,
};

use crate::error::RuntimeError;
use crate::limits;
use crate::sandbox::Guest;
use crate::ticker::Ticker;
use crate::wasi::{self, Functions};

/// Where the memory of sandboxes comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool if this machine has the address space, else on demand.
    #[default]
    Auto,
    /// From a pool: sandboxes start in microseconds. Reserves some 260 GiB of addresses (no memory).
    Pool,
    /// Mapped for each sandbox.
    OnDemand,
}

/// What holds for all plugins of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeSettings {
    /// Where the memory of sandboxes comes from.
    pub allocation: Allocation,
    /// Sandboxes that may be open at the same time, 1 to 256, enforced when they come from a pool; one more is `HostBusy`.
    /// 16: a few more than there are threads that call plugins.
    pub sandboxes: u32,
    /// Bytes of stack that WebAssembly may use, of the thread that calls it. 512 KiB, so that threads with the usual 2 MiB
    /// keep enough for the host; raise it only together with the stacks of the calling threads.
    pub stack_bytes: usize,
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        Self { allocation: Allocation::Auto, sandboxes: 16, stack_bytes: 512 << 10 }
    }
}

/// The WebAssembly engine of a process. Plugins that it loaded keep what they need of it alive.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Guest>,
    pub(crate) functions: Functions,
    pub(crate) ticker: Ticker,
    allocation: Allocation,
    compiling: Mutex<()>,
}

impl Runtime {
    /// Makes the engine and starts the thread behind the deadlines, which ends with the last plugin of this runtime.
    ///
    /// # Errors
    /// When the machine does not let an engine run.
    pub fn new(settings: RuntimeSettings) -> Result<Self, RuntimeError> {
        let (engine, allocation) = make_engine(&settings)?;
        let (linker, functions) =
            wasi::link(&engine).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(engine.weak()).map_err(RuntimeError::Ticker)?;
        tracing::debug!(?allocation, features = ?engine.get_wasm_features(), "WebAssembly engine started");
        let compiling = Mutex::new(());
        Ok(Self { shared: Arc::new(Shared { engine, linker, functions, ticker, allocation, compiling }) })
    }

    /// Where the memory of sandboxes comes from, after `Auto` was decided.
    pub fn allocation(&self) -> Allocation {
        self.shared.allocation
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("allocation", &self.shared.allocation).finish_non_exhaustive()
    }
}

impl Shared {
    /// Held while something compiles: one compilation at a time already uses all cores, and several would multiply the
    /// memory that compiling takes.
    pub(crate) fn compiling(&self) -> MutexGuard<'_, ()> {
        // A panic in the compiler leaves nothing half done behind this lock.
        self.compiling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_engine(settings: &RuntimeSettings) -> Result<(Engine, Allocation), RuntimeError> {
    let engine = |pool: bool| {
        let mut config = config(settings);
        if pool {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool_config(settings)));
        }
        Engine::new(&config).map_err(|error| RuntimeError::Engine(format!("{error:#}")))
    };
    match settings.allocation {
        Allocation::Pool => Ok((engine(true)?, Allocation::Pool)),
        Allocation::OnDemand => Ok((engine(false)?, Allocation::OnDemand)),
        // Whether there is enough address space (39-bit machines, ulimit -v) is found out by reserving it.
        Allocation::Auto => match engine(true) {
            Ok(engine) => Ok((engine, Allocation::Pool)),
            Err(error) => {
                tracing::info!(%error, "no pool for sandboxes on this machine: each maps its own memory");
                Ok((engine(false)?, Allocation::OnDemand))
            }
        },
    }
}

fn config(settings: &RuntimeSettings) -> Config {
    let mut config = Config::new();

    // What guests of today's toolchains do not need is not there to be attacked. GC, exceptions, threads, stack switching
    // and async components are not even compiled in.
    config.wasm_features(
        WasmFeatures::MEMORY64
            | WasmFeatures::CUSTOM_PAGE_SIZES
            | WasmFeatures::WIDE_ARITHMETIC
            | WasmFeatures::STACK_SWITCHING
            | WasmFeatures::SHARED_EVERYTHING_THREADS
            | WasmFeatures::LEGACY_EXCEPTIONS,
        false,
    );
    config.concurrency_support(false);
    config.shared_memory(false);

    // The same question gets the same answer on every machine.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.consume_fuel(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(settings.stack_bytes);

    // Compiling is most of the way to ready. Guests come optimised by their own compiler, so doing it again takes half as
    // long once more and makes calls an eighth faster; and the thorough register allocator takes 1.6 times as long for
    // calls that are a third faster. (A guest of 150 kB on two busy cores: 168 ms of CPU like this, 257 ms optimised,
    // 272 ms with thorough allocation, 351 ms with both; `cargo xtask bench` shows the first.)
    config.cranelift_opt_level(OptLevel::None);
    config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    config.compiler_inlining(Inlining::No);
    config.memory_init_cow(true);

    // Names of functions for the message of a trap, nothing more. Whether there is a backtrace also tells an error inside
    // the guest from one in its answer.
    config.wasm_backtrace_max_frames(NonZeroUsize::new(16));
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.generate_address_map(false);
    // For debuggers only: neither backtraces nor traps need it, and each plugin would keep 17 kB of it.
    config.native_unwind_info(false);
    config
}

fn pool_config(settings: &RuntimeSettings) -> PoolingAllocationConfig {
    let sandboxes = settings.sandboxes.clamp(1, 256);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(sandboxes);
    pool.total_core_instances(sandboxes.saturating_mul(u32::try_from(limits::INSTANCES).unwrap_or(u32::MAX)));
    pool.total_memories(sandboxes.saturating_mul(limits::MEMORIES));
    pool.total_tables(sandboxes.saturating_mul(limits::TABLES));
    // What one component may have of each is checked when it is loaded, the same way with and without a pool.
    pool.max_memories_per_module(limits::MEMORIES);
    pool.max_tables_per_module(limits::TABLES);
    pool.table_elements(limits::TABLE_ELEMENTS);
    pool.max_component_instance_size(10 << 20);
    pool.max_core_instance_size(10 << 20);

    // Up to half a mebibyte of what a sandbox wrote is reset in place for the next one: page faults would cost more than
    // the rest of a call. Linux 6.7 and later tell which pages were written; before that, all of it is reset, which
    // takes 20 µs.
    pool.linear_memory_keep_resident(512 << 10);
    pool.pagemap_scan(Enabled::Auto);
    pool.table_keep_resident(16 << 10);
    // A few are enough for a controller that mostly waits.
    pool.max_unused_warm_slots(4);
    pool
}
