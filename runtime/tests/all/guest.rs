//! Makes components around core modules that are written in text, by the same encoder that toolchains use.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::{
    CallError, Destination, Fault, FaultReason, Kind, Object, ObjectRef, Observation, Outcome, Query, Router,
    Selection, Target, Traffic,
};
use tidegate_runtime::{Artifact, Limits, LoadError, Plugin, Runtime, RuntimeSettings};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

pub const ROUTER: &str = "tidegate:traffic/router@0.1.0";

/// What guests here import, in a version that is neither the first nor the last.
const WASI: &str = "
package wasi:io@0.2.6 {
  interface poll {
    resource pollable { ready: func() -> bool; block: func(); }
    poll: func(in: list<borrow<pollable>>) -> list<u32>;
  }
  interface error { resource error { to-debug-string: func() -> string; } }
  interface streams {
    use error.{error};
    use poll.{pollable};
    variant stream-error { last-operation-failed(error), closed }
    resource input-stream {
      read: func(len: u64) -> result<list<u8>, stream-error>;
      subscribe: func() -> pollable;
    }
    resource output-stream {
      check-write: func() -> result<u64, stream-error>;
      write: func(contents: list<u8>) -> result<_, stream-error>;
      blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
    }
  }
}
package wasi:cli@0.2.6 {
  interface environment {
    get-environment: func() -> list<tuple<string, string>>;
    get-arguments: func() -> list<string>;
    initial-cwd: func() -> option<string>;
  }
  interface exit { exit: func(status: result); exit-with-code: func(status-code: u8); }
  interface stdin { use wasi:io/streams@0.2.6.{input-stream}; get-stdin: func() -> input-stream; }
  interface stdout { use wasi:io/streams@0.2.6.{output-stream}; get-stdout: func() -> output-stream; }
  interface stderr { use wasi:io/streams@0.2.6.{output-stream}; get-stderr: func() -> output-stream; }
  interface terminal-output { resource terminal-output; }
  interface terminal-stdout {
    use terminal-output.{terminal-output};
    get-terminal-stdout: func() -> option<terminal-output>;
  }
}
package wasi:clocks@0.2.6 {
  interface monotonic-clock {
    use wasi:io/poll@0.2.6.{pollable};
    now: func() -> u64;
    resolution: func() -> u64;
    subscribe-instant: func(when: u64) -> pollable;
    subscribe-duration: func(when: u64) -> pollable;
  }
  interface wall-clock {
    record datetime { seconds: u64, nanoseconds: u32 }
    now: func() -> datetime;
    resolution: func() -> datetime;
  }
}
package wasi:random@0.2.6 {
  interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }
  interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
}
package wasi:filesystem@0.2.6 {
  interface types {
    enum error-code { access, would-block }
    resource descriptor { sync: func() -> result<_, error-code>; }
  }
  interface preopens {
    use types.{descriptor};
    get-directories: func() -> list<tuple<descriptor, string>>;
  }
}
";

/// A router plugin in the making. Its functions answer with nothing, rightly, unless they are given a body.
#[derive(Clone, Default)]
pub struct Guest {
    /// Lines of its world besides the router: what it imports, what else it exports.
    pub world: String,
    /// WIT packages for those lines, besides WASI.
    pub packages: String,
    /// Core imports, in text.
    pub imports: String,
    /// Further core definitions, in text.
    pub items: String,
    /// Bodies of its functions, in text. They leave the address of the answer on the stack.
    pub bodies: BTreeMap<&'static str, String>,
    /// The first memory, in pages of 64 KiB.
    pub pages: Option<u32>,
}

/// Where there are zeros for an answer that says "all right, nothing to do".
pub const NOTHING: u32 = 256;

impl Guest {
    pub fn new() -> Self {
        Self::default()
    }

    /// A body for `describe`, `check`, `locate`, `route` or `release`.
    pub fn body(mut self, function: &'static str, body: &str) -> Self {
        self.bodies.insert(function, body.to_owned());
        self
    }

    /// A body for `route`.
    pub fn route(self, body: &str) -> Self {
        self.body("route", body)
    }

    /// Imports a function of WASI as `$name`. `signature` is its core type.
    pub fn wasi(mut self, interface: &str, function: &str, name: &str, signature: &str) -> Self {
        let interface = format!("wasi:{interface}@0.2.6");
        let line = format!("import {interface};\n");
        if !self.world.contains(&line) {
            self.world.push_str(&line);
        }
        self.imports
            .push_str(&format!("(import \"{interface}\" \"{function}\" (func ${name} {signature}))\n"));
        self
    }

