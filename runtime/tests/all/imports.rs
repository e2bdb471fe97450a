//! Imports and exports against the world of a plugin: everything that is wrong is named at once.

use tidegate_contract::Router;
use tidegate_runtime::{LoadError, LoadReason, Stage};

use crate::guest::{Guest, ROUTER, artifact, dummy, dummy_alone, load, runtime, small};

fn refused(bytes: Vec<u8>) -> LoadError {
    runtime().load(&artifact(bytes), &small(), &mut |_, _| {}).unwrap_err()
}

/// What guests might want besides. The functions do not matter.
const MORE: &str = "
package wasi:sockets@0.2.6 { interface tcp { connect: func(); } interface udp { send: func(); } }
package wasi:http@0.2.6 { interface outgoing-handler { handle: func(); } }
package wasi:keyvalue@0.2.0 { interface store { get: func(); } }
package wasi:nn@0.2.0-rc-2024-10-28 { interface graph { load: func(); } }
package wasi:logging@0.1.0 { interface logging { log: func(); } }
package acme:secrets@1.0.0 { interface vault { open: func(); } }
";

#[test]
fn all_refused_imports_are_named_at_once_each_with_what_to_do() {
    let imports = [
        "wasi:sockets/tcp@0.2.6",
        "wasi:sockets/udp@0.2.6",
        "wasi:http/outgoing-handler@0.2.6",
        "wasi:keyvalue/store@0.2.0",
        "wasi:nn/graph@0.2.0-rc-2024-10-28",
        "wasi:logging/logging@0.1.0",
        "acme:secrets/vault@1.0.0",
        "plain",
    ];
    let world: String = imports
        .iter()
        .map(|name| {
            if name.contains(':') { format!("import {name};\n") } else { format!("import {name}: func();\n") }
        })
        .collect();
    let error =
        refused(dummy(&format!("{world} import wasi:clocks/wall-clock@0.2.6; export {ROUTER};"), MORE));
    assert_eq!((error.stage, error.reason), (Stage::Interface, LoadReason::UngrantedImport));
    for name in imports {
        assert!(error.message.contains(name), "{name}: {}", error.message);
    }
    assert!(!error.message.contains("wall-clock"), "{}", error.message);
    for flag in ["--disable http", "--stub-wasi", "std::net", "wac plug"] {
        assert!(error.hint.contains(flag), "{flag}: {}", error.hint);
    }
}

#[test]
fn wasi_0_3_is_refused_by_name() {
    let packages = "package wasi:clocks@0.3.0 { interface system-clock { now: func() -> u64; } }";
    let error = refused(dummy(&format!("import wasi:clocks/system-clock@0.3.0; export {ROUTER};"), packages));
    assert_eq!(error.reason, LoadReason::UngrantedImport);
    assert!(error.message.contains("wasi:clocks/system-clock@0.3.0"), "{}", error.message);
    assert!(error.hint.contains("wasm32-wasip2"), "{}", error.hint);
}

#[test]
fn unknown_functions_of_known_interfaces_are_named() {
    let packages = "package wasi:random@0.2.77 { interface random {
        get-random-u64: func() -> u64; get-random-dice: func() -> u8; get-random-cat: func() -> string; } }";
    let error = refused(dummy(&format!("import wasi:random/random@0.2.77; export {ROUTER};"), packages));
    assert_eq!(error.reason, LoadReason::UngrantedImport);
    assert!(
        error.message.contains("get-random-dice") && error.message.contains("get-random-cat"),
        "{}",
        error.message
    );
    assert!(!error.message.contains("get-random-u64"), "{}", error.message);
}

#[test]
fn known_functions_with_other_types_are_refused() {
    let packages = "package wasi:random@0.2.77 { interface random { get-random-u64: func() -> u32; } }";
    let error = refused(dummy(&format!("import wasi:random/random@0.2.77; export {ROUTER};"), packages));
    assert_eq!((error.stage, error.reason), (Stage::Interface, LoadReason::IncompatibleInterface));
}

#[test]
fn other_components_are_told_from_plugins() {
    for (world, packages) in [
        ("export run: func();", ""),
        ("export wasi:cli/run@0.2.6;", "package wasi:cli@0.2.6 { interface run { run: func() -> result; } }"),
        (
            "export wasi:http/incoming-handler@0.2.6;",
            "package wasi:http@0.2.6 { interface incoming-handler { handle: func(); } }",
        ),
    ] {
        let bytes = if packages.is_empty() { dummy(world, "") } else { dummy_alone(world, packages) };
        let error = refused(bytes);
        assert_eq!((error.stage, error.reason), (Stage::Interface, LoadReason::IncompatibleInterface));
        let name = world.trim_start_matches("export ").trim_end_matches(';').trim_end_matches(": func()");
        assert!(error.message.contains(name) && error.message.contains(ROUTER), "{}", error.message);
    }
}

#[test]
fn other_versions_of_the_contract_are_named() {
    for version in ["0.1.0-draft.1", "0.2.0", "1.0.0"] {
        let packages =
            format!("package tidegate:traffic@{version} {{ interface router {{ describe: func(); }} }}");
        let error = refused(dummy(&format!("export tidegate:traffic/router@{version};"), &packages));
        assert_eq!(error.reason, LoadReason::IncompatibleInterface);
        assert!(error.message.contains(&format!("router@{version}")), "{}", error.message);
        assert!(error.message.contains(ROUTER), "{}", error.message);
    }
}

/// The contract's version with other functions and types.
fn same_version(functions: &str) -> Vec<u8> {
    let packages = format!("package tidegate:traffic@0.1.0 {{ interface router {{ {functions} }} }}");
    dummy_alone(&format!("export {ROUTER};"), &packages)
}

#[test]
fn all_missing_functions_are_named() {
    let error = refused(same_version("describe: func(); locate: func();"));
    assert_eq!((error.stage, error.reason), (Stage::Interface, LoadReason::IncompatibleInterface));
    for function in ["check", "route", "release"] {
        assert!(error.message.contains(function), "{}", error.message);
    }
}

#[test]
fn functions_with_other_types_are_refused() {
    let error = refused(same_version(
        "describe: func() -> string; check: func(); locate: func(); route: func(); release: func();",
    ));
    assert_eq!((error.stage, error.reason), (Stage::Interface, LoadReason::IncompatibleInterface));
    assert!(error.message.contains("describe"), "{}", error.message);
}

#[test]
fn what_is_imported_and_exported_can_be_seen_without_running_anything() {
    let bytes = dummy(&format!("import wasi:sockets/tcp@0.2.6; export {ROUTER};"), MORE);
    let found = runtime().inspect(&artifact(bytes), &small()).unwrap();
    let imports: Vec<_> = found.imports.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(imports, ["wasi:sockets/tcp@0.2.6"]);
    assert_eq!(found.exports[0].name, ROUTER);
    assert_eq!(found.exports[0].functions.as_ref().map(std::collections::BTreeSet::len), Some(5));
}

#[test]
fn exporting_more_than_a_router_is_allowed() {
    let mut guest = Guest::new().items(r#"(func (export "extra"))"#);
    guest.world = "export extra: func();".into();
    assert_eq!(load(&guest, &small()).unwrap().description().name, "guest");
}
