//! Makes components of core modules, by the same encoder that toolchains use.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

/// The interface that a router exports.
pub const ROUTER: &str = "tidegate:traffic/router@0.1.0";

/// What guests here import, in a version that is neither the first nor the last.
pub(crate) const WASI: &str = include_str!("wasi.wit");

/// Makes a component of a core module: `world` are the lines of its world, `packages` what they name besides WASI and the
/// contract.
///
/// # Panics
/// When they do not fit each other.
pub fn component(module: &[u8], world: &str, packages: &str) -> Vec<u8> {
    encode(module, world, &format!("{packages}\n{WASI}"))
}

/// The same without WASI, for packages that are in the way of it or bring their own.
pub(crate) fn encode(module: &[u8], world: &str, packages: &str) -> Vec<u8> {
    let (resolve, world) = resolve(world, packages, true);
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap_or_else(|error| panic!("{error:?}"))
}

/// A component of a world whose functions are all there and do nothing.
///
/// # Panics
/// When the world is none.
pub fn dummy(world: &str, packages: &str) -> Vec<u8> {
    dummy_of(world, &format!("{packages}\n{WASI}"), true)
}

/// The same for packages that are in the way of WASI as it is here, or of the contract.
///
/// # Panics
/// When the world is none.
pub fn dummy_alone(world: &str, packages: &str) -> Vec<u8> {
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
        resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/0.1")).unwrap();
    }
    let text = format!("package test:guest;\nworld guest {{\n{world}\n}}\n{packages}");
    let package = resolve.push_str("guest.wit", &text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    (resolve, world)
}

/// A core module as the only part of a component, for what the encoder itself would refuse.
pub(crate) fn wrap(module: &[u8]) -> Vec<u8> {
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
