//! The system calls that are refused on purpose (`EPERM`), some of them only with certain arguments.
//!
//! That something is missing here makes it no more possible: what is not [allowed](super::allowed) does not exist. For
//! what is allowed with some arguments only, each condition here is exactly the opposite of what may be.

use libc::{c_int, c_long};
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{MaskedEq, Ne};
use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

use super::filter::Calls;

/// Flags with which opening can do more than read. `O_TMPFILE` is two bits, one of which is `O_DIRECTORY`.
const WRITING: c_int = libc::O_WRONLY
    | libc::O_RDWR
    | libc::O_CREAT
    | libc::O_TRUNC
    | libc::O_APPEND
    | (libc::O_TMPFILE & !libc::O_DIRECTORY);

/// Flags with which a new thread would leave the namespaces of the process.
const NAMESPACES: c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// Families of sockets that may be made: what talks to the API server, and what C libraries ask about addresses.
const FAMILIES: &[c_int] = &[libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Requests of `ioctl` that may be made: is it a terminal, how wide, do not block, close on exec, how much is there,
/// names of interfaces, and which of its own pages have changed.
// An int with musl, a long with glibc; none of them is negative.
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)]
const REQUESTS: &[u64] = &[
    libc::TCGETS as u64,
    libc::TIOCGWINSZ as u64,
    libc::FIONBIO as u64,
    libc::FIOCLEX as u64,
    libc::FIONREAD as u64,
    libc::SIOCGIFINDEX as u64,
    SIOCGIFNAME,
    PAGEMAP_SCAN,
];

/// The name of an interface by its number: `SIOCGIFNAME` in Linux' `sockios.h`.
const SIOCGIFNAME: u64 = 0x8910;

/// By which the sandbox finds out what of a memory to reset: `PAGEMAP_SCAN` in Linux' `fs.h`, from 6.7 on.
const PAGEMAP_SCAN: u64 = 0xc060_6610;

/// What may be said by `prctl`: names of threads and of memory, and what a further filter takes.
const PROCESS_CONTROL: &[c_int] = &[
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_VMA,
    libc::PR_SET_NO_NEW_PRIVS,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_GET_SECCOMP,
];

/// What is refused for the process with this id.
///
/// # Errors
/// When a condition cannot be expressed: a defect.
pub(super) fn calls(process: u32) -> Result<Calls, BackendError> {
    let unconditional = [PROCESSES, FILE_SYSTEM, PRIVILEGES, KERNEL, OF_THIS_ARCHITECTURE].concat();
    let mut calls: Calls = unconditional.into_iter().map(|number| (number, Vec::new())).collect();
    let words = |values: &[c_int]| values.iter().map(|value| word(*value)).collect::<Vec<_>>();
    let not_a_thread = rules([(0, Dword, MaskedEq(word(libc::CLONE_THREAD)), 0)])?;
    calls.extend([
        (libc::SYS_openat, any_bit(2, WRITING)?),
        (libc::SYS_clone, [not_a_thread, any_bit(0, NAMESPACES)?].concat()),
        (libc::SYS_socket, none_of(0, &words(FAMILIES))?),
        (libc::SYS_ioctl, none_of(1, REQUESTS)?),
        (libc::SYS_prctl, none_of(0, &words(PROCESS_CONTROL))?),
        // Signals to other processes; by the number of a thread alone only what `abort` sends.
        (libc::SYS_tgkill, none_of(0, &[u64::from(process)])?),
        (libc::SYS_tkill, none_of(1, &[word(libc::SIGABRT)])?),
        // Limits are read, not set.
        (libc::SYS_prlimit64, rules([(2, Qword, Ne, 0)])?),
    ]);
    #[cfg(target_arch = "x86_64")]
    calls.insert(libc::SYS_open, any_bit(1, WRITING)?);
    Ok(calls)
}

/// The 32 bits of an argument that the kernel takes as an `int`.
fn word(value: c_int) -> u64 {
    u64::from(value.cast_unsigned())
}

/// One condition on an argument: its index, how much of it counts, and what it is compared with.
type Condition = (u8, SeccompCmpArgLen, SeccompCmpOp, u64);

fn condition((argument, length, operator, value): Condition) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, length, operator, value)
}

/// Matches when any of these conditions holds.
fn rules(conditions: impl IntoIterator<Item = Condition>) -> Result<Vec<SeccompRule>, BackendError> {
    conditions.into_iter().map(|one| SeccompRule::new(vec![condition(one)?])).collect()
}

/// Matches when any of these bits is set in the argument.
fn any_bit(argument: u8, bits: c_int) -> Result<Vec<SeccompRule>, BackendError> {
    let each = (0..u32::BITS).map(|place| 1 << place).filter(|bit| word(bits) & bit != 0);
    rules(each.map(|bit| (argument, Dword, MaskedEq(bit), bit)))
}

/// Matches when the argument is none of these.
fn none_of(argument: u8, values: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    let all: Result<_, _> = values.iter().map(|value| condition((argument, Dword, Ne, *value))).collect();
    Ok(vec![SeccompRule::new(all?)?])
}

/// Programs and processes, and pipes to them.
const PROCESSES: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pipe2,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
];

/// Everything that changes a file system, and sockets that leave a file.
const FILE_SYSTEM: &[c_long] = &[
    libc::SYS_fallocate,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fremovexattr,
    libc::SYS_fsconfig,
    libc::SYS_fsetxattr,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_linkat,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_removexattr,
    libc::SYS_renameat2,
    libc::SYS_setxattr,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmget,
    libc::SYS_socketpair,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_umount2,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
];

/// Becoming somebody else, or somewhere else.
const PRIVILEGES: &[c_long] = &[
    libc::SYS_acct,
    libc::SYS_capset,
    libc::SYS_chroot,
    libc::SYS_personality,
    libc::SYS_setdomainname,
    libc::SYS_setfsgid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_setpgid,
    libc::SYS_setpriority,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_setreuid,
    libc::SYS_setsid,
    libc::SYS_setuid,
    libc::SYS_unshare,
    libc::SYS_vhangup,
];

/// The kernel itself, and ways around this filter: `io_uring` opens files without a system call for it.
const KERNEL: &[c_long] = &[
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_io_destroy,
    libc::SYS_io_setup,
    libc::SYS_io_submit,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mbind,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_nfsservctl,
    libc::SYS_perf_event_open,
    libc::SYS_reboot,
    libc::SYS_remap_file_pages,
    libc::SYS_request_key,
    libc::SYS_settimeofday,
    libc::SYS_syslog,
    libc::SYS_userfaultfd,
];

/// What older architectures have besides.
#[cfg(target_arch = "x86_64")]
const OF_THIS_ARCHITECTURE: &[c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_creat,
    libc::SYS_fork,
    libc::SYS_futimesat,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_lchown,
    libc::SYS_link,
    libc::SYS_mkdir,
    libc::SYS_mknod,
    libc::SYS_modify_ldt,
    libc::SYS_pipe,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_rmdir,
    libc::SYS_setrlimit,
    libc::SYS_symlink,
    libc::SYS_unlink,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_vfork,
];
#[cfg(target_arch = "aarch64")]
const OF_THIS_ARCHITECTURE: &[c_long] = &[libc::SYS_renameat];
