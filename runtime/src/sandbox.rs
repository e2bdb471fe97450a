//! A sandbox: one store with one started plugin in it, and the limits that hold there.

use tidegate_contract::{
    CallError, Description, Fault, FaultReason, Observation, Outcome, Problem, Query, Session, Target,
    Traffic,
};
use wasmtime::{ResourceLimiter, Store};

use crate::fault::{self, HostStop, Phase};
use crate::limits;
use crate::plugin::Plugin;
use crate::ticker::{Ticker, Watch};
use crate::v0_1::Instance;
use crate::wasi;
use tidegate_artifact::Limits;

/// What the host keeps for one sandbox.
pub(crate) struct Guest {
    pub(crate) memory: MemoryBudget,
    pub(crate) wasi: wasi::State,
}

/// A started plugin.
pub struct Sandbox<'a> {
    store: Store<Guest>,
    instance: Instance,
    limits: &'a Limits,
    fuel_used: u64,
    /// Set while a call runs, so that one that ends by a panic leaves it set.
    ended: Option<FaultReason>,
    _watch: Watch,
}

/// What a sandbox used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Fuel, over the start and all calls.
    pub fuel: u64,
    /// Bytes of memories and tables, which never shrink.
    pub memory_bytes: usize,
}

impl<'a> Sandbox<'a> {
    /// Starts a plugin. Its start functions run here.
    pub(crate) fn start(plugin: &'a Plugin) -> Result<Self, Fault> {
        let limits = &plugin.limits;
        let guest = Guest { memory: MemoryBudget::new(limits.memory_bytes), wasi: wasi::State::default() };
        let mut store =
            Store::try_new(&plugin.shared.engine, guest).map_err(|error| fault::of_host(&error))?;
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(limits.output_bytes);
        store.set_max_component_handles(limits.handles);
        let watch = plugin.shared.ticker.watch();
        refuel(&mut store, limits)?;
        let started = plugin.interface.instantiate(&mut store);
        let fuel_used = limits.fuel.saturating_sub(store.get_fuel().unwrap_or_default());
        match started {
            Ok(instance) => Ok(Self { store, instance, limits, fuel_used, ended: None, _watch: watch }),
            Err(error) => Err(fault::classify(&error, &mut store, limits, Phase::Start)),
        }
    }

    fn call<T>(
        &mut self,
        call: impl FnOnce(&Instance, &mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        if let Some(reason) = self.ended {
            return Err(Fault {
                reason,
                message: "this sandbox has ended by a fault before; open a new one".into(),
                last_words: String::new(),
            });
        }
        self.ended = Some(FaultReason::HostFault);
        refuel(&mut self.store, self.limits)?;
        let answer = call(&self.instance, &mut self.store);
        self.fuel_used = self
            .fuel_used
            .saturating_add(self.limits.fuel.saturating_sub(self.store.get_fuel().unwrap_or_default()));
        match answer {
            Ok(answer) => {
                self.ended = None;
                Ok(answer)
            }
            Err(error) => {
                let fault = fault::classify(&error, &mut self.store, self.limits, Phase::Call);
                self.ended = Some(fault.reason);
                Err(fault)
            }
        }
    }

    /// Checks the types of all functions of the interface.
    pub(crate) fn check_types(&mut self) -> Result<(), (&'static str, wasmtime::Error)> {
        self.instance.check_types(&mut self.store)
    }

    /// What the plugin says of itself.
    pub(crate) fn describe(&mut self) -> Result<Description, Fault> {
        self.call(Instance::describe)
    }

    /// What it used so far.
    pub fn usage(&self) -> Usage {
        Usage { fuel: self.fuel_used, memory_bytes: self.store.data().memory.used }
    }

    /// What it wrote to standard error, then standard output, so far: the last 8 KiB of both, fit for a terminal.
    pub fn output(&self) -> String {
        self.store.data().wasi.last_words()
    }
}

impl std::fmt::Debug for Sandbox<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("ended", &self.ended)
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}

/// Every call begins with full fuel and a new deadline, so that its end does not depend on what came before.
fn refuel(store: &mut Store<Guest>, limits: &Limits) -> Result<(), Fault> {
    store.set_fuel(limits.fuel).map_err(|error| fault::of_host(&error))?;
    store.set_epoch_deadline(Ticker::ticks(limits.deadline));
    Ok(())
}

fn flatten<T>(answer: Result<Result<T, Problem>, Fault>) -> Result<T, CallError> {
    Ok(answer??)
}

impl Session for Sandbox<'_> {
    fn check(&mut self, target: &Target) -> Result<Vec<String>, CallError> {
        flatten(self.call(|instance, store| instance.check(store, target)))
    }

    fn locate(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Vec<Query>, CallError> {
        flatten(self.call(|instance, store| instance.locate(store, target, traffic, seen)))
    }

    fn route(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Outcome, CallError> {
        flatten(self.call(|instance, store| instance.route(store, target, traffic, seen)))
    }

    fn release(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Outcome, CallError> {
        flatten(self.call(|instance, store| instance.release(store, target, traffic, seen)))
    }
}

/// Counts the bytes of all memories and tables of a sandbox together: wasmtime's own limits hold for each memory, and a
/// component can have many.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    pub(crate) used: usize,
    /// What the last growth added, to be given back when the growth itself fails.
    last: usize,
}

impl MemoryBudget {
    fn new(limit: usize) -> Self {
        Self { limit, used: 0, last: 0 }
    }

    /// Growth past the budget ends the call: a guest that gets a "no" instead panics at best, and computes something
    /// else at worst.
    fn take(&mut self, bytes: usize) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(bytes);
        if used > self.limit {
            return Err(wasmtime::Error::new(HostStop::Memory { wanted: used, limit: self.limit }));
        }
        self.used = used;
        self.last = bytes;
        Ok(true)
    }
}

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Past the maximum that the guest itself declared: it expects a "no".
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.take(desired.saturating_sub(current))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.last));
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Before the maximum is looked at: pooled tables end there too, and where memory comes from must not show.
        if desired > limits::TABLE_ELEMENTS {
            let bytes = desired.saturating_mul(limits::TABLE_ELEMENT_BYTES);
            let limit = limits::TABLE_ELEMENTS * limits::TABLE_ELEMENT_BYTES;
            return Err(wasmtime::Error::new(HostStop::Memory { wanted: bytes, limit }));
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.take(desired.saturating_sub(current).saturating_mul(limits::TABLE_ELEMENT_BYTES))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.last));
        Ok(())
    }

    fn instances(&self) -> usize {
        limits::INSTANCES
    }

    fn memories(&self) -> usize {
        usize::try_from(limits::MEMORIES).unwrap_or(usize::MAX)
    }

    fn tables(&self) -> usize {
        usize::try_from(limits::TABLES).unwrap_or(usize::MAX)
    }
}
