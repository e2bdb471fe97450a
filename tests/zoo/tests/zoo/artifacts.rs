//! Bytes that are no plugin of this host, and one that is.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tidegate_hostile::{Guest, ROUTER, dummy, dummy_alone, router};

/// A plugin that nothing is wrong with.
pub(crate) fn good() -> Vec<u8> {
    router().build()
}

/// A core module: what is in the good one.
pub(crate) fn core_module() -> Vec<u8> {
    router().module()
}

/// The first half of the good one.
pub(crate) fn half() -> Vec<u8> {
    let good = good();
    good[..good.len() / 2].to_vec()
}

pub(crate) fn gzip() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&good()).unwrap();
    encoder.finish().unwrap()
}

/// Machine code for this very processor, compiled by wasmtime.
pub(crate) fn precompiled() -> Vec<u8> {
    wasmtime::Engine::default().precompile_component(&good()).unwrap()
}

/// The header of a Linux executable for this machine number, and some.
pub(crate) fn elf(machine: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    bytes.extend(machine.to_le_bytes());
    bytes.resize(4096, 0);
    bytes
}

/// The same for macOS.
pub(crate) fn mach_o() -> Vec<u8> {
    let mut bytes = b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0".to_vec();
    bytes.resize(4096, 0);
    bytes
}

/// The same for Windows.
pub(crate) fn pe() -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x80..0x86].copy_from_slice(b"PE\0\0\x64\x86");
    bytes
}

/// A component of another world.
pub(crate) fn other_world() -> Vec<u8> {
    dummy("export render: func(page: string) -> string;", "")
}

/// A router of before there was a first version.
pub(crate) fn old_interface() -> Vec<u8> {
    let package = "package tidegate:traffic@0.0.9 { interface router { describe: func() -> string; } }";
    dummy_alone("export tidegate:traffic/router@0.0.9;", package)
}

/// A router that also wants these.
pub(crate) fn wanting(imports: &[&str]) -> Vec<u8> {
    const PACKAGES: &str = "
        package wasi:sockets@0.2.6 { interface tcp { connect: func(); } }
        package wasi:http@0.2.6 { interface outgoing-handler { handle: func(); } }
        package acme:secrets@1.0.0 { interface vault { open: func(); } }";
    let imports: Vec<_> = imports.iter().map(|import| format!("import {import};")).collect();
    dummy(&format!("{} export {ROUTER};", imports.join(" ")), PACKAGES)
}

/// A router that does this while it starts.
pub(crate) fn starting(body: &str) -> Vec<u8> {
    router().items(&format!("(func $boot {body}) (start $boot)")).build()
}

/// A router that fails when it is asked what it is, and says something before.
pub(crate) fn speechless() -> Vec<u8> {
    router().says(0, LAST_WORDS).body("describe", "(call $say_0) (unreachable)").build()
}

/// A router that has a hundred and more mebibytes from the start.
pub(crate) fn hungry() -> Vec<u8> {
    Guest { pages: Some(2000), ..router() }.build()
}

/// What is said before a failure.
pub(crate) const LAST_WORDS: &str = "config.rs:12: the cat is on the keyboard";
