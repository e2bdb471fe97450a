//! What `tidegate plugin new` makes is a plugin at once: its own tests pass, it builds for wasm32-wasip2 with its own
//! profile, and the component passes the conformance suite. Without a network: all that it depends on, this workspace
//! depends on, too.

use std::path::{Path, PathBuf};
use std::process::Command;

fn set(name: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(value) if !value.is_empty() => PathBuf::from(value),
        _ => panic!("{name} is not set: run this test by `cargo xtask test`"),
    }
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out
}

/// Cargo in the new plugin, building where the workspace's guests are built.
fn cargo(folder: &Path, task: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).args([task, "--offline", "--target-dir"]).arg(set("TIDEGATE_GUEST_TARGET_DIR"));
    cargo
}

#[test]
fn a_new_plugin_builds_and_passes() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("plugin");
    let tidegate = || Command::new(set("TIDEGATE_BIN"));
    succeed(
        tidegate().args(["plugin", "new", "my-router", "--path"]).arg(&plugin).arg("--sdk").arg(&repository),
    );
    // The versions that are known to be here.
    std::fs::copy(repository.join("Cargo.lock"), plugin.join("Cargo.lock")).unwrap();

    let tested = succeed(&mut cargo(&plugin, "test"));
    assert!(tested.contains("2 passed"), "{tested}");

    let mut build = cargo(&plugin, "build");
    build.args(["--release", "--target", "wasm32-wasip2"]);
    if let Some(rustc) = std::env::var_os("TIDEGATE_GUEST_RUSTC") {
        build.env("RUSTC", rustc).env("PATH", set("TIDEGATE_GUEST_PATH"));
    }
    succeed(&mut build);
    let component = set("TIDEGATE_GUEST_TARGET_DIR").join("wasm32-wasip2/release/my_router_component.wasm");
    // Debug information and unoptimised code would be megabytes.
    assert!(std::fs::metadata(&component).unwrap().len() < 300_000);

    let fixtures = plugin.join("fixtures");
    let mut test = tidegate();
    test.args(["plugin", "test"]).arg(&component).arg("--fixtures").arg(&fixtures).args(["--output", "json"]);
    let scorecard = succeed(&mut test);
    let result: serde_json::Value = serde_json::from_str(scorecard.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&result["result"], &result["totals"]["notTested"]),
        (&"Passed".into(), &0.into()),
        "{result:#}"
    );
}
