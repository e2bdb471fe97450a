//! Why a plugin cannot be had or used, with the remedy.

use std::time::Duration;

use crate::stage::Stage;

/// Why a plugin cannot be had or used: a stable reason for conditions, events, metrics and the command line. Later versions
/// may add some; none ever changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LoadReason {
    /// Where and what to load is not said right.
    InvalidConfig,
    /// The operator's policy does not let this plugin be used: it asks for what no plugin gets.
    Denied,
    /// Its digest is revoked.
    Revoked,
    /// Kubernetes does not let the controller read what it needs for getting the bytes, or for using the plugin.
    Forbidden,
    /// The bytes cannot be read: the name does not resolve, nothing answers, TLS fails, or it takes too long.
    Unreachable,
    /// A server answered with another status than success.
    HttpStatus,
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
    /// All reasons.
    pub const ALL: [Self; 19] = [
        Self::InvalidConfig,
        Self::Denied,
        Self::Revoked,
        Self::Forbidden,
        Self::Unreachable,
        Self::HttpStatus,
        Self::TooLarge,
        Self::DigestMissing,
        Self::DigestMismatch,
        Self::NotWasm,
        Self::NotAComponent,
        Self::Precompiled,
        Self::Malformed,
        Self::IncompatibleInterface,
        Self::UngrantedImport,
        Self::CompileFailed,
        Self::StartFailed,
        Self::LimitExceeded,
        Self::HostFault,
    ];

    /// The stable text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidConfig => "InvalidConfig",
            Self::Denied => "Denied",
            Self::Revoked => "Revoked",
            Self::Forbidden => "Forbidden",
            Self::Unreachable => "Unreachable",
            Self::HttpStatus => "HttpStatus",
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
    /// When trying again makes sense, if somebody said so.
    pub retry_after: Option<Duration>,
    /// The status that a web server answered with, where that is what went wrong.
    pub status: Option<u16>,
}

impl LoadError {
    /// An error about which nobody said when to try again.
    pub fn new(
        stage: Stage,
        reason: LoadReason,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { stage, reason, message: message.into(), hint: hint.into(), retry_after: None, status: None }
    }

    /// Whether the same may succeed a little later, without anybody changing anything about the plugin: what depends on the
    /// network, a server, the API server's permissions, or this process.
    pub fn is_transient(&self) -> bool {
        match self.reason {
            LoadReason::Unreachable | LoadReason::Forbidden | LoadReason::HostFault => true,
            LoadReason::HttpStatus => self.status.is_some_and(|status| {
                // Request Timeout, Too Early, Too Many Requests, and whatever is wrong with the server.
                matches!(status, 408 | 425 | 429 | 500..=599)
            }),
            _ => false,
        }
    }
}
