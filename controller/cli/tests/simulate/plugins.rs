//! Plugins that cannot be loaded, and plugins that misbehave: a condition, traffic as it was, and a neighbour that does
//! not notice.

use tidegate_hostile::router;

use crate::command::{Files, Run, simulate};

const GOOD: &str = "argoproj-labs/gatewayAPI=builtin:gateway-api";

/// Plays an app that uses a bad plugin beside one that uses a good one.
fn beside_a_good_one(files: &Files, location: &str) -> Run {
    let bad = files.app("bad", "example/bad");
    let good = files.app("good", "argoproj-labs/gatewayAPI");
    let plugin = format!("example/bad={location}");
    let run = simulate(&[&bad, &good, "--router-plugin", GOOD, "--router-plugin", &plugin]);
    assert_eq!(run.status, 1, "{}\n{}", run.stdout, run.stderr);
    let result = run.result();
    let phase = |rollout: &str| {
        let rollouts = result["rollouts"].as_array().unwrap();
        rollouts.iter().find(|one| one["rollout"] == rollout).unwrap()["phase"].as_str().unwrap().to_owned()
    };
    assert_eq!(phase("default/good"), "Healthy", "{}", run.stdout);
    assert_ne!(phase("default/bad"), "Healthy");
    assert_eq!(run.weights("good", "good-canary"), [0, 50, 100, 0]);
    assert_eq!(run.weights("bad", "bad-canary"), [0]);
    assert!(result["t"].as_f64().unwrap() < 6.0 * 3600.0);
    run
}

fn expect_condition(run: &Run, reason: &str) {
    let condition = run.condition("default/bad", "TrafficRouterReady");
    assert_eq!(
        (&condition["status"], &condition["reason"]),
        (&"False".into(), &reason.into()),
        "{condition}"
    );
    assert!(
        condition["message"].as_str().is_some_and(|text| text.len() > 20),
        "says what to do: {condition}"
    );
}

#[test]
fn plugins_that_cannot_be_loaded() {
    let files = Files::new();
    let elf = files.write("plugin", b"\x7fELF\x02\x01\x01 and so on");
    let html = files.write("page", "<!DOCTYPE html><html>not found</html>");
    let core = files.write("core.wasm", router().module());
    let good = files.write("good.wasm", router().build());
    let pinned = format!("{good},sha256={}", "0".repeat(64));
    for (location, reason) in [
        ("nowhere.wasm", "Unreachable"),
        ("builtin:nothing", "Unreachable"),
        (&elf, "NotWasm"),
        (&html, "NotWasm"),
        (&core, "NotAComponent"),
        (&pinned, "DigestMismatch"),
    ] {
        let run = beside_a_good_one(&files, location);
        expect_condition(&run, reason);
        assert!(run.stderr.contains("example/bad"), "{}", run.stderr);
    }
}

#[test]
fn plugins_that_misbehave() {
    let files = Files::new();
    for (route, reason) in [
        ("(unreachable)", "Trap"),
        ("(loop $again (br $again)) (unreachable)", "OutOfFuel"),
        ("(loop $again (drop (memory.grow (i32.const 16))) (br $again)) (unreachable)", "MemoryLimit"),
    ] {
        let plugin = files.write("hostile.wasm", router().route(route).build());
        expect_condition(&beside_a_good_one(&files, &plugin), reason);
    }
}
