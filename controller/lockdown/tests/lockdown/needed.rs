//! What must go on working.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::{self, File};
use std::io::{IsTerminal as _, Read as _, Seek as _, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::panic;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{MemfdFlags, SealFlags};

use crate::case::case;

#[test]
fn threads_start_with_names_sleep_and_end() {
    case(
        "needed::threads_start_with_names_sleep_and_end",
        |_| {},
        |()| {
            let (say, said) = mpsc::channel();
            let threads: Vec<_> = (0..20)
                .map(|number| {
                    let say = say.clone();
                    let named = thread::Builder::new().name(format!("worker-{number}"));
                    named.spawn(move || {
                        thread::sleep(Duration::from_millis(1));
                        say.send((number, thread::current().name().map(str::to_owned))).unwrap();
                    })
                })
                .collect();
            drop(say);
            for thread in threads {
                thread.unwrap().join().unwrap();
            }
            assert_eq!(said.iter().count(), 20);
            assert!(said.try_recv().is_err());
            assert!(thread::available_parallelism().is_ok());
        },
    );
}

#[test]
fn sockets_connect_listen_and_time_out() {
    case(
        "needed::sockets_connect_listen_and_time_out",
        |_| {},
        |()| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let client = thread::spawn(move || {
                let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10)).unwrap();
                stream.set_nodelay(true).unwrap();
                stream.write_all(b"there").unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                answer
            });
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 5];
            stream.read_exact(&mut question).unwrap();
            stream.write_all(b"and back").unwrap();
            drop(stream);
            assert_eq!((&question, client.join().unwrap().as_str()), (b"there", "and back"));
            listener.set_nonblocking(true).unwrap();
            assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
            let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
            datagrams.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            assert!(datagrams.recv(&mut [0; 8]).is_err());
        },
    );
}

/// By the C library, which reads its configuration and asks the kernel for addresses. No server is asked: the name is in
/// `/etc/hosts` or is known to the library; what a server would answer is a matter of sockets.
#[test]
fn names_are_resolved() {
    case(
        "needed::names_are_resolved",
        |_| {},
        |()| {
            let addresses: Vec<_> = ("localhost", 443).to_socket_addrs().unwrap().collect();
            assert!(addresses.iter().any(|address| address.ip().is_loopback()), "{addresses:?}");
        },
    );
}

#[test]
fn files_that_others_replace_are_read_again() {
    let before = |folder: &Path| {
        let token = folder.join("token");
        fs::write(&token, "first").unwrap();
        // What the kubelet does: another process replaces the file.
        let script = "read go; printf second > \"$1.new\"; mv \"$1.new\" \"$1\"; echo done";
        let kubelet = std::process::Command::new("sh")
            .args(["-c", script, "kubelet"])
            .arg(&token)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        (token, kubelet)
    };
    case("needed::files_that_others_replace_are_read_again", before, |(token, mut kubelet)| {
        assert_eq!(fs::read_to_string(&token).unwrap(), "first");
        writeln!(kubelet.stdin.take().unwrap(), "go").unwrap();
        kubelet.stdout.take().unwrap().read_to_string(&mut String::new()).unwrap();
        assert_eq!(fs::read_to_string(&token).unwrap(), "second");
        assert!(fs::metadata(&token).unwrap().modified().unwrap() <= SystemTime::now());
        assert!(token.exists() && !token.with_file_name("other").exists());
        assert_eq!(fs::read_dir(token.parent().unwrap()).unwrap().count(), 1);
        assert!(fs::canonicalize(&token).is_ok());
        assert!(Path::new("/proc/self/status").exists());
    });
}

/// What the sandbox starts memories from.
#[test]
fn memory_is_made_sized_sealed_and_read() {
    case(
        "needed::memory_is_made_sized_sealed_and_read",
        |_| {},
        |()| {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let mut memory = File::from(rustix::fs::memfd_create("image", flags).unwrap());
            memory.set_len(1 << 16).unwrap();
            memory.write_all(b"image").unwrap();
            let seals = SealFlags::GROW | SealFlags::SHRINK | SealFlags::WRITE | SealFlags::SEAL;
            rustix::fs::fcntl_add_seals(&memory, seals).unwrap();
            memory.rewind().unwrap();
            let mut start = [0; 5];
            memory.read_exact(&mut start).unwrap();
            assert_eq!(&start, b"image");
            let large = vec![1_u8; 64 << 20];
            assert_eq!(large.iter().step_by(4096).map(|byte| usize::from(*byte)).sum::<usize>(), 64 << 8);
        },
    );
}

#[test]
fn panics_are_caught_with_their_backtrace() {
    case(
        "needed::panics_are_caught_with_their_backtrace",
        |_| {},
        |()| {
            let (say, said) = mpsc::channel();
            panic::set_hook(Box::new(move |_| say.send(Backtrace::force_capture()).unwrap()));
            let caught = panic::catch_unwind(|| panic!("on purpose"));
            assert!(caught.is_err());
            let backtrace = said.recv().unwrap();
            assert_eq!(backtrace.status(), BacktraceStatus::Captured);
            // Symbols are read from the program's own file.
            let text = backtrace.to_string();
            assert!(text.contains("panics_are_caught_with_their_backtrace"), "{text}");
            let _ = panic::take_hook();
        },
    );
}

#[test]
fn clocks_go_and_standard_error_is_written_to() {
    case(
        "needed::clocks_go_and_standard_error_is_written_to",
        |_| {},
        |()| {
            let started = Instant::now();
            thread::sleep(Duration::from_millis(2));
            assert!(started.elapsed() >= Duration::from_millis(2));
            assert!(SystemTime::now() > SystemTime::UNIX_EPOCH);
            let _ = std::io::stderr().is_terminal();
            eprintln!("a line for the log");
        },
    );
}

/// The process can be locked down further.
#[test]
fn a_second_lockdown_changes_nothing() {
    case(
        "needed::a_second_lockdown_changes_nothing",
        |_| {},
        |()| {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
            tidegate_lockdown::lock_down().unwrap();
            assert!(File::open("/proc/self/status").is_ok());
        },
    );
}
