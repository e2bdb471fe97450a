//! Systems that there is no filter for.

use std::env::consts::{ARCH, OS};

use crate::{LockdownError, Report};

/// Does nothing here but say so.
///
/// # Errors
/// Always [`LockdownError::Unsupported`]: who asks for a lockdown must not run without one unknowingly.
pub fn lock_down() -> Result<Report, LockdownError> {
    Err(LockdownError::Unsupported { os: OS, arch: ARCH })
}
