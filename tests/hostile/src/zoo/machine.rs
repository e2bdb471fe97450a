//! What goes against the limits of the sandbox.

use tidegate_contract::FaultReason;

use super::{Ends, Hostile, Question, made};
use crate::guest::Guest;
use crate::router::router;

const LOOP: &str = "(loop $again (br $again)) (unreachable)";

/// The core types of what guests here import.
const SLEEP: [&str; 4] =
    ["clocks/monotonic-clock", "subscribe-duration", "sleep", "(param i64) (result i32)"];
const STDERR: [&str; 4] = ["cli/stderr", "get-stderr", "stderr", "(result i32)"];
const BLOCK: [&str; 4] = ["io/poll", "[method]pollable.block", "block", "(param i32)"];
const RANDOM: [&str; 4] = ["random/random", "get-random-bytes", "random", "(param i64 i32)"];
const NOW: [&str; 4] = ["clocks/monotonic-clock", "now", "now", "(result i64)"];
const EXIT: [&str; 4] = ["cli/exit", "exit", "exit", "(param i32)"];

pub(super) fn all() -> Vec<Hostile> {
    let asked = |name, does, guest: Guest, question, reason| {
        made(name, does, guest.build(), question, Ends::Fault(reason))
    };
    let one = |name, does, guest: Guest, reason| asked(name, does, guest, Question::Route, reason);
    let route = |body: &str| router().route(body);
    let importing = |functions: &[[&str; 4]], body: &str| {
        functions.iter().fold(route(body), |guest, [interface, function, name, signature]| {
            guest.wasi(interface, function, name, signature)
        })
    };
    let post = |body: &str| {
        router().items(&format!(
            r#"(func (export "cabi_post_tidegate:traffic/router@0.1.0#route") (param i32) {body})"#
        ))
    };
    let allocating = |body: &str| Guest { realloc: Some(body.to_owned()), ..router() };
    let mut own = route("(loop $again (drop (call $new (i32.const 1))) (br $again)) (unreachable)");
    own.world = "export things: interface { resource thing { } }".into();
    own.imports =
        r#"(import "[export]things" "[resource-new]thing" (func $new (param i32) (result i32)))"#.into();
    vec![
        // Time.
        asked(
            "loop-in-check",
            "loops for ever in `check`",
            router().body("check", LOOP),
            Question::Check,
            FaultReason::OutOfFuel,
        ),
        one(
            "loop-in-locate",
            "loops for ever in `locate`",
            router().body("locate", LOOP),
            FaultReason::OutOfFuel,
        ),
        one("loop-in-route", "loops for ever in `route`", route(LOOP), FaultReason::OutOfFuel),
        asked(
            "loop-in-release",
            "loops for ever in `release`",
            router().body("release", LOOP),
            Question::Release,
            FaultReason::OutOfFuel,
        ),
        one(
            "flood-of-calls",
            "calls the host for ever",
            importing(&[NOW], "(loop $again (drop (call $now)) (br $again)) (unreachable)"),
            FaultReason::OutOfFuel,
        ),
        one(
            "sleep-for-ever",
            "sleeps for an hour, again and again",
            importing(
                &[SLEEP, BLOCK, ["io/poll", "[resource-drop]pollable", "drop", "(param i32)"]],
                "(local $p i32)
                 (loop $again
                   (local.set $p (call $sleep (i64.const 3600000000000)))
                   (call $block (local.get $p))
                   (call $drop (local.get $p))
                   (br $again))
                 (unreachable)",
            ),
            FaultReason::OutOfFuel,
        ),
        one(
            "bulk-memory",
            "fills megabytes by single instructions",
            Guest {
                pages: Some(128),
                ..route(
                    "(loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 8388608)) (br $again)) (unreachable)",
                )
            },
            FaultReason::OutOfFuel,
        ),
        one(
            "bulk-table",
            "fills tables by single instructions",
            route(
                "(loop $again
                   (table.fill $t (i32.const 0) (ref.null func) (i32.const 90000))
                   (br $again))
                 (unreachable)",
            )
            .items("(table $t 90000 funcref)"),
            FaultReason::OutOfFuel,
        ),
        // Memory.
        one(
            "one-memory",
            "grows its memory for ever",
            route("(loop $again (drop (memory.grow (i32.const 1))) (br $again)) (unreachable)"),
            FaultReason::MemoryLimit,
        ),
        one(
            "several-memories",
            "grows four memories, each within the limit",
            route(
                "(loop $again
                   (drop (memory.grow $memory (i32.const 1)))
                   (drop (memory.grow $second (i32.const 1)))
                   (drop (memory.grow $third (i32.const 1)))
                   (drop (memory.grow $fourth (i32.const 1)))
                   (br_if $again (i32.lt_u (memory.size $memory) (i32.const 128))))
                 (unreachable)",
            )
            .items("(memory $second 1) (memory $third 1) (memory $fourth 1)"),
            FaultReason::MemoryLimit,
        ),
        one(
            "tables",
            "grows its tables for ever",
            route(
                "(loop $again
                   (drop (table.grow $t (ref.null func) (i32.const 1000)))
                   (drop (table.grow $u (ref.null func) (i32.const 1000)))
                   (br $again))
                 (unreachable)",
            )
            .items("(table $t 1 funcref) (table $u 1 funcref)"),
            FaultReason::MemoryLimit,
        ),
        one(
            "greedy-arguments",
            "takes megabytes for each of its arguments",
            allocating(
                "(drop (memory.grow (i32.const 64)))
                 (local.set $at (i32.shl (i32.sub (memory.size) (i32.const 64)) (i32.const 16)))
                 (local.get $at)",
            ),
            FaultReason::MemoryLimit,
        ),
        // Stack.
        one(
            "recursion",
            "calls itself for ever",
            route("(drop (call $deep (i64.const 1))) (unreachable)").items(
                "(func $deep (param i64) (result i64)
                   (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (local.get 0)))",
            ),
            FaultReason::StackOverflow,
        ),
        one(
            "recursion-through-the-host",
            "calls the host whenever the host calls it",
            Guest {
                realloc: Some("(call $random (i64.const 8) (i32.const 512)) (i32.const 4096)".into()),
                ..importing(&[RANDOM], "(unreachable)")
            },
            FaultReason::Trap,
        ),
        // Traps and ends.
        one("unreachable", "traps in `route`", route("(unreachable)"), FaultReason::Trap),
        one(
            "trap-in-locate",
            "traps in `locate`",
            router().body("locate", "(unreachable)"),
            FaultReason::Trap,
        ),
        one(
            "outside-memory",
            "reads beyond its memory",
            route("(i32.load (i32.const -4))"),
            FaultReason::Trap,
        ),
        one(
            "wrong-call",
            "calls what is no function",
            route("(call_indirect (result i32) (i32.const 0))").items("(table 2 funcref)"),
            FaultReason::Trap,
        ),
        one(
            "exit-0",
            "exits with success",
            importing(&[EXIT], "(call $exit (i32.const 0)) (unreachable)"),
            FaultReason::Exit,
        ),
        one(
            "exit-1",
            "exits with failure",
            importing(&[EXIT], "(call $exit (i32.const 1)) (unreachable)"),
            FaultReason::Exit,
        ),
        one("trap-after-the-answer", "traps after it has answered", post("(unreachable)"), FaultReason::Trap),
        one(
            "loop-after-the-answer",
            "loops for ever after it has answered",
            post("(loop $again (br $again))"),
            FaultReason::OutOfFuel,
        ),
        one(
            "trap-for-arguments",
            "traps when it is given arguments",
            allocating("(unreachable)"),
            FaultReason::Trap,
        ),
        one(
            "loop-for-arguments",
            "loops for ever when it is given arguments",
            allocating(LOOP),
            FaultReason::OutOfFuel,
        ),
        one(
            "arguments-nowhere",
            "wants its arguments outside its memory",
            allocating("(i32.const -8)"),
            FaultReason::InvalidOutput,
        ),
        one(
            "arguments-askew",
            "wants its arguments at an odd address",
            allocating("(i32.const 4099)"),
            FaultReason::InvalidOutput,
        ),
        // Handles.
        one(
            "streams",
            "opens standard error for ever",
            importing(&[STDERR], "(loop $again (drop (call $stderr)) (br $again)) (unreachable)"),
            FaultReason::HandleLimit,
        ),
        one(
            "pollables",
            "makes timers for ever",
            importing(&[SLEEP], "(loop $again (drop (call $sleep (i64.const 1))) (br $again)) (unreachable)"),
            FaultReason::HandleLimit,
        ),
        one("own-resources", "makes resources of its own for ever", own, FaultReason::HandleLimit),
        one(
            "handle-of-nothing",
            "uses a handle that it was never given",
            importing(&[BLOCK], "(call $block (i32.const 77)) (unreachable)"),
            FaultReason::Trap,
        ),
        one(
            "random-flood",
            "asks for more random bytes than there is memory",
            importing(
                &[RANDOM],
                "(call $random (i64.const 0x7fffffffffffffff) (i32.const 512)) (unreachable)",
            ),
            FaultReason::Trap,
        ),
        one(
            "last-words",
            "writes to standard error for ever",
            router()
                .says(0, "\u{1b}[2J and again")
                .route("(loop $again (call $say_0) (br $again)) (unreachable)"),
            FaultReason::OutOfFuel,
        ),
    ]
}