    /// Further core definitions.
    pub fn items(mut self, items: &str) -> Self {
        self.items.push_str(items);
        self
    }

    /// Writes `text` to standard error (a function `$say_N` for each N).
    pub fn says(self, number: u32, text: &str) -> Self {
        let at = 8192 + 256 * number;
        let escaped: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        let guest = if number == 0 {
            self.items("(global $err (mut i32) (i32.const 0))")
                .wasi(
                    "io/streams",
                    "[method]output-stream.blocking-write-and-flush",
                    "write",
                    "(param i32 i32 i32 i32)",
                )
                .wasi("cli/stderr", "get-stderr", "stderr", "(result i32)")
        } else {
            self
        };
        guest.items(&format!(
            "(data (i32.const {at}) \"{escaped}\")
             (func $say_{number}
               (if (i32.eqz (global.get $err)) (then (global.set $err (call $stderr))))
               (call $write (global.get $err) (i32.const {at}) (i32.const {}) (i32.const 512)))",
            text.len()
        ))
    }

    /// The core module, in text.
    fn core(&self) -> String {
        let signatures = [
            ("describe", ""),
            ("check", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)"),
            ("locate", "(param $in i32)"),
            ("route", "(param $in i32)"),
            ("release", "(param $in i32)"),
        ];
        let functions: String = signatures
            .iter()
            .map(|(name, parameters)| {
                let nothing = format!("(i32.const {})", if *name == "describe" { 64 } else { NOTHING });
                let body = self.bodies.get(name).unwrap_or(&nothing);
                format!("(func (export \"{ROUTER}#{name}\") {parameters} (result i32) {body})\n")
            })
            .collect();
        format!(
            r#"(module
                {imports}
                (memory $memory (export "memory") {pages})
                (global $next (mut i32) (i32.const 65536))
                ;; Gives away memory from 64 KiB on, and never takes any back.
                (func $realloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
                  (local $at i32)
                  (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                  (global.set $next (i32.add (local.get $at) (local.get $size)))
                  (block $enough
                    (loop $more
                      (br_if $enough (i32.le_u (global.get $next)
                                               (i32.shl (memory.size $memory) (i32.const 16))))
                      (drop (memory.grow $memory (i32.const 1)))
                      (br $more)))
                  (local.get $at))
                (data (i32.const 8) "guest") (data (i32.const 16) "0.1.0") (data (i32.const 24) "{{}}")
                ;; The description: name, version, features, kinds, two schemas, annotations.
                (data (i32.const 64)
                  "\08\00\00\00\05\00\00\00" "\10\00\00\00\05\00\00\00" "\00\00\00\00\00\00\00\00"
                  "\00\00\00\00\00\00\00\00" "\18\00\00\00\02\00\00\00" "\18\00\00\00\02\00\00\00"
                  "\00\00\00\00\00\00\00\00")
                {items}
                {functions})"#,
            imports = self.imports,
            pages = self.pages.unwrap_or(1).max(1),
            items = self.items,
        )
    }

    /// The component.
    pub fn build(&self) -> Vec<u8> {
        let text = self.core();
        let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        component(&module, &format!("{}\nexport {ROUTER};", self.world), &self.packages)
    }
}

/// Makes a component of a core module: `world` are the lines of its world, `packages` what they name besides WASI and the
/// contract.
pub fn component(module: &[u8], world: &str, packages: &str) -> Vec<u8> {
    encode(module, world, &format!("{packages}\n{WASI}"))
}

fn encode(module: &[u8], world: &str, packages: &str) -> Vec<u8> {
    let (resolve, world) = resolve(world, packages, true);
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap_or_else(|error| panic!("{error:?}"))
}

/// A component of a world whose functions are all there and do nothing.
pub fn dummy(world: &str, packages: &str) -> Vec<u8> {
    dummy_of(world, &format!("{packages}\n{WASI}"), true)
}

/// The same for packages that are in the way of WASI as it is here.
pub fn dummy_without_wasi(world: &str, packages: &str) -> Vec<u8> {
    dummy_of(world, packages, false)
}

/// The same for packages that are in the way of the contract.
pub fn dummy_without_contract(world: &str, packages: &str) -> Vec<u8> {
    dummy_of(world, packages, false)
}

