//! The filter for Linux.

mod allowed;
mod filter;
mod refused;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod tests;

use std::fs::OpenOptions;
use std::process;

use crate::{LockdownError, Report};

/// Locks the process down: all its threads, and those that start later. It cannot be undone.
///
/// Sets `no_new_privs` too, without which the kernel takes no filter from a process without privileges.
///
/// # Errors
/// When the kernel does not take the filter, or takes it and does not go by it. The process may be locked down in part then.
pub fn lock_down() -> Result<Report, LockdownError> {
    let allowed = allowed::numbers();
    let refused = refused::calls(process::id()).map_err(|error| LockdownError::Compile(Box::new(error)))?;
    let report = Report { allowed: allowed.len(), refused: refused.len() };
    let [first, second] = filter::programs(&allowed, refused)?;
    for program in [&first, &second] {
        seccompiler::apply_filter_all_threads(program)
            .map_err(|error| LockdownError::Install(Box::new(error)))?;
    }
    verify()?;
    Ok(report)
}

/// Tries what must not work. The filter answers before the file is looked for, so it need not be there.
fn verify() -> Result<(), LockdownError> {
    let outcome = OpenOptions::new().write(true).open("/dev/null").map(drop);
    match outcome {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(()),
        outcome => Err(LockdownError::not_in_force(outcome)),
    }
}
