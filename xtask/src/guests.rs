//! Guests: the plugins that the binary embeds, and the components that only tests load.
//!
//! A package is a guest when its Cargo.toml says so, `[package.metadata.tidegate]` with `guest = "NAME"`,
//! `test-guest = "NAME"` or `example-guest = "NAME"`. The result is `NAME.wasm` in `target/plugins`, `target/test-guests` or
//! `target/guests`, wherever cargo builds; a file that would not change is left alone, so that what embeds it is not built again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::console::spoken;
use crate::context::Context;
use crate::digest;
use crate::run;
use crate::toolchain::{self, Source, TARGET, Toolchain};

/// The profile of guests in the root Cargo.toml.
const PROFILE: &str = "guest";

/// What a guest is for, and so where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Plugin,
    Test,
    Example,
}

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Self::Plugin => "guest",
            Self::Test => "test-guest",
            Self::Example => "example-guest",
        }
    }

    fn folder(self, context: &Context<'_>) -> PathBuf {
        context.root.join("target").join(match self {
            Self::Plugin => "plugins",
            Self::Test => "test-guests",
            Self::Example => "guests",
        })
    }
}

/// A package that becomes a component.
#[derive(Debug, PartialEq, Eq)]
struct Guest {
    package: String,
    id: String,
    name: String,
    kind: Kind,
}

/// The folder of the components that only tests load.
pub(crate) fn test_guests(context: &Context<'_>) -> PathBuf {
    Kind::Test.folder(context)
}

/// The packages that are built for the guests' target only, or run as programs only by this one: what builds all of the
/// workspace for the host leaves them out. The examples are ordinary libraries as well.
pub(crate) fn packages(context: &Context<'_>) -> Vec<String> {
    let guests = declared(&context.packages);
    let tools = context.packages.iter().filter(|package| {
        package.pointer("/metadata/tidegate/tool").and_then(Value::as_bool).unwrap_or_default()
    });
    guests
        .into_iter()
        .filter(|guest| guest.kind != Kind::Example)
        .map(|guest| guest.package)
        .chain(tools.filter_map(|package| package.get("name").and_then(Value::as_str).map(str::to_owned)))
        .collect()
}

/// Builds the plugins that the binary embeds.
pub(crate) fn build_plugins(context: &Context<'_>, source: Source) -> Result<()> {
    build(context, source, &[Kind::Plugin]).map(drop)
}

/// The folder of the examples, in whatever language they are.
pub(crate) fn examples(context: &Context<'_>) -> PathBuf {
    Kind::Example.folder(context)
}

/// Builds the examples in Rust.
pub(crate) fn build_examples(context: &Context<'_>, source: Source) -> Result<()> {
    build(context, source, &[Kind::Example]).map(drop)
}

/// Builds the plugins and the tests' components. Answers with the compiler, for tests that build guests themselves.
pub(crate) fn build_all(context: &Context<'_>, source: Source) -> Result<Toolchain> {
    build(context, source, &[Kind::Plugin, Kind::Test])
}

