//! Running a case in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

use tempfile::TempDir;
use tidegate_lockdown::lock_down;

/// Says to a process which case it is there for.
const CASE: &str = "TIDEGATE_LOCKDOWN_CASE";

/// Says to it which folder it may use. It could not remove one of its own.
const FOLDER: &str = "TIDEGATE_LOCKDOWN_FOLDER";

/// Runs this test's case in a process of its own. `before` runs before the lockdown, with an empty folder; `after` after it.
///
/// The process is this test program again, asked for the same test.
pub(crate) fn case<T>(test: &str, before: impl FnOnce(&Path) -> T, after: impl FnOnce(T)) {
    // So that a name that no test has, for which the program would run none and be content, is noticed.
    let passed = format!("passed after the lockdown: {test}");
    if env::var_os(CASE).is_some_and(|case| case == test) {
        let prepared = before(&PathBuf::from(env::var_os(FOLDER).unwrap()));
        lock_down().unwrap();
        after(prepared);
        println!("{passed}");
        return;
    }
    let folder = TempDir::new().unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CASE, test)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains(&passed), "{}\n{said}\n{complained}", output.status);
}

/// Asserts that the kernel refused this on purpose.
pub(crate) fn refused<T>(what: &str, result: io::Result<T>) {
    let error = result.err().unwrap_or_else(|| panic!("{what} worked"));
    assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{what}: {error}");
}
