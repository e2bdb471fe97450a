//! `tidegate plugin test`: output and exit status.

use tidegate_conformance::Check;

use crate::command::{plugin, repository};

fn fixtures() -> String {
    repository("plugins/gateway-api/fixtures")
}

#[test]
fn a_good_plugin_passes() {
    let run = plugin(&["test", "builtin:gateway-api", "--fixtures", &fixtures(), "--cases", "4"]);
    assert_eq!(run.status, 0, "{}\n{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("PASSED"), "{}", run.stdout);
    for check in Check::ALL {
        assert!(run.stdout.contains(check.as_str()), "{check} is on the scorecard: {}", run.stdout);
        assert!(run.stderr.contains(check.as_str()), "{check} was told of: {}", run.stderr);
    }
    assert!(!run.stdout.contains('\u{1b}'), "no colours where there is no terminal");
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 120), "{}", run.stdout);
}

#[test]
fn programs_read_lines() {
    let run = plugin(&["test", "builtin:gateway-api", "--fixtures", &fixtures(), "--output", "json"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    assert_eq!(run.stdout.lines().count(), Check::ALL.len() + 1);
    let result = run.result();
    assert_eq!((&result["result"], &result["plugin"]), (&"Passed".into(), &"gateway-api".into()));
    assert_eq!(result["lines"].as_array().unwrap().len(), Check::ALL.len());
    assert_eq!(result["totals"]["failed"], 0);
    let again = plugin(&["test", "builtin:gateway-api", "--fixtures", &fixtures(), "--output", "json"]);
    assert_eq!(run.stdout, again.stdout, "the same run prints the same");
}

#[test]
fn without_fixtures_little_is_tested_and_that_is_said() {
    let run = plugin(&["test", "builtin:gateway-api"]);
    assert_eq!(run.status, 0, "{}", run.stdout);
    assert!(run.stdout.contains("not tested") && run.stdout.contains("--fixtures"), "{}", run.stdout);
}

#[test]
fn a_failure_says_what_was_asked_answered_and_expected() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(repository("plugins/gateway-api/fixtures/http-route.yaml")).unwrap();
    let wrong = text.replace("is: 80}", "is: 81}");
    assert_ne!(text, wrong);
    std::fs::write(folder.path().join("wrong.yaml"), wrong).unwrap();
    let run = plugin(&["test", "builtin:gateway-api", "--fixtures", &folder.path().display().to_string()]);
    assert_eq!(run.status, 1, "{}", run.stdout);
    for told in ["FAILED", "expectations, fixture wrong", "asked", "answered", "expected", "81"] {
        assert!(run.stdout.contains(told), "{told}: {}", run.stdout);
    }
}

#[test]
fn what_cannot_be_run_has_its_own_status() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let page = path("page.wasm", "<!DOCTYPE html>");
    path("bad.yaml", "target: {namespace: shop}\n");
    let bad_fixtures = folder.path().display().to_string();
    let zeros = "0".repeat(64);
    for (arguments, reason) in [
        (vec!["nowhere.wasm"], "Unreachable"),
        (vec!["builtin:nothing"], "Unreachable"),
        (vec![&page], "NotWasm"),
        (vec!["builtin:gateway-api", "--sha256", &zeros], "DigestMismatch"),
        (vec!["builtin:gateway-api", "--fixtures", "no/such/folder"], "Unreadable"),
        (vec!["builtin:gateway-api", "--fixtures", &bad_fixtures], "InvalidFixture"),
    ] {
        let run = plugin(&[&["test", "--output", "json"], arguments.as_slice()].concat());
        assert_eq!(run.status, 2, "{arguments:?}: {}", run.stdout);
        assert_eq!((&run.result()["result"], &run.result()["reason"]), (&"Error".into(), &reason.into()));
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    }
    for arguments in
        [vec![], vec!["builtin:"], vec!["x.wasm", "--sha256", "12"], vec!["x.wasm", "--cases", "0"]]
    {
        let run = plugin(&[&["test"], arguments.as_slice()].concat());
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}");
    }
}
