//! Compares what a component imports and exports with the world of a router plugin, and names everything that is wrong at
//! once.

use std::collections::BTreeSet;

use crate::inspect::{Inspection, Item};
use crate::v0_1;
use crate::wasi::Functions;
use tidegate_artifact::Stage;
use tidegate_artifact::{LoadError, LoadReason};

/// The router interfaces that this host can call, oldest first.
pub fn served_interfaces() -> &'static [&'static str] {
    &[v0_1::INTERFACE]
}

/// The name of all versions of the router interface.
const ROUTER: &str = "tidegate:traffic/router";

/// Finds the interface by which a component is called.
///
/// # Errors
/// `IncompatibleInterface`, `UngrantedImport`.
pub(crate) fn check(found: &Inspection, wasi: &Functions) -> Result<&'static str, LoadError> {
    let (refused, hints) = refused_imports(&found.imports, wasi);
    match exported(&found.exports) {
        Ok(interface) if refused.is_empty() => Ok(interface),
        Ok(_) => Err(LoadError::new(
            Stage::Interface,
            LoadReason::UngrantedImport,
            format!("the component imports what plugins are not given:\n{}", refused.join("\n")),
            hints,
        )),
        Err((mut message, hint)) => {
            if !refused.is_empty() {
                message.push_str("\nit also imports what plugins are not given:\n");
                message.push_str(&refused.join("\n"));
            }
            Err(LoadError::new(Stage::Interface, LoadReason::IncompatibleInterface, message, hint))
        }
    }
}

/// The served interface among the exports; or what is wrong, and what to do.
fn exported(exports: &[Item]) -> Result<&'static str, (String, String)> {
    let served = served_interfaces();
    // The newest one that both sides know.
    for interface in served.iter().rev().copied() {
        let Some(item) = exports.iter().find(|item| item.name == interface) else { continue };
        let missing: Vec<_> = v0_1::FUNCTIONS
            .iter()
            .copied()
            .filter(|name| !item.functions.as_ref().is_some_and(|functions| functions.contains(*name)))
            .collect();
        if missing.is_empty() {
            return Ok(interface);
        }
        return Err((
            format!("the component exports {interface} without its functions {}", missing.join(", ")),
            "build it against the WIT files of that very version".into(),
        ));
    }

    let here = served.join(", ");
    let same: Vec<_> =
        exports.iter().map(|item| item.name.as_str()).filter(|name| split(name).0 == ROUTER).collect();
    if !same.is_empty() {
        return Err((
            format!("the component exports {}, and this host calls {here}", same.join(", ")),
            "build the plugin with an SDK of this host's version, or use a host of the plugin's version"
                .into(),
        ));
    }
    let names: Vec<_> = exports.iter().map(|item| item.name.as_str()).collect();
    let gives = if names.is_empty() { "nothing".into() } else { names.join(", ") };
    let hint = if names.iter().any(|name| name.starts_with("wasi:cli/run")) {
        "this is a command, not a plugin: build a library (for Rust: crate-type cdylib) for the world \
         tidegate:traffic/traffic-router"
    } else if names.iter().any(|name| name.starts_with("wasi:http/")) {
        "this is an HTTP service, not a plugin: build it for the world tidegate:traffic/traffic-router"
    } else {
        "this is a component for something else: give one that was built for the world \
         tidegate:traffic/traffic-router"
    };
    Err((format!("the component exports {gives}; a router plugin exports {here}"), hint.into()))
}

/// `ns:package/interface@version` as name and version.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    }
}

/// What to do about a refused import. In the order in which the hints are given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Remedy {
    Sockets,
    Http,
    Wasi03,
    OtherVersion,
    OtherWasi,
    Unknown,
}

impl Remedy {
    const fn text(self) -> &'static str {
        match self {
            Self::Sockets => {
                "plugins have no network. Rust: use no std::net, nor crates that do. Python: componentize-py \
                 componentize --stub-wasi"
            }
            Self::Http => {
                "plugins have no network. JavaScript: jco componentize --disable http --disable fetch-event. Python: \
                 componentize-py componentize --stub-wasi"
            }
            Self::Wasi03 => {
                "build for WASI 0.2. Rust: --target wasm32-wasip2. Other languages: the toolchain's option for WASI \
                 preview 2"
            }
            Self::OtherVersion => "build with a current toolchain, which imports WASI 0.2",
            Self::OtherWasi => {
                "of WASI 0.2 there are cli (without run), io, clocks, random and filesystem: leave out what needs more"
            }
            Self::Unknown => {
                "a plugin can import nothing but WASI 0.2: what it has to know comes as arguments. If this is a library \
                 of the plugin, compose it in (`wac plug`)"
            }
        }
    }
}

/// One line for each refused import, and the hints for all of them.
fn refused_imports(imports: &[Item], wasi: &Functions) -> (Vec<String>, String) {
    let refused: Vec<_> = imports.iter().filter_map(|import| refuse(import, wasi)).collect();
    let remedies: BTreeSet<_> = refused.iter().map(|(remedy, _)| *remedy).collect();
    let hints: Vec<_> = remedies.into_iter().map(Remedy::text).collect();
    (refused.into_iter().map(|(_, line)| line).collect(), hints.join("; "))
}

fn refuse(import: &Item, wasi: &Functions) -> Option<(Remedy, String)> {
    let name = import.name.as_str();
    let (interface, version) = split(name);
    let package = interface.split('/').next().unwrap_or_default();
    if !package.starts_with("wasi:") {
        return Some((Remedy::Unknown, format!("  {name}: unknown")));
    }
    if version.is_some_and(|version| version.starts_with("0.3.")) {
        return Some((Remedy::Wasi03, format!("  {name}: WASI 0.3")));
    }
    match package {
        "wasi:sockets" => return Some((Remedy::Sockets, format!("  {name}: the network"))),
        "wasi:http" => return Some((Remedy::Http, format!("  {name}: the network"))),
        _ => {}
    }
    if !version.is_some_and(is_wasi_0_2) {
        return Some((Remedy::OtherVersion, format!("  {name}: not WASI 0.2")));
    }
    let (Some(served), Some(wanted)) = (wasi.of(interface), import.functions.as_ref()) else {
        return Some((Remedy::OtherWasi, format!("  {name}: not given to plugins")));
    };
    let missing: Vec<_> =
        wanted.iter().map(String::as_str).filter(|function| !served.contains(*function)).collect();
    (!missing.is_empty())
        .then(|| (Remedy::OtherWasi, format!("  {name}: its functions {} are unknown", missing.join(", "))))
}

/// Releases of 0.2, without the snapshots that came before it.
fn is_wasi_0_2(version: &str) -> bool {
    let release = version.split('+').next().unwrap_or_default();
    release
        .strip_prefix("0.2.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}
