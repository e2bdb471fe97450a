//! Why a plugin cannot be loaded, with the remedy.

use crate::stage::Stage;

/// Why a plugin cannot be loaded: a stable reason for conditions, metrics and exit reports. Sources that come with
/// later versions add their own (a status code, a revocation); none ever changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LoadReason {
    /// Where and what to load is not said right.
    InvalidConfig,
    /// The bytes cannot be read.
    Unreachable,
    /// There are more bytes than allowed.
    TooLarge,
    /// This location needs a digest, and there is none.
    DigestMissing,
    /// The bytes are not those that were pinned.
    DigestMismatch,
    /// The bytes are something else than WebAssembly.
    NotWasm,
    /// It is a core WebAssembly module.
    NotAComponent,
    /// It is machine code that wasmtime compiled earlier, which is never run.
    Precompiled,
    /// It looks like a component and is not a valid one.
    Malformed,
    /// It does not export a router interface that is served here, or with other types.
    IncompatibleInterface,
    /// It needs what a plugin is not given.
    UngrantedImport,
    /// It cannot be compiled.
    CompileFailed,
    /// It fails while it starts or says what it is.
    StartFailed,
    /// It needs more of something than its limits allow.
    LimitExceeded,
    /// This process has no room for it at the moment, or failed; not the plugin's fault.
    HostFault,
}

impl LoadReason {
    /// The stable text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidConfig => "InvalidConfig",
            Self::Unreachable => "Unreachable",
            Self::TooLarge => "TooLarge",
            Self::DigestMissing => "DigestMissing",
            Self::DigestMismatch => "DigestMismatch",
            Self::NotWasm => "NotWasm",
            Self::NotAComponent => "NotAComponent",
            Self::Precompiled => "Precompiled",
            Self::Malformed => "Malformed",
            Self::IncompatibleInterface => "IncompatibleInterface",
            Self::UngrantedImport => "UngrantedImport",
            Self::CompileFailed => "CompileFailed",
            Self::StartFailed => "StartFailed",
            Self::LimitExceeded => "LimitExceeded",
            Self::HostFault => "HostFault",
        }
    }
}

impl std::fmt::Display for LoadReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A plugin that cannot be loaded: what happened, to what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct LoadError {
    /// How far it came.
    pub stage: Stage,
    /// Why, for programs.
    pub reason: LoadReason,
    /// What happened, for people. May have several lines when several things are wrong at once.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl LoadError {
    pub(crate) fn new(
        stage: Stage,
        reason: LoadReason,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { stage, reason, message: message.into(), hint: hint.into() }
    }
}

/// The runtime cannot start on this machine.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The WebAssembly engine cannot be made.
    #[error(
        "the WebAssembly engine cannot start: {0}; check that the process may map executable memory, and the limits \
         on its address space"
    )]
    Engine(String),
    /// The thread behind the deadlines cannot be started.
    #[error(
        "the thread that keeps the deadlines cannot start: {0}; check the limits on processes and memory"
    )]
    Ticker(#[source] std::io::Error),
}
