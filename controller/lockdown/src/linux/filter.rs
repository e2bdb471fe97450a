//! From lists of system calls to programs for the kernel.
//!
//! A filter of seccompiler has one answer for what matches and one for all else; three answers are wanted. So there are
//! two filters. The kernel asks both and takes the most restrictive answer; of two errors, that of the filter that was
//! installed last.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};

use crate::LockdownError;

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;

/// How the kernel names the architecture (`AUDIT_ARCH_X86_64`, `AUDIT_ARCH_AARCH64` of Linux' `audit.h`).
#[cfg(all(test, target_arch = "x86_64"))]
pub(super) const AUDIT_ARCH: u32 = 0xc000_003e;
#[cfg(all(test, target_arch = "aarch64"))]
pub(super) const AUDIT_ARCH: u32 = 0xc000_00b7;

/// System calls by number, and of each the arguments that are meant: any of the rules, or all when there is none.
pub(super) type Calls = BTreeMap<c_long, Vec<SeccompRule>>;

/// The two programs, in the order in which they must be installed: what is not allowed does not exist; what is refused
/// is forbidden.
pub(super) fn programs(allowed: &[c_long], refused: Calls) -> Result<[BpfProgram; 2], LockdownError> {
    let allowed = allowed.iter().map(|number| (*number, Vec::new())).collect();
    let unknown = SeccompAction::Errno(errno(libc::ENOSYS));
    let forbidden = SeccompAction::Errno(errno(libc::EPERM));
    Ok([compile(allowed, unknown, SeccompAction::Allow)?, compile(refused, SeccompAction::Allow, forbidden)?])
}

fn errno(number: i32) -> u32 {
    number.unsigned_abs()
}

fn compile(
    calls: Calls,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, LockdownError> {
    SeccompFilter::new(calls, otherwise, matching, ARCH)
        .and_then(BpfProgram::try_from)
        .map_err(|error| LockdownError::Compile(Box::new(error)))
}
