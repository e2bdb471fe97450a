//! Ends the servers when the test program ends, however that happens.
//!
//! A test program has no last line: values in statics are never dropped, and it may be killed. So a small shell
//! waits for the end of a pipe that only the test program holds open, then ends what was registered and removes
//! the folder.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

const SCRIPT: &str = r#"
trap '' INT TERM HUP
while read -r pid; do pids="$pids $pid"; done
[ -n "$pids" ] && kill -9 $pids 2>/dev/null
rm -rf "$1"
"#;

pub(crate) struct Reaper {
    /// Closed by the system when this process ends.
    register: ChildStdin,
    _shell: Child,
}

impl Reaper {
    pub(crate) fn new(folder: &Path) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "reaper"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starting sh");
        Self { register: shell.stdin.take().unwrap(), _shell: shell }
    }

    /// Ends this process with the test program. It must not be waited for before, or its number may be another's.
    pub(crate) fn register(&mut self, child: &Child) {
        writeln!(self.register, "{}", child.id()).expect("the reaper listens");
    }
}
