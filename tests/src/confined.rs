//! A command that runs a program as a strict container runtime does: with a root that is read-only throughout, no folder
//! that could be written to, as somebody who is not root, without capabilities and without a way to get any.
//!
//! By util-linux, which is on every Linux: `unshare`, `mount`, `pivot_root`, `setpriv`. Root does it with a namespace
//! for mounts; anybody else also with a namespace for users, which some systems do not let them make.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = include_str!("confined.sh");

/// The user and the group that the image has.
const NOBODY: &str = "65532";

/// A command that runs `program`, of which `files` are all that it finds besides the C library; its arguments are to be
/// appended. `root` is an empty folder.
///
/// # Panics
/// When this system does not let us; with what it says.
pub(crate) fn command(root: &Path, program: &Path, files: &[&Path]) -> Command {
    require();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    // What every container has.
    let always = ["/dev/null", "/etc/hosts"].map(Path::new);
    let files = [&[program], &always[..], files].concat();
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let mut command = Command::new("unshare");
    if !is_root {
        command.args(["--user", "--keep-caps"]);
        command.args([format!("--map-user={NOBODY}"), format!("--map-group={NOBODY}")]);
    }
    command.args(["--mount", "--propagation=private", "sh", "-c", SCRIPT, "confined"]);
    command.arg(root).arg(files.join("\n"));
    command.args([
        "setpriv",
        "--no-new-privs",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--ambient-caps=-all",
    ]);
    if is_root {
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]);
    }
    command.arg(program);
    command
}

/// Says what is missing before it is missed in the middle of things.
fn require() {
    for program in ["unshare", "mount", "umount", "pivot_root", "setpriv"] {
        let found = Command::new(program).arg("--version").output();
        assert!(
            found.is_ok_and(|output| output.status.success()),
            "{program} of util-linux is needed for a read-only root, and is not on the PATH"
        );
    }
}
