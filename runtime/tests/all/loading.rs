//! From bytes to ready, and everything that bytes can be instead.

use std::fmt::Write as _;
use std::sync::Arc;

use tidegate_contract::Router;
use tidegate_runtime::{
    Allocation, Artifact, Limits, LoadError, LoadReason, Passed, Plugin, Runtime, RuntimeSettings, Stage,
};

use crate::guest::{Guest, ROUTER, artifact, load, plugin, runtime, small};

fn try_bytes(bytes: Vec<u8>) -> Result<Arc<Plugin>, LoadError> {
    runtime().load(&artifact(bytes), &small(), &mut |_, _| {})
}

fn refused(bytes: impl Into<Vec<u8>>) -> LoadError {
    let error = try_bytes(bytes.into()).unwrap_err();
    assert!(!error.message.is_empty() && !error.hint.is_empty());
    error
}

#[test]
fn the_stages_are_told_in_their_order() {
    let bytes = Guest::new().build();
    let digest = artifact(bytes.clone()).digest();
    let pinned = Artifact::from_bytes(bytes.clone(), "here", Some(digest), 1 << 20).unwrap();
    let mut told = Vec::new();
    let plugin = runtime()
        .load(&pinned, &small(), &mut |stage, report| {
            assert!(!report.to_string().is_empty());
            told.push((stage, report.passed.clone()));
        })
        .unwrap();
    let stages: Vec<_> = told.iter().map(|(stage, _)| *stage).collect();
    assert_eq!(
        stages,
        [
            Stage::Read,
            Stage::Digest,
            Stage::Recognise,
            Stage::Validate,
            Stage::Interface,
            Stage::Compile,
            Stage::Start,
            Stage::Describe,
        ]
    );
    assert_eq!(told[0].1, Passed::Read { origin: "here".into(), bytes: bytes.len() as u64 });
    assert_eq!(told[1].1, Passed::Digest { digest, pinned: true });
    assert_eq!(told[7].1, Passed::Describe { name: "guest".into(), version: "0.1.0".into() });
    assert_eq!((plugin.digest(), plugin.origin()), (digest, "here"));
    assert_eq!(plugin.description().config_schema, "{}");
}

#[test]
fn both_ways_to_allocate_work() {
    let bytes = Guest::new().build();
    for allocation in [Allocation::Pool, Allocation::OnDemand] {
        let runtime = Runtime::new(RuntimeSettings { allocation, ..RuntimeSettings::default() }).unwrap();
        assert_eq!(runtime.allocation(), allocation);
        let plugin = runtime.load(&artifact(bytes.clone()), &small(), &mut |_, _| {}).unwrap();
        crate::guest::route(&plugin).unwrap();
    }
}

/// A header of an executable for this machine number, in ELF.
fn elf(machine: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    bytes.extend(machine.to_le_bytes());
    bytes.extend([0; 44]);
    bytes
}

/// The same for Windows.
fn pe(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 0x80];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes.extend(b"PE\0\0");
    bytes.extend(machine.to_le_bytes());
    bytes.extend([0; 20]);
    bytes
}

