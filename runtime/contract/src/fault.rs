//! The ways in which a call of a plugin can end without an answer.

use serde::Serialize;

use crate::answer::Problem;

/// Why a call ended without an answer. Each has a stable reason code, used in conditions and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum FaultReason {
    /// It used up its fuel: deterministic, the same input ends the same way everywhere.
    OutOfFuel,
    /// It ran past the time that stands behind the fuel.
    DeadlineExceeded,
    /// The sum of its memories and tables would have passed the limit.
    MemoryLimit,
    /// Its stack overflowed.
    StackOverflow,
    /// It panicked or hit another trap.
    Trap,
    /// It called exit.
    Exit,
    /// Its answer is larger than allowed.
    OutputTooLarge,
    /// Its answer breaks the contract: invalid text, too deep, unknown object, …
    InvalidOutput,
    /// It made more handles than allowed.
    HandleLimit,
    /// The host had no room for it now; not the plugin's fault.
    HostBusy,
    /// The host failed; not the plugin's fault.
    HostFault,
}

impl FaultReason {
    /// The stable code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfFuel => "OutOfFuel",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::MemoryLimit => "MemoryLimit",
            Self::StackOverflow => "StackOverflow",
            Self::Trap => "Trap",
            Self::Exit => "Exit",
            Self::OutputTooLarge => "OutputTooLarge",
            Self::InvalidOutput => "InvalidOutput",
            Self::HandleLimit => "HandleLimit",
            Self::HostBusy => "HostBusy",
            Self::HostFault => "HostFault",
        }
    }

    /// Whether the plugin is to blame; otherwise the same call may be made again soon.
    pub const fn is_plugins_fault(self) -> bool {
        !matches!(self, Self::HostBusy | Self::HostFault)
    }
}

impl std::fmt::Display for FaultReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A call that ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Fault {
    /// Why.
    pub reason: FaultReason,
    /// What happened and what to do, for people.
    pub message: String,
    /// The plugin's own last words (standard error, then standard output), cut to 8 KiB.
    pub last_words: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The plugin says why.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The plugin could not say.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl CallError {
    /// A stable code for conditions and metrics.
    pub fn reason(&self) -> &str {
        match self {
            Self::Problem(problem) => &problem.code,
            Self::Fault(fault) => fault.reason.as_str(),
        }
    }
}
