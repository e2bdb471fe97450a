//! Runs the real binary.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

/// Far more than any check takes: one that is not over by then never ends.
const GUARD: Duration = Duration::from_secs(120);

/// What `tidegate plugin check --output json` says and how it ends.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) status: i32,
    /// All that it wrote.
    pub(crate) text: String,
    /// The one object on standard output.
    pub(crate) outcome: Value,
}

impl Checked {
    pub(crate) fn text_of(&self, field: &str) -> &str {
        self.outcome[field].as_str().unwrap_or_default()
    }
}

/// Runs a check with these arguments, the location among them.
pub(crate) async fn check(arguments: &[String]) -> Checked {
    let (status, stdout, stderr) =
        tidegate(&[&["plugin", "check", "--output", "json"], &*borrowed(arguments)].concat()).await;
    let mut lines = stdout.lines();
    let line = lines.next().unwrap_or_else(|| panic!("{arguments:?}: no output; {stderr}"));
    assert_eq!(lines.next(), None, "{arguments:?}: one object");
    let outcome = serde_json::from_str(line).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {line}"));
    Checked { status, text: format!("{stdout}{stderr}"), outcome }
}

pub(crate) fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Runs the binary: its exit status, standard output, and standard error.
pub(crate) async fn tidegate(arguments: &[&str]) -> (i32, String, String) {
    tidegate_in(&[], arguments).await
}

/// The same with these variables.
pub(crate) async fn tidegate_in(variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    // What the machine of the tests is set to should not matter.
    for variable in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "RUST_LOG", "CLICOLOR_FORCE"] {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    command.envs(variables.iter().copied());
    let output = timeout(GUARD, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{arguments:?} does not end")).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap_or_else(|| panic!("{arguments:?} ended by a signal"));
    (status, text(output.stdout), text(output.stderr))
}

pub(crate) fn binary() -> PathBuf {
    let set = std::env::var_os("TIDEGATE_BIN").filter(|value| !value.is_empty()).map(PathBuf::from);
    set.expect(
        "TIDEGATE_BIN does not name the controller's binary. Run the test by `cargo xtask test`, or build it by \
         `cargo build --release -p tidegate` and set TIDEGATE_BIN to target/release/tidegate",
    )
}
