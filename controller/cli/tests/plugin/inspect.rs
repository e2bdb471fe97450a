//! `tidegate plugin inspect` and `tidegate plugin digest`.

use crate::command::plugin;

#[test]
fn a_plugin_is_shown_to_people_and_programs() {
    let run = plugin(&["inspect", "builtin:gateway-api"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    for told in [
        "gateway-api",
        "HTTPRoute",
        "/spec/rules/*/backendRefs/*/weight",
        "weights",
        "tidegate:traffic/router@0.1.0",
    ] {
        assert!(run.stdout.contains(told), "{told}: {}", run.stdout);
    }
    let run = plugin(&["inspect", "builtin:gateway-api", "--output", "json"]);
    let shown = run.result();
    assert_eq!(shown["description"]["name"], "gateway-api");
    assert!(shown["bytes"].as_u64().unwrap() > 10_000 && shown["functions"].as_u64().unwrap() > 10);
    let exports = shown["exports"].as_array().unwrap();
    assert!(
        exports.iter().any(|item| item["functions"].as_array().unwrap().contains(&"route".into())),
        "{shown}"
    );
    assert_eq!(plugin(&["digest", "builtin:gateway-api"]).stdout.trim(), shown["sha256"]);
}

#[test]
fn a_digest_is_what_other_commands_take() {
    let digest = plugin(&["digest", "builtin:gateway-api"]).stdout;
    let run = plugin(&["inspect", "builtin:gateway-api", "--sha256", digest.trim()]);
    assert_eq!(run.status, 0, "{}", run.stderr);
}

#[test]
fn what_is_no_plugin_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("empty.wasm");
    // A component with nothing in it: it can be shown, and is no plugin.
    std::fs::write(&component, wat::parse_str("(component)").unwrap()).unwrap();
    let component = component.display().to_string();
    let run = plugin(&["inspect", &component]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stdout.contains("Exports") && run.stderr.contains("IncompatibleInterface"), "{}", run.stderr);
    let run = plugin(&["inspect", &component, "--output", "json"]);
    assert_eq!((run.status, &run.result()["reason"]), (1, &"IncompatibleInterface".into()));
    let core = folder.path().join("core.wasm");
    std::fs::write(&core, wat::parse_str("(module)").unwrap()).unwrap();
    let run = plugin(&["inspect", &core.display().to_string(), "--output", "json"]);
    assert_eq!((run.status, &run.result()["reason"]), (2, &"NotAComponent".into()));
    assert_eq!(plugin(&["digest", "nowhere.wasm"]).status, 2);
}
