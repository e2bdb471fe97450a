//! `tidegate plugin inspect` and `tidegate plugin digest`: what a plugin is, and what it asks for.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tidegate_contract::{Description, KindUse, Router as _};
use tidegate_runtime::{Artifact, Inspection, Item};

use super::load::{self, CannotLoad};
use super::text::{BAD, BOLD, DIM, column, printable};
use super::{COULD_NOT_RUN, Component, Format, test};

/// Where values begin.
const VALUE_AT: usize = 14;

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    component: Component,
    /// How to print it. JSON has the schemas of its configuration, too.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct PrintDigest {
    #[command(flatten)]
    component: Component,
}

pub(super) fn print_digest(arguments: &PrintDigest) -> anyhow::Result<ExitCode> {
    match arguments.component.read() {
        Ok(artifact) => {
            test::print(&format!("{}\n", artifact.digest()))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            load::complain(&error, Format::Table);
            Ok(ExitCode::from(COULD_NOT_RUN))
        }
    }
}

pub(super) fn run(arguments: &Inspect) -> anyhow::Result<ExitCode> {
    let found = (|| {
        let runtime = load::runtime()?;
        let artifact = arguments.component.read()?;
        let made_of = runtime.inspect(&artifact, &arguments.component.limits()).map_err(CannotLoad)?;
        anyhow::Ok((runtime, artifact, made_of))
    })();
    let (runtime, artifact, made_of) = match found {
        Ok(found) => found,
        Err(error) => {
            load::complain(&error, arguments.output);
            return Ok(ExitCode::from(COULD_NOT_RUN));
        }
    };
    // A component that is no plugin of this host is shown as far as it can be.
    let loaded = runtime.load(&artifact, &arguments.component.limits(), &mut |_, _| {});
    let description = loaded.as_ref().map(|plugin| plugin.description());
    let text = match arguments.output {
        Format::Table => table(&artifact, &made_of, description.ok()),
        Format::Json => format!("{}\n", document(&artifact, &made_of, description.ok())),
    };
    match loaded.as_ref() {
        Ok(_) => {
            test::print(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if arguments.output == Format::Table {
                test::print(&text)?;
            }
            load::complain(&CannotLoad(error.clone()).into(), arguments.output);
            Ok(ExitCode::FAILURE)
        }
    }
}

fn document(artifact: &Artifact, made_of: &Inspection, description: Option<&Description>) -> Value {
    let items = |items: &[Item]| {
        let item = |item: &Item| json!({"name": item.name, "functions": item.functions});
        items.iter().map(item).collect::<Value>()
    };
    json!({
        "origin": artifact.origin(),
        "sha256": artifact.digest().to_string(),
        "bytes": artifact.bytes().len(),
        "modules": made_of.modules,
        "functions": made_of.functions,
        "imports": items(&made_of.imports),
        "exports": items(&made_of.exports),
        "description": description,
    })
}

/// All of it for people. Writing to a string cannot fail.
fn table(artifact: &Artifact, made_of: &Inspection, description: Option<&Description>) -> String {
    let mut text = String::new();
    match description {
        Some(description) => {
            let name = printable(&format!("{} {}", description.name, description.version));
            let _ = writeln!(text, "{BOLD}{name}{BOLD:#}");
        }
        None => {
            let _ = writeln!(text, "{BAD}a component that is no plugin of this host{BAD:#}");
        }
    }
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<11} {}", column(value, VALUE_AT));
    };
    row("origin", artifact.origin());
    row("sha256", &artifact.digest().to_string());
    row(
        "size",
        &format!(
            "{} bytes, {} functions in {} modules",
            artifact.bytes().len(),
            made_of.functions,
            made_of.modules
        ),
    );
    if let Some(description) = description {
        row("features", &description.features.join(", "));
        row("config", &keys(&description.config_schema));
        row("settings", &keys(&description.settings_schema));
        for (key, value) in &description.annotations {
            row(&printable(key), value);
        }
    }
    if let Some(description) = description {
        let _ = writeln!(text, "\n{BOLD}What it asks for{BOLD:#}");
        for alike in description.kinds.chunk_by(is_alike) {
            kinds(&mut text, alike);
        }
    }
    for (what, items) in [("Exports", &made_of.exports), ("Imports", &made_of.imports)] {
        let note =
            if what == "Imports" { "  answered with nothing: no files, no network, no time" } else { "" };
        let _ = writeln!(text, "\n{BOLD}{what}{BOLD:#}{DIM}{note}{DIM:#}");
        for item in items {
            let functions = item.functions.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "  {:<36} {DIM}{}{DIM:#}", printable(&item.name), column(&functions, 39));
        }
    }
    text
}

/// The keys that a schema names.
fn keys(schema: &str) -> String {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let keys = schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|keys| keys.keys().cloned().collect::<Vec<_>>());
    match keys.unwrap_or_default().as_slice() {
        [] => "no key that its schema names".to_owned(),
        keys => keys.join(", "),
    }
}

/// Whether the same is asked for of two kinds.
fn is_alike(one: &KindUse, other: &KindUse) -> bool {
    one.verbs == other.verbs && one.fields == other.fields && one.elements == other.elements
}

/// Kinds of which the same is asked for.
fn kinds(text: &mut String, alike: &[KindUse]) {
    for used in alike {
        let verbs: Vec<_> = used.verbs.iter().map(|verb| format!("{verb:?}").to_lowercase()).collect();
        let versions = printable(&used.versions.join(", "));
        let kind = printable(&used.kind.to_string());
        let _ = writeln!(text, "  {kind}  {DIM}{versions}{DIM:#}  {}", verbs.join(", "));
    }
    let Some(used) = alike.first() else { return };
    for field in &used.fields {
        let _ = writeln!(text, "    may change {}", printable(field));
    }
    for element in &used.elements {
        let references = match element.references.as_slice() {
            [] => String::new(),
            places => format!(", and that name only the Rollout's at {}", places.join(", ")),
        };
        let said = format!(
            "may add and remove {} that say at {:?} whose they are{references}",
            element.at, element.identity
        );
        let _ = writeln!(text, "    {}", column(&said, 6));
    }
}
