//! Turns the ways in which wasmtime ends a call into typed faults, by the types of its errors, never by their text.

use std::fmt::Write as _;

use tidegate_contract::text::printable;
use tidegate_contract::{Fault, FaultReason};
use wasmtime::component::{Resource, ResourceAny};
use wasmtime::{OutOfMemory, PoolConcurrencyLimitError, Store, Trap, WasmBacktrace, WasmtimeBug};

use crate::sandbox::Guest;
use crate::wasi::Pollable;
use tidegate_artifact::Limits;

/// Why this host itself ends a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostStop {
    /// It called exit.
    #[error("it called exit with status {0}")]
    Exit(u8),
    /// A memory or table would grow past the limit.
    #[error("its memories and tables would have {wanted} bytes, and {limit} are allowed")]
    Memory { wanted: usize, limit: usize },
    /// It used a host function in a way that is not allowed.
    #[error("{0}")]
    Misuse(&'static str),
    /// What it answered has the right types and makes no sense.
    #[error("{0}")]
    Answer(String),
}

/// What was going on when an error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The sandbox was being made and its start functions run.
    Start,
    /// A function was being called: arguments go in, it runs, the answer comes out.
    Call,
}

/// A failure of the host before the guest did anything.
pub(crate) fn of_host(error: &wasmtime::Error) -> Fault {
    Fault {
        reason: FaultReason::HostFault,
        message: format!("the sandbox could not be made: {}", text(error)),
        last_words: String::new(),
    }
}

/// Says what an error means, and takes down what the guest said last.
pub(crate) fn classify(
    error: &wasmtime::Error,
    store: &mut Store<Guest>,
    limits: &Limits,
    phase: Phase,
) -> Fault {
    let (reason, mut message) = reason(error, store, limits, phase);
    if matches!(reason, FaultReason::Trap | FaultReason::StackOverflow | FaultReason::OutOfFuel) {
        let _ = write!(message, "{}", frames(error));
    }
    Fault { reason, message, last_words: store.data().wasi.last_words() }
}

fn reason(
    error: &wasmtime::Error,
    store: &mut Store<Guest>,
    limits: &Limits,
    phase: Phase,
) -> (FaultReason, String) {
    if let Some(stop) = error.downcast_ref::<HostStop>() {
        let reason = match stop {
            HostStop::Exit(_) => FaultReason::Exit,
            HostStop::Memory { .. } => FaultReason::MemoryLimit,
            HostStop::Misuse(_) => FaultReason::Trap,
            HostStop::Answer(_) => FaultReason::InvalidOutput,
        };
        return (reason, stop.to_string());
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return by_trap(*trap, limits);
    }
    if let Some(full) = error.downcast_ref::<PoolConcurrencyLimitError>() {
        return (FaultReason::HostBusy, format!("too many sandboxes are open ({full}); try again soon"));
    }
    if error.is::<OutOfMemory>() || error.is::<std::io::Error>() {
        return (
            FaultReason::HostBusy,
            format!("the host has no memory for a sandbox now ({}); raise its memory limit", text(error)),
        );
    }
    if error.is::<WasmtimeBug>() {
        return (FaultReason::HostFault, format!("wasmtime failed; please report it: {}", text(error)));
    }
    if error.is::<std::str::Utf8Error>() || error.is::<std::char::DecodeUtf16Error>() {
        return (
            FaultReason::InvalidOutput,
            format!("its answer has a text that is not Unicode: {}", text(error)),
        );
    }
    if no_handle_left(store) {
        let message =
            format!("it holds more than {} handles; it should drop those it is done with", limits.handles);
        return (FaultReason::HandleLimit, message);
    }

    // What is left has no type of its own to tell it by; where it came from tells it.
    let plain = error.is::<&'static str>() || error.is::<String>();
    match phase {
        // The guest was running: a host function or an intrinsic refused its arguments (a handle it does not have, a
        // list outside its memory, too much data at once).
        _ if error.is::<WasmBacktrace>() => {
            (FaultReason::Trap, format!("it broke the rules for calling the host: {}", text(error)))
        }
        // The only check with a plain text while a sandbox is made counts instances, memories and tables.
        Phase::Start if plain => {
            (FaultReason::MemoryLimit, format!("it is made of too many parts: {}", text(error)))
        }
        Phase::Start => (FaultReason::HostFault, format!("the sandbox could not be made: {}", text(error))),
        // The answer was being read. Everything that can be wrong with its form is a trap or a plain text; the check of
        // its size alone has a (private) type.
        Phase::Call if plain => {
            (FaultReason::InvalidOutput, format!("its answer breaks the canonical ABI: {}", text(error)))
        }
        Phase::Call => {
            let message = format!("its answer has more than {} bytes", limits.output_bytes);
            (FaultReason::OutputTooLarge, message)
        }
    }
}

fn by_trap(trap: Trap, limits: &Limits) -> (FaultReason, String) {
    let told = trap.to_string();
    let told = told.strip_prefix("wasm trap: ").unwrap_or(&told);
    match trap {
        Trap::OutOfFuel => {
            let message = format!("it used up its {} units of fuel, about one instruction each", limits.fuel);
            (FaultReason::OutOfFuel, message)
        }
        Trap::Interrupt => {
            let message = format!("it ran for more than {} ms", limits.deadline.as_millis());
            (FaultReason::DeadlineExceeded, message)
        }
        Trap::StackOverflow => (FaultReason::StackOverflow, "its calls are nested too deep".into()),
        Trap::InvalidChar
        | Trap::InvalidDiscriminant
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::UnalignedPointer => {
            (FaultReason::InvalidOutput, format!("its answer breaks the canonical ABI: {told}"))
        }
        // No call is made into a sandbox that has ended, and guests cannot call back.
        Trap::CannotEnterComponent => (FaultReason::HostFault, told.to_owned()),
        Trap::UnreachableCodeReached => {
            (FaultReason::Trap, "it panicked (wasm `unreachable` instruction executed)".into())
        }
        _ => (FaultReason::Trap, format!("it hit a trap: {told}")),
    }
}

/// Handles are counted by wasmtime, which has no type for running out of them; whether there is room for one more can be
/// tried. Only in a store that has ended, whose tables nobody uses any more.
fn no_handle_left(store: &mut Store<Guest>) -> bool {
    ResourceAny::try_from_resource(Resource::<Pollable>::new_own(0), store).is_err()
}

/// The functions that were running, innermost first.
fn frames(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let names: Vec<_> = backtrace
        .frames()
        .iter()
        .take(8)
        .map(|frame| match frame.func_name() {
            Some(name) => printable(name, 120),
            None => format!("function {}", frame.func_index()),
        })
        .collect();
    if names.is_empty() { String::new() } else { format!(", in {}", names.join(" ← ")) }
}

fn text(error: &wasmtime::Error) -> String {
    printable(&error.root_cause().to_string(), 400)
}
