//! What the two programs answer together, for every number, by an interpreter of what they are made of. That the kernel answers
//! the same is tested in `tests/`, with the calls that safe code can make.

use libc::c_long;
use seccompiler::BpfProgram;

use super::{allowed, filter, refused};

const PROCESS: u32 = 4711;

/// What the kernel does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Ends,
    Fails(i32),
    Works,
}

use Answer::{Ends, Fails, Works};

const UNKNOWN: Answer = Fails(libc::ENOSYS);
const FORBIDDEN: Answer = Fails(libc::EPERM);

struct Programs([BpfProgram; 2]);

impl Programs {
    fn new() -> Self {
        Self(filter::programs(&allowed::numbers(), refused::calls(PROCESS).unwrap()).unwrap())
    }

    /// Asks both, the last one first; the most restrictive answer counts, and of two errors the first.
    fn answer(&self, number: c_long, arguments: [u64; 6]) -> Answer {
        self.answer_on(filter::AUDIT_ARCH, number, arguments)
    }

    fn answer_on(&self, arch: u32, number: c_long, arguments: [u64; 6]) -> Answer {
        let mut data = Vec::new();
        data.extend(u32::try_from(number).unwrap().to_ne_bytes());
        data.extend(arch.to_ne_bytes());
        data.extend(0_u64.to_ne_bytes());
        data.extend(arguments.iter().flat_map(|argument| argument.to_ne_bytes()));
        let rank = |answer: &Answer| match answer {
            Ends => 0,
            Fails(_) => 1,
            Works => 2,
        };
        // Of equals, the first.
        self.0.iter().rev().map(|program| run(program, &data)).min_by_key(rank).unwrap()
    }
}

/// Runs a program of the old BPF, as far as seccompiler uses it.
fn run(program: &BpfProgram, data: &[u8]) -> Answer {
    let mut accumulator = 0_u32;
    let mut at = 0;
    loop {
        let instruction = &program[at];
        let operand = instruction.k;
        let place = usize::try_from(operand).unwrap();
        at += 1;
        let jump = |holds: bool| usize::from(if holds { instruction.jt } else { instruction.jf });
        match instruction.code {
            0x20 => accumulator = u32::from_ne_bytes(data[place..place + 4].try_into().unwrap()),
            0x54 => accumulator &= operand,
            0x05 => at += place,
            0x15 => at += jump(accumulator == operand),
            0x25 => at += jump(accumulator > operand),
            0x35 => at += jump(accumulator >= operand),
            0x06 => {
                return match operand & 0xffff_0000 {
                    0x7fff_0000 => Works,
                    0x0005_0000 => Fails(i32::try_from(operand & 0xffff).unwrap()),
                    0x8000_0000 => Ends,
                    _ => panic!("an action that is not meant: {operand:#x}"),
                };
            }
            other => panic!("an instruction that is not meant: {other:#x}"),
        }
    }
}

// Requests of `ioctl`: do not block, and type for a terminal. By their numbers, since their type in `libc` differs.
const FIONBIO: i32 = 0x5421;
const TIOCSTI: i32 = 0x5412;

const ZERO: [u64; 6] = [0; 6];

fn with(index: usize, value: impl Into<i64>) -> [u64; 6] {
    let mut arguments = ZERO;
    // As a compiler passes an int: what is above it is anything.
    arguments[index] = u64::from_ne_bytes(value.into().to_ne_bytes());
    arguments
}

#[test]
fn each_number_works_is_forbidden_or_does_not_exist() {
    let programs = Programs::new();
    let allowed = allowed::numbers();
    let refused = refused::calls(PROCESS).unwrap();
    for number in 0..1024 {
        let answer = programs.answer(number, ZERO);
        match (allowed.contains(&number), refused.get(&number)) {
            (true, None) => assert_eq!(answer, Works, "{number}"),
            (true, Some(rules)) => assert!(!rules.is_empty(), "{number} is allowed and refused"),
            (false, Some(rules)) => {
                assert!(rules.is_empty(), "{number} is not allowed, so nothing depends on its arguments");
                assert_eq!(answer, FORBIDDEN, "{number}");
            }
            (false, None) => assert_eq!(answer, UNKNOWN, "{number}"),
        }
    }
}

#[test]
fn no_number_is_named_twice() {
    let mut numbers = allowed::numbers();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count);
}

/// The x32 ABI, which the same architecture has under the same numbers and one more bit.
#[test]
fn no_number_works_by_another_name() {
    let programs = Programs::new();
    for number in 0..1024 {
        for bit in [30, 31, 20] {
            assert_eq!(programs.answer(number | 1 << bit, ZERO), UNKNOWN, "{number} and bit {bit}");
        }
    }
}

#[test]
fn a_call_of_another_architecture_ends_the_process() {
    let programs = Programs::new();
    let of_i386 = 0x4000_0003;
    for number in [0, 1, 5, 11] {
        assert_eq!(programs.answer_on(of_i386, number, ZERO), Ends);
    }
}

