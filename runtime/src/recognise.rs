//! Tells what bytes are, so that whoever gave the wrong file reads which file it was.

use wasmtime::{Engine, Precompiled};

use tidegate_artifact::Stage;
use tidegate_artifact::{LoadError, LoadReason};

/// Passes for what begins like a component; says for everything else what it is.
///
/// # Errors
/// `NotWasm`, `NotAComponent`, `Precompiled`, `Malformed`.
pub(crate) fn recognise(bytes: &[u8]) -> Result<(), LoadError> {
    if let Some(found) = Engine::detect_precompiled(bytes) {
        let what = match found {
            Precompiled::Module => "a module",
            Precompiled::Component => "a component",
        };
        return Err(fail(
            LoadReason::Precompiled,
            format!("this is {what} that wasmtime compiled to machine code"),
            "machine code from outside is never run: give the .wasm file that it was compiled from",
        ));
    }
    if let Some(version) = bytes.strip_prefix(b"\0asm") {
        return webassembly(version);
    }
    let (what, hint) = foreign(bytes);
    Err(fail(LoadReason::NotWasm, format!("this is {what}, not WebAssembly"), hint))
}

fn fail(reason: LoadReason, message: String, hint: &str) -> LoadError {
    LoadError::new(Stage::Recognise, reason, message, hint)
}

/// What follows the magic number: a version and a layer, two bytes each.
fn webassembly(version: &[u8]) -> Result<(), LoadError> {
    match version {
        [0x0d, 0, 1, 0, ..] => Ok(()),
        [1, 0, 0, 0, ..] => Err(fail(
            LoadReason::NotAComponent,
            "this is a core WebAssembly module, not a component".into(),
            "build it for the target wasm32-wasip2, which makes components; or make one of the module with \
             `wasm-tools component embed` (the WIT world) and `wasm-tools component new`",
        )),
        [a, b, 1, 0, ..] => Err(fail(
            LoadReason::Malformed,
            format!(
                "this component has version {} of the format, and only 13 is known",
                u16::from_le_bytes([*a, *b])
            ),
            "build it again with a current toolchain",
        )),
        [a, b, c, d, ..] => Err(fail(
            LoadReason::Malformed,
            format!("this is WebAssembly of the unknown version {a:02x} {b:02x} {c:02x} {d:02x}"),
            "build it again with a current toolchain, and check that the file is not damaged",
        )),
        _ => Err(fail(
            LoadReason::Malformed,
            "this is WebAssembly that is cut off in its first eight bytes".into(),
            "check that the file was copied completely",
        )),
    }
}

const BUILD: &str = "native plugins cannot be used: build the plugin for the target wasm32-wasip2 and give the \
                     .wasm file";
const DOWNLOAD: &str =
    "the address leads to a page, not to the file: check the link, and that it needs no login";
const UNPACK: &str = "unpack it and give the .wasm file inside";
const CHECK: &str = "check that this is the right file; a plugin is a WebAssembly component (.wasm)";

/// What bytes are that are not WebAssembly, and what to do.
fn foreign(bytes: &[u8]) -> (String, &'static str) {
    match bytes {
        [] => ("an empty file".into(), "check that the file was written and copied completely"),
        [0x7f, b'E', b'L', b'F', ..] => (format!("a Linux binary (ELF, {})", elf_machine(bytes)), BUILD),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => {
            (format!("a macOS binary (Mach-O, {})", mach_machine(bytes)), BUILD)
        }
        [0xca, 0xfe, 0xba, 0xbe, _, _, _, architectures, ..] if *architectures < 20 => {
            (format!("a macOS binary (Mach-O, {architectures} architectures)"), BUILD)
        }
        [0xca, 0xfe, 0xba, 0xbe, ..] => ("a Java class".into(), CHECK),
        [b'M', b'Z', ..] => (format!("a Windows binary ({})", pe_machine(bytes)), BUILD),
        [b'#', b'!', ..] => ("a script".into(), BUILD),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => ("an archive of object files (ar)".into(), CHECK),
        [0x1f, 0x8b, ..] => ("compressed with gzip".into(), UNPACK),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("compressed with zstd".into(), UNPACK),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("compressed with xz".into(), UNPACK),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => ("compressed with bzip2".into(), UNPACK),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => ("a zip archive".into(), UNPACK),
        _ if bytes.get(257..262) == Some(b"ustar".as_slice()) => ("a tar archive".into(), UNPACK),
        [b'B', b'C', 0xc0, 0xde, ..] => ("LLVM bitcode".into(), CHECK),
        [b'%', b'P', b'D', b'F', ..] => ("a PDF document".into(), CHECK),
        _ => beginning_of_text(bytes).map_or_else(|| (binary(bytes), CHECK), text_kind),
    }
}

