//! `tidegate plugin check`: whether a plugin can be had and used, stage by stage.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tidegate_contract::{Digest, Router as _};
use tidegate_runtime::{
    Artifact, Inspection, Item, LoadError, Location, Passed, Plugin, Runtime, Source, Stage, StageReport,
};

use super::text::{BAD, BOLD, DIM, GOOD, column, printable};
use super::{Component, Format, load, test};
use crate::web::{self, Patience};

/// What the help of `plugin check` ends with.
pub(super) const AFTER_CHECK: &str = "\
Examples:
  tidegate plugin check my-plugin.wasm
  tidegate plugin check https://example.com/my-plugin.wasm --sha256 HEX
  tidegate plugin check https://example.com/private.wasm --header @headers.txt --ca ca.pem
  tidegate plugin check builtin:gateway-api --output json

Exit status:
  0  the plugin is ready
  1  it is not: the stage that failed says why, and what to do
  2  the check could not be run";

/// Where what is found, or wrong, begins.
const TEXT_AT: usize = 13;

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    component: Component,
    /// How to print it. JSON: one object when all is done.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(super) fn run(arguments: &Check) -> anyhow::Result<ExitCode> {
    // Whatever goes wrong before there is anything to check is the command's own failure, and not the plugin's.
    let runtime = match load::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            load::complain(&error, arguments.output);
            return Ok(ExitCode::from(super::COULD_NOT_RUN));
        }
    };
    let mut findings = Findings::default();
    let result = check(&runtime, &arguments.component, &mut findings, &mut |stage, report| {
        if arguments.output == Format::Table {
            // Whoever has closed standard output has seen enough; the result is in the exit status.
            let _ = test::print(&passed(stage, report));
        }
    });
    let text = match arguments.output {
        Format::Table => ending(&findings, &result, needs_pin(&arguments.component)),
        Format::Json => {
            format!("{}\n", serde_json::to_string(&Outcome::of(&arguments.component, &findings, &result))?)
        }
    };
    test::print(&text)?;
    Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is known of the plugin so far.
#[derive(Default)]
struct Findings {
    read: Option<(Digest, usize)>,
    made_of: Option<Inspection>,
}

fn check(
    runtime: &Runtime,
    component: &Component,
    findings: &mut Findings,
    progress: &mut dyn FnMut(Stage, &StageReport),
) -> Result<Arc<Plugin>, LoadError> {
    // The pin is compared afterwards: of bytes that are other ones it should be said what they are.
    let source = Source { location: component.location()?, sha256: None };
    let limits = component.limits();
    let mut artifact = web::read(&source, limits.artifact_bytes, &component.web, Patience::None)?;
    findings.read = Some((artifact.digest(), artifact.bytes().len()));
    if let Some(expected) = component.sha256 {
        let read = StageReport {
            elapsed: artifact.read_time(),
            passed: Passed::Read {
                origin: artifact.origin().to_owned(),
                bytes: u64::try_from(artifact.bytes().len()).unwrap_or(u64::MAX),
            },
        };
        // When the pin is the right one, this is told with all other stages.
        artifact =
            pin(runtime, artifact, expected, component).inspect_err(|_| progress(Stage::Read, &read))?;
    }
    runtime.load(&artifact, &limits, &mut |stage, report| {
        if let Passed::Validate(made_of) = &report.passed {
            findings.made_of = Some(made_of.clone());
        }
        progress(stage, report);
    })
}

/// Compares the bytes with the pin. The error says what bytes are that are no plugin at all.
fn pin(
    runtime: &Runtime,
    artifact: Artifact,
    expected: Digest,
    component: &Component,
) -> Result<Artifact, LoadError> {
    let inspected = if artifact.digest() == expected {
        None
    } else {
        runtime.inspect(&artifact, &component.limits()).err()
    };
    artifact.pin(expected).map_err(|error| match inspected {
        Some(LoadError { stage: Stage::Recognise, message, .. }) => {
            LoadError { message: format!("{}; {message}", error.message), ..error }
        }
        _ => error,
    })
}

/// What programs get.
#[derive(Serialize)]
struct Outcome<'a> {
    location: Option<String>,
    sha256: Option<String>,
    size: Option<usize>,
    reason: &'static str,
    message: &'a str,
    hint: &'a str,
    version: Option<&'a str>,
    features: &'a [String],
    imports: Vec<&'a str>,
    exports: Vec<&'a str>,
}

impl<'a> Outcome<'a> {
    fn of(component: &Component, findings: &'a Findings, result: &'a Result<Arc<Plugin>, LoadError>) -> Self {
        let description = result.as_ref().ok().map(|plugin| plugin.description());
        let error = result.as_ref().err();
        let names = |items: fn(&Inspection) -> &[Item]| {
            let items = findings.made_of.as_ref().map(items).unwrap_or_default();
            items.iter().map(|item| item.name.as_str()).collect()
        };
        Self {
            location: component.location().ok().map(|location| location.to_string()),
            sha256: findings.read.map(|(digest, _)| digest.to_string()),
            size: findings.read.map(|(_, size)| size),
            reason: error.map_or("Ready", |error| error.reason.as_str()),
            message: error.map_or("", |error| &error.message),
            hint: error.map_or("", |error| &error.hint),
            version: description.map(|description| description.version.as_str()),
            features: description.map(|description| description.features.as_slice()).unwrap_or_default(),
            imports: names(|made_of| &made_of.imports),
            exports: names(|made_of| &made_of.exports),
        }
    }
}

/// A stage that passed, for people.
fn passed(stage: Stage, report: &StageReport) -> String {
    format!(
        "{GOOD}✔{GOOD:#} {:<10} {} {DIM}({}){DIM:#}\n",
        stage.as_str(),
        column(&report.to_string(), TEXT_AT),
        elapsed(report.elapsed)
    )
}

fn elapsed(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1e3;
    if milliseconds < 10.0 { format!("{milliseconds:.1} ms") } else { format!("{milliseconds:.0} ms") }
}

/// Each line of a text, wrapped and indented: lists and last words stay what they are.
fn lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| column(line, TEXT_AT)).collect();
    lines.join(&format!("\n{:TEXT_AT$}", ""))
}

/// Whether a digest is still to be chosen. What is built in needs none.
fn needs_pin(component: &Component) -> bool {
    component.sha256.is_none() && !matches!(component.location(), Ok(Location::Builtin(_)))
}

/// How it ended, for people.
fn ending(findings: &Findings, result: &Result<Arc<Plugin>, LoadError>, needs_pin: bool) -> String {
    let mut text = match result {
        Ok(plugin) => {
            let description = plugin.description();
            let name = printable(&format!("{} {}", description.name, description.version));
            let features = printable(&description.features.join(", "));
            format!("\n{GOOD}READY{GOOD:#}  {BOLD}{name}{BOLD:#}  {DIM}{features}{DIM:#}\n")
        }
        Err(error) => {
            let what = format!("{}: {}", error.reason, error.message);
            format!(
                "{BAD}✘{BAD:#} {:<10} {}\n{:TEXT_AT$}{DIM}{}{DIM:#}\n\n{BAD}NOT READY{BAD:#}  {}\n",
                error.stage.as_str(),
                lines(&what),
                "",
                lines(&error.hint),
                error.reason
            )
        }
    };
    if let Some((digest, _)) = findings.read.filter(|_| needs_pin && result.is_ok()) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "Pin it: --sha256 {digest}");
    }
    text
}
