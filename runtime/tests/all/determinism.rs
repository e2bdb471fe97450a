//! Two equal calls are bit for bit equal, in any sandbox, on any allocator, and cost the same.

use tidegate_contract::{Outcome, Session};
use tidegate_runtime::{Allocation, Plugin, Runtime, RuntimeSettings, Usage};

use crate::guest::{Guest, artifact, observation, small, target, traffic};

/// A guest that answers with everything it can find out: random numbers, clocks, what was in its memory, and how its
/// arguments lie there.
fn curious() -> Guest {
    Guest { pages: Some(2), ..Guest::new() }
        .wasi("random/random", "get-random-bytes", "bytes", "(param i64 i32)")
        .wasi("random/random", "get-random-u64", "number", "(result i64)")
        .wasi("random/insecure-seed", "insecure-seed", "seed", "(param i32)")
        .wasi("clocks/monotonic-clock", "now", "now", "(result i64)")
        .wasi("clocks/wall-clock", "now", "wall", "(param i32)")
        .items(
            // A hash over the whole memory, and over a canonicalised NaN.
            "(global $nan (mut f64) (f64.const -nan:0x4000000000001))
             (func $hash (result i64)
               (local $at i32) (local $hash i64)
               (loop $again
                 (local.set $hash (i64.add (i64.mul (local.get $hash) (i64.const 1099511628211))
                                           (i64.load (local.get $at))))
                 (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8)))
                                         (i32.const 131072))))
               (i64.xor (local.get $hash)
                        (i64.reinterpret_f64 (f64.add (global.get $nan) (f64.const 1)))))",
        )
        .route(
            "(call $bytes (i64.const 100) (i32.const 2048))
             (call $seed (i32.const 2064))
             (call $wall (i32.const 2080))
             (i64.store (i32.const 2096) (call $number))
             (i64.store (i32.const 2104) (call $now))
             (i64.store (i32.const 1024) (call $hash))
             ;; As a share: weight and total are the two halves of the hash.
             (i64.store (i32.const 4148) (i64.load (i32.const 1024)))
             (i32.store (i32.const 524) (i32.const 4096)) (i32.store (i32.const 528) (i32.const 1))
             (i32.const 512)",
        )
}

fn ask(plugin: &Plugin) -> (Outcome, Usage) {
    let mut sandbox = plugin.sandbox().unwrap();
    let outcome = sandbox.route(&target(), &traffic(), &[observation()]).unwrap();
    (outcome, sandbox.usage())
}

#[test]
fn equal_calls_are_equal() {
    let bytes = curious().build();
    let plugin = |allocation| {
        let runtime = Runtime::new(RuntimeSettings { allocation, ..RuntimeSettings::default() }).unwrap();
        runtime.load(&artifact(bytes.clone()), &small(), &mut |_, _| {}).unwrap()
    };
    let (pooled, mapped) = (plugin(Allocation::Pool), plugin(Allocation::OnDemand));
    let first = ask(&pooled);
    assert_ne!((first.0.shares[0].weight, first.0.shares[0].total), (0, 0), "the guest found something out");
    for _ in 0..20 {
        assert_eq!(ask(&pooled), first);
        assert_eq!(ask(&mapped), first);
    }
}

#[test]
fn equal_calls_are_equal_on_many_threads() {
    let runtime = crate::guest::runtime();
    let plugin = runtime.load(&artifact(curious().build()), &small(), &mut |_, _| {}).unwrap();
    let first = ask(&plugin);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..50).map(|_| ask(&plugin)).collect::<Vec<_>>())).collect();
        for thread in threads {
            assert!(thread.join().unwrap().iter().all(|answer| *answer == first));
        }
    });
}
