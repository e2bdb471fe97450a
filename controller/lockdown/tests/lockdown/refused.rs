//! What must not work any more, tried by the calls that ordinary code makes.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown, chroot, fchown, lchown, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, XattrFlags};

use crate::case::{case, refused};

/// Puts the file `there` into the folder.
fn file(folder: &Path) -> PathBuf {
    let file = folder.join("there");
    fs::write(&file, "as it was").unwrap();
    file
}

/// Asserts that the file is as it was, and alone.
fn unchanged(file: &Path) {
    assert_eq!(fs::read_to_string(file).unwrap(), "as it was");
    let folder = fs::read_dir(file.parent().unwrap()).unwrap();
    let names: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names, [file]);
}

#[test]
fn no_program_starts() {
    case(
        "refused::no_program_starts",
        |_| {},
        |()| {
            refused("spawning", Command::new("/bin/sh").arg("-c").arg("true").spawn());
            refused("spawning with a hook", Command::new("/bin/sh").uid(1).spawn());
            let error = Command::new("/bin/sh").args(["-c", "exit 0"]).exec();
            refused("execve", Err::<(), _>(error));
        },
    );
}

#[test]
fn no_file_opens_for_writing() {
    case("refused::no_file_opens_for_writing", file, |there| {
        let new = there.with_file_name("new");
        refused("creating", File::create(&new));
        refused("creating anew", File::create_new(&new));
        refused("writing", fs::write(&there, "changed"));
        refused("copying", fs::copy(&there, &new));
        let open = |options: &mut OpenOptions| options.open(&there);
        refused("write", open(OpenOptions::new().write(true)));
        refused("read and write", open(OpenOptions::new().read(true).write(true)));
        refused("append", open(OpenOptions::new().append(true)));
        refused("truncate", open(OpenOptions::new().write(true).truncate(true)));
        refused("truncate, for reading", open(OpenOptions::new().read(true).custom_flags(libc::O_TRUNC)));
        refused("create, for reading", open(OpenOptions::new().read(true).custom_flags(libc::O_CREAT)));
        refused("a device", OpenOptions::new().write(true).open("/dev/null"));
        let nameless = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_TMPFILE)
            .open(there.parent().unwrap());
        refused("a file without a name", nameless);
        refused("what is open for reading, again for writing", {
            let file = File::open(&there).unwrap();
            let again = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
            OpenOptions::new().write(true).open(again)
        });
        unchanged(&there);
    });
}

#[test]
fn openat2_does_not_exist() {
    case("refused::openat2_does_not_exist", file, |there| {
        let result = rustix::fs::openat2(CWD, &there, OFlags::WRONLY, Mode::empty(), ResolveFlags::empty());
        assert_eq!(result.unwrap_err(), rustix::io::Errno::NOSYS);
        unchanged(&there);
    });
}

#[test]
fn no_file_system_changes() {
    case("refused::no_file_system_changes", file, |there| {
        let file = &there;
        let new = there.with_file_name("new");
        refused("mkdir", fs::create_dir(&new));
        refused("rename", fs::rename(file, &new));
        refused("unlink", fs::remove_file(file));
        refused("rmdir", fs::remove_dir(there.parent().unwrap()));
        refused("link", fs::hard_link(file, &new));
        refused("symlink", symlink(file, &new));
        refused("chmod", fs::set_permissions(file, Permissions::from_mode(0o777)));
        refused("chown", chown(file, Some(1), None));
        refused("lchown", lchown(file, Some(1), None));
        refused("chroot", chroot(there.parent().unwrap()));
        let open = File::open(file).unwrap();
        refused("fchmod", open.set_permissions(Permissions::from_mode(0o777)));
        refused("fchown", fchown(&open, Some(1), None));
        refused("utimensat", open.set_modified(SystemTime::UNIX_EPOCH));
        let errno = |result: rustix::io::Result<()>| result.map_err(std::io::Error::from);
        refused("mknodat", errno(rustix::fs::mknodat(CWD, &new, FileType::Fifo, Mode::RUSR, 0)));
        refused("chmodat", errno(rustix::fs::chmodat(CWD, file, Mode::RWXU, AtFlags::empty())));
        refused("setxattr", errno(rustix::fs::setxattr(file, "user.x", b"x", XattrFlags::empty())));
        refused("removexattr", errno(rustix::fs::removexattr(file, "user.x")));
        unchanged(&there);
    });
}

#[test]
fn no_socket_leaves_a_file() {
    case("refused::no_socket_leaves_a_file", file, |there| {
        refused("a Unix socket", UnixListener::bind(there.with_file_name("socket")));
        refused("a pair of Unix sockets", UnixStream::pair());
        unchanged(&there);
    });
}

#[test]
fn it_holds_for_threads_that_ran_before_and_for_those_that_start_later() {
    let before = |folder: &Path| {
        let (ask, asked) = mpsc::channel::<PathBuf>();
        let running = thread::spawn(move || File::create(asked.recv().unwrap()));
        (file(folder), ask, running)
    };
    case(
        "refused::it_holds_for_threads_that_ran_before_and_for_those_that_start_later",
        before,
        |(there, ask, running)| {
            let new = there.with_file_name("new");
            ask.send(new.clone()).unwrap();
            refused("creating on a thread that ran before", running.join().unwrap());
            let later = thread::spawn(move || File::create(new));
            refused("creating on a thread that started later", later.join().unwrap());
            unchanged(&there);
        },
    );
}

#[test]
fn what_is_open_already_stays_so() {
    let before = |folder: &Path| {
        let there = file(folder);
        let open = OpenOptions::new().append(true).open(&there).unwrap();
        (there, open, TcpListener::bind("127.0.0.1:0").unwrap())
    };
    case("refused::what_is_open_already_stays_so", before, |(there, mut open, listener)| {
        open.write_all(b", and more").unwrap();
        assert_eq!(fs::read_to_string(&there).unwrap(), "as it was, and more");
        assert_ne!(listener.local_addr().unwrap().port(), 0);
    });
}
