//! Plugins that misbehave: components around core modules in text, made by the encoder that toolchains use.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The interface of `wit/0.1`.
const ROUTER: &str = "tidegate:traffic/router@0.1.0";

/// A router that describes itself rightly, has the feature `weights` and needs no objects; `route` is up to the test. Its
/// body leaves the address of the answer on the stack.
pub(crate) fn component(route: &str) -> Vec<u8> {
    let module = wat::parse_str(core(route)).unwrap();
    let mut resolve = Resolve::default();
    resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/0.1")).unwrap();
    let package = resolve
        .push_str("guest.wit", &format!("package test:guest;\nworld guest {{ export {ROUTER}; }}"))
        .unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut module = module;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// A core module, which is not a component.
pub(crate) fn core_module() -> Vec<u8> {
    wat::parse_str(core("(i32.const 512)")).unwrap()
}

fn core(route: &str) -> String {
    let target = "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)";
    let functions: String = [
        ("describe", "", "(i32.const 64)"),
        ("check", target, "(i32.const 256)"),
        ("locate", "(param i32)", "(i32.const 512)"),
        ("route", "(param i32)", route),
        ("release", "(param i32)", route),
    ]
    .iter()
    .map(|(name, parameters, body)| {
        format!("(func (export \"{ROUTER}#{name}\") {parameters} (result i32) {body})\n")
    })
    .collect();
    format!(
        r#"(module
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
              (local $at i32)
              (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
              (global.set $next (i32.add (local.get $at) (local.get $size)))
              (local.get $at))
            (data (i32.const 8) "hostile") (data (i32.const 16) "0.1.0") (data (i32.const 24) "{{}}")
            (data (i32.const 32) "weights")
            ;; A list of one text.
            (data (i32.const 40) "\20\00\00\00\07\00\00\00")
            ;; The description: name, version, features, kinds, two schemas, annotations.
            (data (i32.const 64)
              "\08\00\00\00\07\00\00\00" "\10\00\00\00\05\00\00\00" "\28\00\00\00\01\00\00\00"
              "\00\00\00\00\00\00\00\00" "\18\00\00\00\02\00\00\00" "\18\00\00\00\02\00\00\00"
              "\00\00\00\00\00\00\00\00")
            ;; The answer of `check`: all right, and the list.
            (data (i32.const 256) "\00\00\00\00" "\28\00\00\00\01\00\00\00")
            ;; From 512 on there are zeros: all right, and nothing.
            {functions})"#,
    )
}
