//! Takes from the process what a controller never needs: starting programs, writing files, changing a file system.
//!
//! [`lock_down`] installs a seccomp filter on all threads. From then on the kernel refuses, whatever code of this
//! process asks: no program is started (`execve`), no process is made (threads are), no file is opened for writing,
//! nothing in a file system is made, renamed, removed or changed, and nothing is there of what exploits need next: other
//! processes' memory, namespaces, BPF, `io_uring`, keyrings, kernel modules. It cannot be undone, and threads that start
//! later have it too.
//!
//! # Why a list of what is allowed
//!
//! A list of what is forbidden is out of date with the next kernel, and it has a second door: on `x86_64` every number
//! also exists with bit 30 set (the x32 ABI). So the filter knows what is allowed, by number. Everything else is
//! answered in one of two ways:
//!
//! - `EPERM` for what is refused on purpose (`linux::refused`), so that the error that somebody sees says what it is.
//! - `ENOSYS` for every other number, also those that nobody has thought of yet and those of x32. It is what an older kernel
//!   answers, and what C libraries and runtimes are made to fall back from: `clone3` to `clone`, whose flags a filter sees,
//!   and `openat2` to `openat`. `EPERM` instead would break programs, since it means that falling back is useless.
//!
//! A system call by another architecture's convention (`int 0x80`) ends the process.
//!
//! # What it leaves
//!
//! Descriptors that are open already keep what they can do: standard error can be written to. Memory can be made
//! executable, because plugins are compiled later, too. Sockets of the Internet families work; Unix sockets cannot be
//! made, since `bind` makes a file of one, and a filter does not see the address.
#![forbid(unsafe_code)]

mod error;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod other;

pub use error::LockdownError;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use linux::lock_down;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub use other::lock_down;

/// What is in force, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many system calls are allowed, some of them only with certain arguments.
    pub allowed: usize,
    /// How many are refused on purpose; all others are answered as if the kernel did not have them.
    pub refused: usize,
}