#[test]
fn opening_works_for_reading_only() {
    let programs = Programs::new();
    let reading = [
        0,
        libc::O_CLOEXEC,
        libc::O_DIRECTORY | libc::O_CLOEXEC,
        libc::O_NOFOLLOW | libc::O_NONBLOCK,
        libc::O_PATH,
        // O_LARGEFILE by its number: C libraries have it as 0.
        0o100_000,
    ];
    let writing = [
        libc::O_WRONLY,
        libc::O_RDWR,
        libc::O_WRONLY | libc::O_RDWR,
        libc::O_CREAT,
        libc::O_TRUNC,
        libc::O_APPEND,
        libc::O_TMPFILE,
        libc::O_TMPFILE | libc::O_RDWR,
    ];
    for flags in reading {
        assert_eq!(programs.answer(libc::SYS_openat, with(2, flags)), Works, "{flags:#o}");
        for more in writing {
            assert_eq!(programs.answer(libc::SYS_openat, with(2, flags | more)), FORBIDDEN, "{more:#o}");
        }
    }
    #[cfg(target_arch = "x86_64")]
    for (flags, answer) in [(0, Works), (libc::O_WRONLY, FORBIDDEN), (libc::O_CREAT, FORBIDDEN)] {
        assert_eq!(programs.answer(libc::SYS_open, with(1, flags)), answer);
    }
    assert_eq!(programs.answer(libc::SYS_openat2, ZERO), UNKNOWN);
}

#[test]
fn clone_makes_threads_only() {
    let programs = Programs::new();
    // What glibc and musl start a thread with.
    let thread = 0x3d_0f00;
    assert_eq!(programs.answer(libc::SYS_clone, with(0, thread)), Works);
    assert_eq!(programs.answer(libc::SYS_clone, with(0, thread | 0x40_0000)), Works);
    for process in [libc::SIGCHLD, libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD] {
        assert_eq!(programs.answer(libc::SYS_clone, with(0, process)), FORBIDDEN);
    }
    for namespace in [libc::CLONE_NEWNS, libc::CLONE_NEWUSER, libc::CLONE_NEWNET, libc::CLONE_NEWPID] {
        assert_eq!(programs.answer(libc::SYS_clone, with(0, thread | namespace)), FORBIDDEN);
    }
    assert_eq!(programs.answer(libc::SYS_clone3, ZERO), UNKNOWN);
}

#[test]
fn arguments_decide_where_a_call_can_do_several_things() {
    let programs = Programs::new();
    let process = i64::from(PROCESS);
    for (number, arguments, answer) in [
        (libc::SYS_socket, with(0, libc::AF_INET), Works),
        (libc::SYS_socket, with(0, libc::AF_INET6), Works),
        (libc::SYS_socket, with(0, libc::AF_NETLINK), Works),
        (libc::SYS_socket, with(0, libc::AF_UNIX), FORBIDDEN),
        (libc::SYS_socket, with(0, libc::AF_PACKET), FORBIDDEN),
        (libc::SYS_socket, with(0, libc::AF_ALG), FORBIDDEN),
        (libc::SYS_ioctl, with(1, FIONBIO), Works),
        (libc::SYS_ioctl, with(1, 0xc060_6610_u32), Works),
        (libc::SYS_ioctl, with(1, TIOCSTI), FORBIDDEN),
        (libc::SYS_prctl, with(0, libc::PR_SET_NAME), Works),
        (libc::SYS_prctl, with(0, libc::PR_SET_PTRACER), FORBIDDEN),
        (libc::SYS_prctl, with(0, libc::PR_SET_MM), FORBIDDEN),
        (libc::SYS_tgkill, with(0, process), Works),
        (libc::SYS_tgkill, with(0, process + 1), FORBIDDEN),
        (libc::SYS_tkill, with(1, libc::SIGABRT), Works),
        (libc::SYS_tkill, with(1, libc::SIGKILL), FORBIDDEN),
        (libc::SYS_prlimit64, with(3, 1), Works),
        (libc::SYS_prlimit64, with(2, 1), FORBIDDEN),
        (libc::SYS_prlimit64, with(2, 1_i64 << 40), FORBIDDEN),
    ] {
        assert_eq!(programs.answer(number, arguments), answer, "{number} {arguments:x?}");
    }
}

/// What issues of security name by name, whatever list it is on.
#[test]
fn nothing_of_this_works_with_any_argument() {
    let programs = Programs::new();
    for number in [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_setuid,
        libc::SYS_personality,
        libc::SYS_mount,
        libc::SYS_pivot_root,
        libc::SYS_open_by_handle_at,
        libc::SYS_memfd_secret,
        libc::SYS_pidfd_getfd,
        libc::SYS_renameat2,
        libc::SYS_copy_file_range,
        libc::SYS_fallocate,
    ] {
        for argument in [0, 1, u64::MAX] {
            let answer = programs.answer(number, [argument; 6]);
            assert!(matches!(answer, Fails(_)), "{number}: {answer:?}");
        }
    }
}
