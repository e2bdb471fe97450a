//! The WASI that guests see: all of it links, none of it does anything.

use tidegate_contract::{Router, Session};

use crate::guest::{Guest, artifact, plugin, route, runtime, small, target, traffic};

/// A body that traps unless all of these are 1.
fn all(conditions: &[&str]) -> String {
    let checks: String = conditions
        .iter()
        .map(|condition| format!("(if (i32.eqz {condition}) (then (unreachable)))\n"))
        .collect();
    format!("{checks}(i32.const 256)")
}

#[test]
fn time_stands_still_and_waits_are_over() {
    let guest = Guest::new()
        .wasi("clocks/monotonic-clock", "now", "now", "(result i64)")
        .wasi("clocks/monotonic-clock", "resolution", "resolution", "(result i64)")
        .wasi("clocks/monotonic-clock", "subscribe-duration", "sleep", "(param i64) (result i32)")
        .wasi("clocks/monotonic-clock", "subscribe-instant", "until", "(param i64) (result i32)")
        .wasi("clocks/wall-clock", "now", "wall", "(param i32)")
        .wasi("io/poll", "[method]pollable.ready", "ready", "(param i32) (result i32)")
        .wasi("io/poll", "[method]pollable.block", "block", "(param i32)")
        .wasi("io/poll", "poll", "poll", "(param i32 i32 i32)")
        .items(
            "(func $polled (result i32)
               (i32.store (i32.const 2048) (call $sleep (i64.const 0x7fffffffffffffff)))
               (i32.store (i32.const 2052) (call $until (i64.const 0x7fffffffffffffff)))
               (call $poll (i32.const 2048) (i32.const 2) (i32.const 2056))
               (i32.and (i32.eq (i32.load (i32.const 2060)) (i32.const 2))
                        (i64.eq (i64.load (i32.load (i32.const 2056))) (i64.const 0x100000000))))",
        )
        .route(&all(&[
            "(i64.eq (call $now) (i64.const 1))",
            "(i64.eq (call $resolution) (i64.const 1))",
            "(call $ready (call $sleep (i64.const 3600000000000)))",
            "(block (result i32) (call $block (call $until (i64.const 3600000000000))) (i32.const 1))",
            "(block (result i32) (call $wall (i32.const 2048)) (i64.eqz (i64.load (i32.const 2048))))",
            "(i64.eq (call $now) (i64.const 1))",
            "(call $polled)",
        ]));
    assert_eq!(route(&plugin(&guest)).map(|_| ()), Ok(()));
}

#[test]
fn there_is_no_environment_no_input_no_terminal_and_no_file() {
    // Each of these writes an empty list, `none` or `closed` to where it is told.
    let tag = |call: &str| {
        format!(
            "(block (result i32) (i64.store (i32.const 2048) (i64.const 0)) {call} (i64.eqz (i64.load (i32.const 2048))))"
        )
    };
    let length = |call: &str| {
        format!(
            "(block (result i32) (i64.store (i32.const 2048) (i64.const -1)) {call} (i32.eqz (i32.load (i32.const 2052))))"
        )
    };
    let closed = "(block (result i32) (call $read (call $stdin) (i64.const 10) (i32.const 2048))
                    (i32.and (i32.eq (i32.load8_u (i32.const 2048)) (i32.const 1))
                             (i32.eq (i32.load8_u (i32.const 2052)) (i32.const 1))))";
    let guest = Guest::new()
        .wasi("cli/environment", "get-environment", "environment", "(param i32)")
        .wasi("cli/environment", "get-arguments", "arguments", "(param i32)")
        .wasi("cli/environment", "initial-cwd", "cwd", "(param i32)")
        .wasi("cli/stdin", "get-stdin", "stdin", "(result i32)")
        .wasi("io/streams", "[method]input-stream.read", "read", "(param i32 i64 i32)")
        .wasi("cli/terminal-stdout", "get-terminal-stdout", "terminal", "(param i32)")
        .wasi("filesystem/preopens", "get-directories", "directories", "(param i32)")
        .wasi("filesystem/types", "[method]descriptor.sync", "sync", "(param i32 i32)")
        .route(&all(&[
            &length("(call $environment (i32.const 2048))"),
            &length("(call $arguments (i32.const 2048))"),
            &tag("(call $cwd (i32.const 2048))"),
            &tag("(call $terminal (i32.const 2048))"),
            &length("(call $directories (i32.const 2048))"),
            closed,
        ]));
    assert_eq!(route(&plugin(&guest)).map(|_| ()), Ok(()));
}

#[test]
fn output_is_kept_for_diagnostics() {
    let guest =
        Guest::new().says(0, "hello ").says(1, "again").route("(call $say_0) (call $say_1) (i32.const 256)");
    let plugin = plugin(&guest);
    let mut sandbox = plugin.sandbox().unwrap();
    sandbox.route(&target(), &traffic(), &[]).unwrap();
    assert_eq!(sandbox.output(), "hello again");
    assert_eq!(plugin.sandbox().unwrap().output(), "");
}

#[test]
fn every_release_of_wasi_0_2_links() {
    for version in ["0.2.0", "0.2.1", "0.2.3", "0.2.6", "0.2.9", "0.2.12", "0.2.99"] {
        let guest = Guest::new()
            .says(0, "hello")
            .wasi("clocks/monotonic-clock", "now", "now", "(result i64)")
            .wasi("random/random", "get-random-u64", "random", "(result i64)")
            .wasi("filesystem/preopens", "get-directories", "directories", "(param i32)")
            .route("(call $say_0) (drop (call $now)) (drop (call $random)) (i32.const 256)");
        let bytes = guest.build_with(version);
        let plugin = runtime().load(&artifact(bytes), &small(), &mut |_, _| {}).unwrap();
        assert!(plugin.session().unwrap().route(&target(), &traffic(), &[]).is_ok(), "{version}");
    }
}
