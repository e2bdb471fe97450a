//! Guests that misbehave while they are called: each ends in its own typed fault.

use tidegate_contract::{FaultReason, Router, Session};
use tidegate_runtime::{Limits, Runtime, RuntimeSettings};

use crate::guest::{
    Guest, artifact, ends, fault, load, observation, plugin, route, runtime, small, target, traffic,
};

const LOOP: &str = "(loop $again (br $again)) (unreachable)";

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    assert_eq!(ends(&Guest::new().route(LOOP)), FaultReason::OutOfFuel);
}

#[test]
fn a_deadline_stands_behind_the_fuel() {
    let limits =
        Limits { fuel: u64::MAX / 4, deadline: std::time::Duration::from_millis(30), ..Limits::default() };
    let plugin = load(&Guest::new().route(LOOP), &limits).unwrap();
    assert_eq!(fault(route(&plugin)).reason, FaultReason::DeadlineExceeded);
}

#[test]
fn filling_memory_costs_as_much_fuel_as_it_fills() {
    // A thousand megabytes by a few thousand instructions.
    let guest = Guest { pages: Some(16), ..Guest::new() }.route(
        "(local $n i32)
         (loop $again
           (memory.fill (i32.const 65536) (i32.const 1) (i32.const 900000))
           (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
         (i32.const 256)",
    );
    assert_eq!(ends(&guest), FaultReason::OutOfFuel);
}

#[test]
fn a_flood_of_host_calls_runs_out_of_fuel() {
    let guest = Guest::new()
        .wasi("clocks/monotonic-clock", "now", "now", "(result i64)")
        .route("(loop $again (drop (call $now)) (br $again)) (unreachable)");
    assert_eq!(ends(&guest), FaultReason::OutOfFuel);
}

#[test]
fn one_memory_cannot_grow_past_the_limit() {
    let guest =
        Guest::new().route("(loop $again (drop (memory.grow (i32.const 1))) (br $again)) (unreachable)");
    assert_eq!(ends(&guest), FaultReason::MemoryLimit);
}

#[test]
fn several_memories_count_together() {
    // Each stays at half of the limit.
    let grows = |pages: u32| {
        Guest::new().items("(memory $second 1) (memory $third 1)").route(&format!(
            "(drop (memory.grow $memory (i32.const {pages})))
                 (drop (memory.grow $second (i32.const {pages})))
                 (drop (memory.grow $third (i32.const {pages})))
                 (i32.const 256)"
        ))
    };
    let half = u32::try_from(small().memory_bytes / (64 << 10) / 2).unwrap();
    assert_eq!(ends(&grows(half)), FaultReason::MemoryLimit);
    assert!(route(&plugin(&grows(half / 2))).is_ok());
}

#[test]
fn tables_count_as_memory() {
    let guest = Guest::new().items("(table $t 1 funcref) (table $u 1 funcref) (table $v 1 funcref)").route(
        "(loop $again
           (drop (table.grow $t (ref.null func) (i32.const 1000)))
           (drop (table.grow $u (ref.null func) (i32.const 1000)))
           (drop (table.grow $v (ref.null func) (i32.const 1000)))
           (br $again))
         (unreachable)",
    );
    assert_eq!(ends(&guest), FaultReason::MemoryLimit);
}

#[test]
fn growth_past_a_maximum_of_its_own_is_the_guests_business() {
    let guest = Guest { pages: Some(2), ..Guest::new() }.items("(memory $second 1 2)").route(
        "(if (i32.ne (memory.grow $second (i32.const 5)) (i32.const -1)) (then (unreachable)))
         (if (i32.ne (memory.grow $second (i32.const 1)) (i32.const 1)) (then (unreachable)))
         (i32.const 256)",
    );
    let plugin = plugin(&guest);
    let mut sandbox = plugin.sandbox().unwrap();
    let before = sandbox.usage().memory_bytes;
    sandbox.route(&target(), &traffic(), &[]).unwrap();
    assert_eq!(sandbox.usage().memory_bytes, before + (64 << 10));
}

#[test]
fn deep_recursion_overflows_the_stack_and_nothing_else() {
    let guest = Guest::new()
        .items("(func $deep (param i64) (result i64) (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (local.get 0)))")
        .route("(drop (call $deep (i64.const 1))) (i32.const 256)");
    assert_eq!(ends(&guest), FaultReason::StackOverflow);
}

#[test]
fn traps_are_told_with_where_they_happened() {
    for body in [
        "(i32.div_u (i32.const 1) (i32.const 0))",
        "(i32.load (i32.const -4))",
        "(call_indirect (result i32) (i32.const 0))",
        "(call_indirect (result i32) (i32.const 100))",
        "(i32.trunc_f64_s (f64.const nan))",
        "(unreachable)",
    ] {
        let guest = Guest::new().items("(table 2 funcref)").route("(call $culprit)");
        let guest = guest.items(&format!("(func $culprit (result i32) {body})"));
        let fault = fault(route(&plugin(&guest)));
        assert_eq!(fault.reason, FaultReason::Trap, "{body}");
        assert!(fault.message.contains("culprit"), "{body}: {}", fault.message);
    }
}

#[test]
fn a_panic_is_told_with_its_last_words() {
    let guest = Guest::new()
        .says(0, "panicked at src/lib.rs:7:9:\nno\x1b[31m weight\n")
        .route("(call $say_0) (unreachable)");
    let fault = fault(route(&plugin(&guest)));
    assert_eq!(fault.reason, FaultReason::Trap);
    assert_eq!(fault.last_words, "panicked at src/lib.rs:7:9:\nno\\u{1b}[31m weight");
}

#[test]
fn the_last_words_are_the_last_ones() {
    let guest = Guest::new().says(0, "again and again and again and again. ").says(1, "the end").route(
        "(local $n i32)
         (loop $again
           (call $say_0)
           (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
         (call $say_1) (unreachable)",
    );
    let fault = fault(route(&plugin(&guest)));
    assert!(fault.last_words.len() <= 8 << 10, "{}", fault.last_words.len());
    assert!(fault.last_words.ends_with("the end"), "{}", fault.last_words);
}

#[test]
fn exit_is_a_fault_whatever_its_status() {
    for status in ["(i32.const 0)", "(i32.const 1)"] {
        let guest = Guest::new()
            .wasi("cli/exit", "exit", "exit", "(param i32)")
            .route(&format!("(call $exit {status}) (i32.const 256)"));
        assert_eq!(ends(&guest), FaultReason::Exit);
    }
    let guest = Guest::new()
        .wasi("cli/exit", "exit-with-code", "exit", "(param i32)")
        .route("(call $exit (i32.const 42)) (i32.const 256)");
    let fault = fault(route(&plugin(&guest)));
    assert_eq!(fault.reason, FaultReason::Exit);
    assert!(fault.message.contains("42"), "{}", fault.message);
}

#[test]
fn handles_of_the_hosts_are_limited() {
    let guest = Guest::new()
        .wasi("clocks/monotonic-clock", "subscribe-duration", "sleep", "(param i64) (result i32)")
        .route("(loop $again (drop (call $sleep (i64.const 1))) (br $again)) (unreachable)");
    assert_eq!(ends(&guest), FaultReason::HandleLimit);
}

#[test]
fn handles_of_the_guests_own_are_limited() {
    let mut guest =
        Guest::new().route("(loop $again (drop (call $new (i32.const 1))) (br $again)) (unreachable)");
    guest.world = "export things: interface { resource thing { } }".into();
    guest.imports =
        r#"(import "[export]things" "[resource-new]thing" (func $new (param i32) (result i32)))"#.into();
    assert_eq!(ends(&guest), FaultReason::HandleLimit);
}

#[test]
fn handles_that_are_dropped_do_not_count() {
    let guest = Guest::new()
        .wasi("clocks/monotonic-clock", "subscribe-duration", "sleep", "(param i64) (result i32)")
        .wasi("io/poll", "[method]pollable.block", "block", "(param i32)")
        .wasi("io/poll", "[resource-drop]pollable", "drop", "(param i32)")
        .route(
            "(local $n i32) (local $p i32)
             (loop $again
               (local.set $p (call $sleep (i64.const 1000000000)))
               (call $block (local.get $p))
               (call $drop (local.get $p))
               (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
             (i32.const 256)",
        );
    assert!(route(&plugin(&guest)).is_ok());
}

#[test]
fn a_handle_that_does_not_exist_is_a_trap() {
    let guest = Guest::new()
        .wasi("io/poll", "[method]pollable.block", "block", "(param i32)")
        .route("(call $block (i32.const 77)) (i32.const 256)");
    assert_eq!(ends(&guest), FaultReason::Trap);
}

#[test]
fn lists_for_the_host_must_be_inside_the_memory() {
    let guest = Guest::new()
        .wasi("io/streams", "[method]output-stream.write", "write", "(param i32 i32 i32 i32)")
        .wasi("cli/stdout", "get-stdout", "stdout", "(result i32)")
        .route("(call $write (call $stdout) (i32.const 0) (i32.const 0x7fffffff) (i32.const 512)) (i32.const 256)");
    assert_eq!(ends(&guest), FaultReason::Trap);
}

#[test]
fn more_random_bytes_than_anybody_needs_are_refused() {
    let guest = Guest::new()
        .wasi("random/random", "get-random-bytes", "random", "(param i64 i32)")
        .route("(call $random (i64.const 0x7fffffffffffffff) (i32.const 512)) (i32.const 256)");
    assert_eq!(ends(&guest), FaultReason::Trap);
}

#[test]
fn a_trap_after_the_answer_is_a_fault_too() {
    let guest = Guest::new().items(
        r#"(func (export "cabi_post_tidegate:traffic/router@0.1.0#route") (param i32) (unreachable))"#,
    );
    assert_eq!(ends(&guest), FaultReason::Trap);
}

#[test]
fn a_sandbox_that_failed_answers_nothing_more() {
    let guest = Guest::new().body("locate", "(unreachable)");
    let plugin = plugin(&guest);
    let mut session = plugin.session().unwrap();
    assert!(session.route(&target(), &traffic(), &[]).is_ok());
    assert_eq!(fault(session.locate(&target(), &traffic(), &[])).reason, FaultReason::Trap);
    assert_eq!(fault(session.route(&target(), &traffic(), &[])).reason, FaultReason::Trap);
    assert_eq!(fault(session.check(&target())).reason, FaultReason::Trap);
    // The plugin itself is as good as before.
    assert!(plugin.session().unwrap().route(&target(), &traffic(), &[observation()]).is_ok());
}

#[test]
fn each_call_has_its_own_fuel() {
    // Nine tenths of the fuel each time.
    let guest = Guest::new().route(
        "(local $n i32)
         (loop $again
           (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 300000))))
         (i32.const 256)",
    );
    let plugin = plugin(&guest);
    let mut sandbox = plugin.sandbox().unwrap();
    for _ in 0..4 {
        sandbox.route(&target(), &traffic(), &[]).unwrap();
    }
    assert!(sandbox.usage().fuel > small().fuel);
}

#[test]
fn nothing_outlives_a_sandbox() {
    // Counts its calls in its memory, and traps at the second.
    let guest = Guest::new().route(
        "(if (i32.load (i32.const 4096)) (then (unreachable)))
         (i32.store (i32.const 4096) (i32.const 1))
         (i32.const 256)",
    );
    let plugin = plugin(&guest);
    for _ in 0..5 {
        let mut session = plugin.session().unwrap();
        assert!(session.route(&target(), &traffic(), &[]).is_ok());
        assert_eq!(fault(session.route(&target(), &traffic(), &[])).reason, FaultReason::Trap);
    }
}

#[test]
fn too_many_sandboxes_are_the_hosts_business() {
    let runtime = Runtime::new(RuntimeSettings {
        allocation: tidegate_runtime::Allocation::Pool,
        sandboxes: 2,
        ..RuntimeSettings::default()
    })
    .unwrap();
    let plugin = runtime.load(&artifact(Guest::new().build()), &small(), &mut |_, _| {}).unwrap();
    let first = plugin.session().unwrap();
    let _second = plugin.session().unwrap();
    let fault = plugin.session().err().unwrap();
    assert_eq!(fault.reason, FaultReason::HostBusy);
    assert!(!fault.reason.is_plugins_fault());
    drop(first);
    assert!(plugin.session().is_ok());
}

#[test]
fn plugins_and_their_deadlines_outlive_the_runtime() {
    let limits =
        Limits { fuel: u64::MAX / 4, deadline: std::time::Duration::from_millis(30), ..Limits::default() };
    let runtime = runtime();
    let plugin = runtime.load(&artifact(Guest::new().route(LOOP).build()), &limits, &mut |_, _| {}).unwrap();
    drop(runtime);
    assert_eq!(fault(route(&plugin)).reason, FaultReason::DeadlineExceeded);
}