fn binary(bytes: &[u8]) -> String {
    let first: Vec<_> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("binary data of an unknown kind (it begins with {})", first.join(" "))
}

/// The first 4 KiB as text, if they are text.
fn beginning_of_text(bytes: &[u8]) -> Option<&str> {
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let first = bytes.get(..4096).unwrap_or(bytes);
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        // A character may be cut at the end.
        Err(error) if error.error_len().is_none() => {
            first.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok())?
        }
        Err(_) => return None,
    };
    let binary = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    (!text.is_empty() && !text.contains(binary)).then_some(text)
}

fn text_kind(text: &str) -> (String, &'static str) {
    let start = text.trim_start();
    let first_line: String = start.lines().next().unwrap_or_default().chars().take(60).collect();
    let begins = |prefix: &str| start.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
    if begins("<!doctype html") || begins("<html") || begins("<head") || begins("<body") {
        return (format!("an HTML page{}", title(start)), DOWNLOAD);
    }
    if begins("<?xml") || start.starts_with('<') {
        return ("XML".into(), DOWNLOAD);
    }
    if start.starts_with("version https://git-lfs.github.com/spec/") {
        return (
            "a Git LFS pointer".into(),
            "the file itself is elsewhere: run `git lfs pull`, or use the link of the release",
        );
    }
    let code = start.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(";;"));
    if code.is_some_and(|line| line.starts_with("(component") || line.starts_with("(module")) {
        return (
            "WebAssembly in its text form (WAT)".into(),
            "turn it into the binary form: `wasm-tools parse FILE.wat -o FILE.wasm`",
        );
    }
    if start.starts_with("package ") && text.contains("interface ") || text.contains("\nworld ") {
        return ("a WIT document".into(), "that is the contract; give a component that implements it");
    }
    if start.starts_with(['{', '[']) {
        let hint = if text.contains("\"schemaVersion\"") {
            "this is the manifest of an image: give the layer with the component"
        } else {
            CHECK
        };
        return ("JSON".into(), hint);
    }
    if start.starts_with("---") || text.lines().take(50).any(|line| line.starts_with("apiVersion:")) {
        return ("YAML".into(), CHECK);
    }
    (format!("text (it begins with {first_line:?})"), CHECK)
}

/// The title of an HTML page, which usually says what went wrong.
fn title(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let rest = page.get(start + "<title>".len()..)?;
        rest.get(..lower.get(start + "<title>".len()..)?.find("</title>")?)
    });
    match title.map(str::trim) {
        Some(title) if !title.is_empty() => {
            let short: String = title.chars().filter(|c| !c.is_control()).take(80).collect();
            format!(" (“{short}”)")
        }
        _ => String::new(),
    }
}

fn word(bytes: &[u8], at: usize, little: bool) -> Option<u16> {
    let pair = [*bytes.get(at)?, *bytes.get(at + 1)?];
    Some(if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
}

fn elf_machine(bytes: &[u8]) -> String {
    let little = bytes.get(5) != Some(&2);
    match word(bytes, 18, little) {
        Some(0x03) => "x86".into(),
        Some(0x15) => "ppc64".into(),
        Some(0x16) => "s390x".into(),
        Some(0x28) => "arm".into(),
        Some(0x3e) => "x86-64".into(),
        Some(0xb7) => "arm64".into(),
        Some(0xf3) => "riscv".into(),
        Some(0x102) => "loongarch".into(),
        Some(other) => format!("architecture {other:#x}"),
        None => "cut off".into(),
    }
}

fn mach_machine(bytes: &[u8]) -> String {
    match (word(bytes, 4, true), word(bytes, 6, true)) {
        (Some(7), Some(0x0100)) => "x86-64".into(),
        (Some(12), Some(0x0100)) => "arm64".into(),
        (Some(low), Some(high)) => format!("architecture {high:#x}.{low:#x}"),
        _ => "cut off".into(),
    }
}

fn pe_machine(bytes: &[u8]) -> String {
    let header = word(bytes, 0x3c, true).map(usize::from);
    let machine = header
        .filter(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(b"PE\0\0")))
        .and_then(|at| word(bytes, at + 4, true));
    match machine {
        Some(0x14c) => "x86".into(),
        Some(0x8664) => "x86-64".into(),
        Some(0xaa64) => "arm64".into(),
        Some(other) => format!("architecture {other:#x}"),
        None => "DOS or cut off".into(),
    }
}