fn dummy_of(world: &str, packages: &str, contract: bool) -> Vec<u8> {
    let (resolve, world) = resolve(world, packages, contract);
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

fn resolve(world: &str, packages: &str, contract: bool) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    if contract {
        resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/0.1")).unwrap();
    }
    let text = format!("package test:guest;\nworld guest {{\n{world}\n}}\n{packages}");
    let package = resolve.push_str("guest.wit", &text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    (resolve, world)
}

pub fn runtime() -> Runtime {
    Runtime::new(RuntimeSettings::default()).unwrap()
}

/// Limits that a test reaches fast.
pub fn small() -> Limits {
    Limits {
        fuel: 3_000_000,
        memory_bytes: 4 << 20,
        output_bytes: 64 << 10,
        handles: 64,
        ..Limits::default()
    }
}

pub fn artifact(bytes: Vec<u8>) -> Artifact {
    Artifact::from_bytes(bytes, "a test", None, 64 << 20).unwrap()
}

pub fn load(guest: &Guest, limits: &Limits) -> Result<Arc<Plugin>, LoadError> {
    runtime().load(&artifact(guest.build()), limits, &mut |_, _| {})
}

pub fn plugin(guest: &Guest) -> Arc<Plugin> {
    load(guest, &small()).unwrap_or_else(|error| panic!("{error}\n{}", error.hint))
}

/// Calls `route` in a fresh sandbox.
pub fn route(plugin: &Plugin) -> Result<Outcome, CallError> {
    plugin.session().map_err(CallError::Fault)?.route(&target(), &traffic(), &[observation()])
}

pub fn fault<T: std::fmt::Debug>(answer: Result<T, CallError>) -> Fault {
    match answer {
        Err(CallError::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

/// How `route` of a guest ends.
pub fn ends(guest: &Guest) -> FaultReason {
    let fault = fault(route(&plugin(guest)));
    assert!(!fault.message.is_empty());
    fault.reason
}

pub fn target() -> Target {
    Target {
        namespace: "shop".into(),
        name: "cart".into(),
        uid: "0f3b".into(),
        config: r#"{"httpRoute":"cart"}"#.into(),
        settings: "{}".into(),
        stable_service: Some("cart-stable".into()),
        canary_service: None,
    }
}

pub fn destination(name: &str, weight: u32) -> Destination {
    Destination {
        name: name.into(),
        service: Some(format!("cart-{name}")),
        pod_template_hash: Some("7d9c".into()),
        weight,
    }
}

pub fn traffic() -> Traffic {
    Traffic {
        max_weight: 100,
        stable: destination("stable", 80),
        canary: destination("canary", 20),
        ..Traffic::default()
    }
}

pub fn observation() -> Observation {
    let kind = Kind::new("gateway.networking.k8s.io", "HTTPRoute");
    let reference = ObjectRef { kind: kind.clone(), namespace: Some("shop".into()), name: "cart".into() };
    Observation {
        query: Query { kind, namespace: None, select: Selection::Name("cart".into()), optional: false },
        served: true,
        objects: vec![Object {
            reference,
            api_version: "gateway.networking.k8s.io/v1".into(),
            json: r#"{"kind":"HTTPRoute","metadata":{"name":"cart – für alle"}}"#.into(),
        }],
    }
}

impl Guest {
    /// The core module in text, for tests that change it.
    pub fn build_text(&self) -> String {
        self.core()
    }
}

/// Loads a core module in text that imports nothing.
pub fn load_text(core: &str) -> Arc<Plugin> {
    let module = wat::parse_str(core).unwrap_or_else(|error| panic!("{error}\n{core}"));
    let bytes = component(&module, &format!("export {ROUTER};"), "");
    runtime().load(&artifact(bytes), &small(), &mut |_, _| {}).unwrap()
}

impl Guest {
    /// The component, with another version of WASI.
    pub fn build_with(&self, version: &str) -> Vec<u8> {
        let other = |text: &str| text.replace("0.2.6", version);
        let module = wat::parse_str(other(&self.core())).unwrap();
        let packages = other(&format!("{}\n{WASI}", self.packages));
        encode(&module, &format!("{}\nexport {ROUTER};", other(&self.world)), &packages)
    }
}

impl Guest {
    /// The module as the only part of a component, for what the encoder itself would refuse.
    pub fn build_unchecked(&self) -> Vec<u8> {
        let module = wat::parse_str(self.core()).unwrap();
        // The header of a component, then the section of a core module: its number, its length in LEB128, the module.
        let mut bytes = b"\0asm\x0d\0\x01\0\x01".to_vec();
        let mut length = module.len();
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend(module);
        bytes
    }
}