fn build(context: &Context<'_>, source: Source, kinds: &[Kind]) -> Result<Toolchain> {
    let mut guests = declared(&context.packages);
    guests.retain(|guest| kinds.contains(&guest.kind));
    refuse_double_names(&guests)?;
    for kind in kinds {
        let folder = kind.folder(context);
        std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    if guests.is_empty() {
        bail!("no package of the workspace says `guest = \"NAME\"` in its [package.metadata.tidegate]");
    }
    let toolchain = toolchain::ensure(context, source)?;
    context.console.heading(&format!("Building {} for {TARGET}", count(guests.len(), "guest")));
    let started = Instant::now();
    for guest in &guests {
        // One by one: together, each would get the features that any of them asks of what they share.
        let mut cargo = context.cargo();
        cargo
            .args(["build", "--target", TARGET, "--profile", PROFILE, "--package", &guest.package])
            .arg("--target-dir")
            .arg(context.target.join(toolchain.folder()))
            .arg("--message-format=json-render-diagnostics")
            .env("CARGO_ENCODED_RUSTFLAGS", flags(context));
        toolchain.apply(&mut cargo);
        let components = components(&run::listen(&mut cargo)?);
        let built = components
            .get(&guest.id)
            .with_context(|| format!("cargo built no component from {}", guest.package))?;
        put(context, guest, built)?;
    }
    context.console.note(&format!("done in {}", spoken(started.elapsed())));
    Ok(toolchain)
}

/// Stack of a guest in bytes. The usual mebibyte is memory that every sandbox begins with.
const STACK: usize = 128 << 10;

/// What a guest can allocate in bytes before its memory grows, which costs a call as much as some hundred allocations.
const HEAP: usize = 64 << 10;

/// Flags that make guests start and run fast, and such that keep this machine's paths out of the components, so that the
/// same sources give the same digest anywhere.
fn flags(context: &Context<'_>) -> String {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let mut flags = vec![format!("--remap-path-prefix={}=tidegate", context.root.display())];
    flags.push("-Ctarget-feature=+simd128".to_owned());
    flags.push(format!("-Clink-arg=-zstack-size={STACK}"));
    flags.push(format!("-Clink-arg=--initial-heap={HEAP}"));
    // Otherwise the linker leaves five bytes for the index in each call and for each address: 8 % of a component.
    flags.push("-Clink-arg=--compress-relocations".to_owned());
    flags.extend(home.map(|home| format!("--remap-path-prefix={}=cargo", home.display())));
    flags.join("\x1f")
}

/// Copies a component to its place and says what it is.
fn put(context: &Context<'_>, guest: &Guest, built: &Path) -> Result<()> {
    install(context, built, &guest.kind.folder(context).join(&guest.name).with_extension("wasm"))
}

/// Copies a component to a place and says what it is.
pub(crate) fn install(context: &Context<'_>, built: &Path, place: &Path) -> Result<()> {
    let bytes = std::fs::read(built).with_context(|| format!("reading {}", built.display()))?;
    if std::fs::read(place).ok().as_deref() != Some(&bytes) {
        // Renamed into place: nobody sees half a file.
        let part = place.with_extension("wasm.part");
        std::fs::write(&part, &bytes).with_context(|| format!("writing {}", part.display()))?;
        std::fs::rename(&part, place).with_context(|| format!("moving {} into place", place.display()))?;
    }
    let kib = bytes.len().div_ceil(1024);
    context.console.note(&format!(
        "{}  {kib} KiB  sha256 {}",
        context.relative(place),
        digest::of_bytes(&bytes)
    ));
    Ok(())
}

/// The guests that the packages of `cargo metadata` declare, plugins first.
fn declared(packages: &[Value]) -> Vec<Guest> {
    let mut guests = Vec::new();
    for package in packages {
        let text = |pointer: &str| package.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        for kind in [Kind::Plugin, Kind::Test, Kind::Example] {
            let name = text(&format!("/metadata/tidegate/{}", kind.key()));
            if let (Some(name), Some(package), Some(id)) = (name, text("/name"), text("/id")) {
                guests.push(Guest { package, id, name, kind });
            }
        }
    }
    guests.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    guests
}

fn refuse_double_names(guests: &[Guest]) -> Result<()> {
    for pair in guests.windows(2) {
        if let [one, other] = pair
            && (one.kind, &one.name) == (other.kind, &other.name)
        {
            bail!("{} and {} both declare the guest {}", one.package, other.package, one.name);
        }
    }
    Ok(())
}

/// The `.wasm` file of each package in cargo's messages, by the package's id.
fn components(messages: &str) -> BTreeMap<String, PathBuf> {
    let mut components = BTreeMap::new();
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if message.pointer("/reason").and_then(Value::as_str) != Some("compiler-artifact") {
            continue;
        }
        let files = message.pointer("/filenames").and_then(Value::as_array).into_iter().flatten();
        let component = files
            .filter_map(Value::as_str)
            .map(PathBuf::from)
            .find(|file| file.extension().is_some_and(|extension| extension == "wasm"));
        if let (Some(id), Some(file)) = (message.pointer("/package_id").and_then(Value::as_str), component) {
            components.insert(id.to_owned(), file);
        }
    }
    components
}

/// `1 guest`, `2 guests`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, metadata: &Value) -> Value {
        json!({"name": name, "id": format!("path+file:///{name}#0.1.0"), "metadata": metadata})
    }

    #[test]
    fn guests_are_what_declares_itself() {
        let packages = [
            package("host", &Value::Null),
            package("z-test", &json!({"tidegate": {"test-guest": "spin"}})),
            package("b-plugin", &json!({"tidegate": {"guest": "nginx"}})),
            package("a-plugin", &json!({"tidegate": {"guest": "gateway-api"}, "docs": {}})),
        ];
        let names: Vec<_> = declared(&packages).into_iter().map(|guest| (guest.name, guest.kind)).collect();
        assert_eq!(
            names,
            [
                ("gateway-api".to_owned(), Kind::Plugin),
                ("nginx".to_owned(), Kind::Plugin),
                ("spin".to_owned(), Kind::Test)
            ]
        );
    }

    #[test]
    fn one_name_is_one_guest() {
        let twice = [
            package("one", &json!({"tidegate": {"guest": "same"}})),
            package("two", &json!({"tidegate": {"guest": "same"}})),
        ];
        assert!(refuse_double_names(&declared(&twice)).is_err());
        let apart = [
            package("one", &json!({"tidegate": {"guest": "same"}})),
            package("two", &json!({"tidegate": {"test-guest": "same"}})),
        ];
        assert!(refuse_double_names(&declared(&apart)).is_ok());
    }

    #[test]
    fn components_are_found_in_the_messages() {
        let messages = [
            json!({"reason": "compiler-artifact", "package_id": "sdk", "filenames": ["/t/libsdk.rlib"]}),
            json!({"reason": "compiler-artifact", "package_id": "guest", "filenames": ["/t/libg.rlib", "/t/g.wasm"]}),
            json!({"reason": "build-finished", "success": true}),
        ]
        .map(|message| message.to_string())
        .join("\n");
        let expected = BTreeMap::from([("guest".to_owned(), PathBuf::from("/t/g.wasm"))]);
        assert_eq!(components(&messages), expected);
    }
}
