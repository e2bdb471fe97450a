//! The WASI that guests get: inert and deterministic, at any version 0.2.x.
//!
//! Guests of ordinary toolchains import WASI because their standard library does, not because a router needs it. So
//! everything is there and nothing is behind it: no arguments, no environment, an empty standard input, no files,
//! clocks that stand still, waits that are over at once, and random numbers that are the same each time. Standard output
//! and error are kept for diagnostics. Two equal calls in two sandboxes see exactly the same.
//!
//! The functions are written against wasmtime's linker, about fifty of them. The bindings that wasmtime-wasi ships bring
//! its own resource types along, which means its whole implementation (an async runtime, files, sockets) in the tree and
//! in the binary of a host that wants none of it; its implementation also sleeps for real, and can panic on async
//! threads. As no resource here has any state, there is no resource table either: a handle is just a number.
//!
//! wasmtime links names by semantic version, so one definition at the newest version serves every 0.2.x, and checks types
//! exactly. The names that get defined are recorded while they are, so that the check of imports before compiling
//! (`interface`) speaks of exactly what can be linked.

mod cli;
mod clocks;
mod filesystem;
mod io;
mod output;
mod random;

use std::collections::{BTreeMap, BTreeSet};

use wasmtime::component::{ComponentNamedList, Lift, Linker, LinkerInstance, Lower, ResourceType};
use wasmtime::{Engine, Result, StoreContextMut, Trap};

pub(crate) use io::Pollable;

use crate::sandbox::Guest;
use output::Output;

/// The newest version of WASI 0.2 whose functions are all here.
const VERSION: &str = "0.2.12";

/// Fuel for each call of a host function, about the time it takes.
const CALL_FUEL: u64 = 100;

/// What WASI keeps for one sandbox.
#[derive(Debug, Default)]
pub(crate) struct State {
    output: Output,
    random: random::Generator,
}

impl State {
    /// What the guest wrote last, for people.
    pub(crate) fn last_words(&self) -> String {
        self.output.last_words()
    }
}

/// The functions of each interface that can be linked, by the interface's name without version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Functions(BTreeMap<&'static str, BTreeSet<&'static str>>);

impl Functions {
    /// The functions of an interface, if it is served.
    pub(crate) fn of(&self, interface: &str) -> Option<&BTreeSet<&'static str>> {
        self.0.get(interface)
    }
}

/// Makes a linker with all host functions.
pub(crate) fn link(engine: &Engine) -> Result<(Linker<Guest>, Functions)> {
    let mut linker = Linker::new(engine);
    let mut functions = Functions::default();
    let mut wasi = Wasi { linker: &mut linker, functions: &mut functions };
    cli::define(&mut wasi)?;
    io::define(&mut wasi)?;
    clocks::define(&mut wasi)?;
    random::define(&mut wasi)?;
    filesystem::define(&mut wasi)?;
    Ok((linker, functions))
}

/// A linker that takes down what is defined in it.
struct Wasi<'a> {
    linker: &'a mut Linker<Guest>,
    functions: &'a mut Functions,
}

impl Wasi<'_> {
    fn interface(&mut self, name: &'static str) -> Result<Interface<'_>> {
        Ok(Interface {
            linker: self.linker.instance(&format!("{name}@{VERSION}"))?,
            names: self.functions.0.entry(name).or_default(),
        })
    }
}

/// One interface that is being defined.
struct Interface<'a> {
    linker: LinkerInstance<'a, Guest>,
    names: &'a mut BTreeSet<&'static str>,
}

impl Interface<'_> {
    /// Defines a function.
    fn function<P, R>(
        &mut self,
        name: &'static str,
        function: impl Fn(&mut StoreContextMut<'_, Guest>, P) -> Result<R> + Send + Sync + 'static,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + 'static,
    {
        self.names.insert(name);
        self.linker.func_wrap(name, move |mut guest: StoreContextMut<'_, Guest>, params| {
            spend(&mut guest, CALL_FUEL)?;
            function(&mut guest, params)
        })
    }

    /// Defines a function that always gives the same.
    fn constant<P, R>(
        &mut self,
        name: &'static str,
        value: impl Fn() -> R + Send + Sync + 'static,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + 'static,
    {
        self.function(name, move |_, _: P| Ok(value()))
    }

    /// Defines a resource. Its handles mean nothing to the host, so there is nothing to do when one is dropped.
    fn resource<T: 'static>(&mut self, name: &'static str) -> Result<()> {
        self.linker.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))
    }
}

/// Takes fuel for work that the host does for a guest, so that this is bounded and repeatable as well.
fn spend(guest: &mut StoreContextMut<'_, Guest>, fuel: u64) -> Result<()> {
    if let Some(left) = guest.get_fuel()?.checked_sub(fuel) {
        return guest.set_fuel(left);
    }
    guest.set_fuel(0)?;
    Err(Trap::OutOfFuel.into())
}

/// Takes fuel for as many bytes as the host copies.
fn spend_for(guest: &mut StoreContextMut<'_, Guest>, bytes: usize) -> Result<()> {
    spend(guest, u64::try_from(bytes).unwrap_or(u64::MAX))
}