#[test]
fn what_is_not_webassembly_is_named() {
    let tar = {
        let mut bytes = vec![0; 512];
        bytes[..8].copy_from_slice(b"p.wasm\0\0");
        bytes[257..262].copy_from_slice(b"ustar");
        bytes
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "empty"),
        (b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>".into(), "404 Not Found"),
        (b"\n\n<HTML><body>Sign in</body></HTML>".into(), "HTML"),
        (b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>".into(), "XML"),
        (elf(0x3e), "x86-64"),
        (elf(0xb7), "arm64"),
        (elf(0xf3), "riscv"),
        (b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0".into(), "arm64"),
        (b"\xcf\xfa\xed\xfe\x07\0\0\x01\0\0\0\0".into(), "x86-64"),
        (b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07".into(), "2 architectures"),
        (pe(0x8664), "x86-64"),
        (pe(0xaa64), "arm64"),
        (b"#!/bin/sh\nexec true\n".into(), "script"),
        (b"\x1f\x8b\x08\0\0\0\0\0".into(), "gzip"),
        (b"\x28\xb5\x2f\xfd\0".into(), "zstd"),
        (b"PK\x03\x04\x14\0".into(), "zip"),
        (tar, "tar"),
        (b"{\"schemaVersion\": 2, \"layers\": []}".into(), "JSON"),
        (b"apiVersion: v1\nkind: ConfigMap\n".into(), "YAML"),
        (b"---\nkind: x\n".into(), "YAML"),
        (b";; a plugin\n(component\n)".into(), "WAT"),
        (b"(module)".into(), "WAT"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n".into(), "Git LFS"),
        (b"package tidegate:traffic@0.1.0;\ninterface router {}\n".into(), "WIT"),
        ("Zugriff verweigert – bitte anmelden".into(), "Zugriff verweigert"),
        (b"\0\x01\x02\x03\xff\xfe".into(), "00 01 02 03"),
        (b"\0asn\x0d\0\x01\0".into(), "00 61 73 6e"),
        (b"\0as".into(), "00 61 73"),
    ];
    for (bytes, named) in cases {
        let error = refused(bytes.clone());
        assert_eq!((error.stage, error.reason), (Stage::Recognise, LoadReason::NotWasm), "{named}");
        assert!(error.message.contains(named), "{named}: {}", error.message);
        // The same with the beginning alone, at any length: no panic, and never taken for a plugin.
        for length in 0..bytes.len().min(80) {
            let error = refused(&bytes[..length]);
            assert!(matches!(error.reason, LoadReason::NotWasm | LoadReason::Malformed), "{named}");
        }
    }
}

#[test]
fn a_core_module_is_not_a_component() {
    let error = refused(wat::parse_str("(module)").unwrap());
    assert_eq!((error.stage, error.reason), (Stage::Recognise, LoadReason::NotAComponent));
    assert!(error.hint.contains("wasm32-wasip2"), "{}", error.hint);
}

#[test]
fn machine_code_is_never_loaded() {
    let engine = wasmtime::Engine::default();
    for (bytes, what) in [
        (engine.precompile_component(&Guest::new().build()).unwrap(), "component"),
        (engine.precompile_module(&wat::parse_str("(module)").unwrap()).unwrap(), "module"),
    ] {
        let error = refused(bytes);
        assert_eq!((error.stage, error.reason), (Stage::Recognise, LoadReason::Precompiled));
        assert!(error.message.contains(what), "{}", error.message);
    }
}

#[test]
fn unknown_versions_of_the_format_are_malformed() {
    for bytes in
        [b"\0asm\x0e\0\x01\0".as_slice(), b"\0asm\x02\0\0\0", b"\0asm\x0d\0\x02\0", b"\0asm", b"\0asm\x0d\0"]
    {
        assert_eq!(refused(bytes).reason, LoadReason::Malformed);
    }
}

#[test]
fn damage_is_found_before_compiling() {
    let bytes = Guest::new().says(0, "hello").build();
    // Cut anywhere, a component is not whole.
    for length in (8..bytes.len()).step_by(97) {
        let error = refused(&bytes[..length]);
        // After the last function the rest may be nothing but names, or exports that are missing.
        assert!(
            matches!(error.reason, LoadReason::Malformed | LoadReason::IncompatibleInterface),
            "{length}: {error}"
        );
    }
    // With a byte changed, it is found out, or does not matter; but whatever happens is a typed outcome.
    for at in (8..bytes.len()).step_by(31) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x55;
        if let Err(error) = try_bytes(bytes) {
            assert!(error.stage >= Stage::Recognise, "{at}: {error}");
        }
    }
}

#[test]
fn proposals_that_plugins_do_not_need_are_off() {
    for items in [
        "(memory $shared 1 1 shared)",
        "(memory $large i64 1)",
        "(type $struct (struct (field i32)))",
        "(tag $tag)",
        "(func (param i64 i64) (result i64 i64) (i64.add128 (local.get 0) (local.get 1) (local.get 0) (local.get 1)))",
    ] {
        let error = refused(Guest::new().items(items).build_unchecked());
        assert_eq!((error.stage, error.reason), (Stage::Validate, LoadReason::Malformed), "{items}: {error}");
        assert!(error.message.contains("feature"), "{items}: {}", error.message);
    }
}

#[test]
fn structure_is_bounded() {
    // A component in a component in …
    let nested = |depth: usize| "(component ".repeat(depth) + &")".repeat(depth);
    assert_eq!(refused(wat::parse_str(nested(20)).unwrap()).reason, LoadReason::LimitExceeded);
    assert_eq!(refused(wat::parse_str(nested(3)).unwrap()).reason, LoadReason::IncompatibleInterface);

    // Each level instantiates the one below ten times: a hundred thousand instances of a few hundred bytes.
    let mut bomb = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=5 {
        let mut next = format!("(component $c{level} {bomb}");
        for _ in 0..10 {
            write!(next, "(instance (instantiate $c{}))", level - 1).unwrap();
        }
        bomb = next + ")";
    }
    assert_eq!(refused(wat::parse_str(bomb).unwrap()).reason, LoadReason::LimitExceeded);

    let modules = format!("(component {})", "(core module)".repeat(200));
    assert_eq!(refused(wat::parse_str(modules).unwrap()).reason, LoadReason::LimitExceeded);

    let functions = "(func)".repeat(100_001);
    assert_eq!(refused(Guest::new().items(&functions).build_unchecked()).reason, LoadReason::LimitExceeded);

    let long = format!("(func {})", "(drop (i32.const 1))".repeat(400_000));
    assert_eq!(refused(Guest::new().items(&long).build_unchecked()).reason, LoadReason::LimitExceeded);
}

#[test]
fn what_needs_more_than_its_limits_from_the_start_is_refused() {
    for (items, stage) in [
        ("(memory $second 100)", Stage::Validate),
        ("(table 200000 funcref)", Stage::Validate),
        // Each fits, together they do not.
        ("(memory $second 40) (memory $third 40)", Stage::Start),
        ("(memory $a 1) (memory $b 1) (memory $c 1) (memory $d 1)", Stage::Validate),
    ] {
        let error = load(&Guest::new().items(items), &small()).unwrap_err();
        assert_eq!((error.stage, error.reason), (stage, LoadReason::LimitExceeded), "{items}: {error}");
    }
    let roomy = Limits { memory_bytes: 64 << 20, ..small() };
    assert!(load(&Guest::new().items("(memory $second 100)"), &roomy).is_ok());
}

/// A component that has a router by name, of functions without any types, and these parts besides.
fn router_in_name(parts: &str) -> Vec<u8> {
    let exports: String = ["describe", "check", "locate", "route", "release"]
        .iter()
        .map(|name| format!("(export \"{name}\" (func $f))"))
        .collect();
    wat::parse_str(format!(
        "(component
           (core module $code (func (export \"f\")))
           (core instance $i (instantiate $code))
           (func $f (canon lift (core func $i \"f\")))
           (instance $router {exports})
           (export \"{ROUTER}\" (instance $router))
           {parts})"
    ))
    .unwrap()
}

#[test]
fn parts_are_counted_over_all_instances() {
    // The parts themselves do not matter: its functions have the wrong types.
    let error = refused(router_in_name(""));
    assert_eq!((error.stage, error.reason), (Stage::Interface, LoadReason::IncompatibleInterface));

    for (part, count, stage) in [
        ("(memory 1)", 8, Stage::Compile),
        ("(table 1 funcref)", 40, Stage::Compile),
        ("", 200, Stage::Validate),
    ] {
        let parts = format!("(core module $m {part})") + &"(core instance (instantiate $m))".repeat(count);
        let error = refused(router_in_name(&parts));
        assert_eq!((error.stage, error.reason), (stage, LoadReason::LimitExceeded), "{part}: {error}");
    }

    // Twenty components of twenty instances.
    let inside = "(core instance (instantiate $m))".repeat(20);
    let parts =
        format!("(component $c (core module $m) {inside})") + &"(instance (instantiate $c))".repeat(20);
    for allocation in [Allocation::Pool, Allocation::OnDemand] {
        let runtime = Runtime::new(RuntimeSettings { allocation, ..RuntimeSettings::default() }).unwrap();
        let error = runtime.load(&artifact(router_in_name(&parts)), &small(), &mut |_, _| {}).unwrap_err();
        assert_eq!((error.stage, error.reason), (Stage::Start, LoadReason::LimitExceeded), "{error}");
    }
}

#[test]
fn what_goes_wrong_while_it_starts_is_told() {
    let starts =
        |body: &str| Guest::new().says(0, "no luck").items(&format!("(start $begin) (func $begin {body})"));
    let trap = load(&starts("(unreachable)"), &small()).unwrap_err();
    assert_eq!((trap.stage, trap.reason), (Stage::Start, LoadReason::StartFailed));
    let endless = load(&starts("(loop $again (br $again))"), &small()).unwrap_err();
    assert_eq!((endless.stage, endless.reason), (Stage::Start, LoadReason::LimitExceeded));
    let hungry =
        load(&starts("(loop $again (drop (memory.grow (i32.const 8))) (br $again))"), &small()).unwrap_err();
    assert_eq!((hungry.stage, hungry.reason), (Stage::Start, LoadReason::LimitExceeded));

    let speechless =
        Guest::new().says(0, "no description today").body("describe", "(call $say_0) (unreachable)");
    let error = load(&speechless, &small()).unwrap_err();
    assert_eq!((error.stage, error.reason), (Stage::Describe, LoadReason::StartFailed));
    assert!(error.message.contains("no description today"), "{}", error.message);
}

#[test]
fn starting_costs_fuel_that_is_counted() {
    let idle = plugin(&Guest::new()).sandbox().unwrap().usage();
    let busy = Guest::new().items(
        "(start $begin)
         (func $begin (local $n i32)
           (loop $again
             (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000)))))",
    );
    let busy = plugin(&busy).sandbox().unwrap().usage();
    assert!(busy.fuel > idle.fuel + 1000, "{busy:?} {idle:?}");
    assert_eq!(busy.memory_bytes, idle.memory_bytes);
}

#[test]
fn many_can_be_loaded_at_the_same_time() {
    let runtime = runtime();
    std::thread::scope(|scope| {
        for number in 0..6 {
            let runtime = &runtime;
            scope.spawn(move || {
                let guest = Guest::new().items(&format!("(data (i32.const 600) \"{number}\")"));
                let plugin = runtime.load(&artifact(guest.build()), &small(), &mut |_, _| {}).unwrap();
                crate::guest::route(&plugin).unwrap();
            });
        }
    });
}
