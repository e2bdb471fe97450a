//! `tidegate lint` as users run it: the binary, its output, its exit status.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../simulate/command.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod command;

use command::{Files, app, repository, tidegate};
use serde_json::{Value, json};

const GATEWAY_API: &str = "argoproj-labs/gatewayAPI";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_examples_have_no_errors() {
    let examples = std::fs::read_dir(repository("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut looked_at = 0;
    for example in examples.filter(|path| path.is_dir() && !path.ends_with("routers")) {
        let run = tidegate(&["lint", &example.display().to_string()]);
        assert_eq!(run.status, 0, "{}: {}{}", example.display(), run.stdout, run.stderr);
        looked_at += 1;
    }
    assert!(looked_at >= 9, "{looked_at}");
}

#[test]
fn findings_name_file_line_and_object() {
    let files = Files::new();
    let mut list = app("web", GATEWAY_API);
    list["items"][3]["spec"]["strategy"]["canary"]["steps"] = json!([{"setWeight": 500}]);
    list["items"][3]["spec"]["strategy"]["canary"]["maxSruge"] = json!(1);
    let path = files.write("web.json", serde_json::to_string_pretty(&list).unwrap());
    let run = tidegate(&["lint", &path]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(!run.stdout.contains('\u{1b}'), "no colour in a pipe");
    let text = std::fs::read_to_string(&path).unwrap();
    for (what, meant) in [("setWeight", "InvalidSpec"), ("maxSruge", "UnknownField")] {
        let line = text.lines().position(|line| line.contains(what)).unwrap() + 1;
        let place = format!("{path}:{line}: error: Rollout default/web: ");
        let told = run.stdout.lines().find(|told| told.starts_with(&place));
        assert!(told.is_some_and(|told| told.ends_with(&format!("[{meant}]"))), "{place}\n{}", run.stdout);
    }

    let run = tidegate(&["lint", "--output", "json", &path]);
    let mut all = lines(&run.stdout);
    let result = all.pop().unwrap();
    assert_eq!((run.status, &result["result"], &result["errors"]), (1, &json!("Invalid"), &json!(2)));
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["condition"], "InvalidSpec");
}

#[test]
fn a_part_has_warnings_where_the_whole_has_errors() {
    let files = Files::new();
    let rollout = app("web", GATEWAY_API)["items"][3].to_string();
    let path = files.write("rollout.json", rollout);
    assert_eq!(tidegate(&["lint", &path]).status, 1);
    let run = tidegate(&["lint", "--partial", &path]);
    assert_eq!(run.status, 0, "{}", run.stdout);
    assert!(run.stdout.contains("warning"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_read_is_another_matter() {
    let run = tidegate(&["lint", "--output", "json", "nowhere.yaml"]);
    let told = lines(&run.stdout).pop().unwrap();
    assert_eq!((run.status, told["reason"].as_str()), (2, Some("Unreadable")));
    assert_eq!(tidegate(&["lint"]).status, 2);
    let files = Files::new();
    let run = tidegate(&["lint", &files.write("broken.yaml", "a: [1")]);
    assert_eq!(run.status, 1, "what is no YAML is a finding: {}", run.stderr);
    assert!(run.stdout.contains("[NotYaml]"), "{}", run.stdout);
}
