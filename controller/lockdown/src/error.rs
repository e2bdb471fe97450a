//! Why the process could not be locked down.

use std::error::Error;
use std::io;

/// Why the process could not be locked down. It may be locked down in part; the only right thing to do is to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockdownError {
    /// There is no filter for this system.
    #[error("there is no lockdown for {os} on {arch}, only for Linux on x86_64 and aarch64; run without it")]
    Unsupported {
        /// The operating system, as Rust names it.
        os: &'static str,
        /// The architecture, as Rust names it.
        arch: &'static str,
    },
    /// The filter's rules do not make a program: a defect.
    #[error("the filter could not be compiled, which is a defect: {0}")]
    Compile(#[source] Box<dyn Error + Send + Sync>),
    /// The kernel did not take the filter.
    #[error(
        "the kernel did not take the filter ({0}); it needs Linux 3.17 or newer with CONFIG_SECCOMP_FILTER, and a container \
         runtime that lets the process make the system call seccomp; run without the lockdown where that is not so"
    )]
    Install(#[source] Box<dyn Error + Send + Sync>),
    /// The kernel took the filter, and a file could be opened for writing all the same.
    #[error("the kernel took the filter, but does not go by it: opening a file for writing gave {outcome}")]
    NotInForce {
        /// What opening one gave instead of `EPERM`.
        outcome: String,
    },
}

impl LockdownError {
    /// The stable name of the cause.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "Unsupported",
            Self::Compile(_) => "CompileFailed",
            Self::Install(_) => "InstallFailed",
            Self::NotInForce { .. } => "NotInForce",
        }
    }

    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn not_in_force(outcome: io::Result<()>) -> Self {
        let outcome = outcome.map_or_else(|error| error.to_string(), |()| "a file".to_owned());
        Self::NotInForce { outcome }
    }
}
