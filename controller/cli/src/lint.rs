//! `tidegate lint`: reads the texts, loads the plugins, tells what is found.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::Args;
use serde_json::json;
use tidegate_lint::{Finding, Scope, Severity, Text, lint};
use tidegate_model::interest;
use tidegate_runtime::{Runtime, RuntimeSettings};
use tidegate_simulate::manifests;

use crate::arguments::{Output, Plugins};
use crate::files;
use crate::out::Out;
use crate::permissions;
use crate::plugins;

/// Lint could not be run. The same as for arguments that cannot be parsed.
const COULD_NOT_RUN: u8 = 2;

#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// Manifests (YAML or JSON): Rollouts, and what they refer to: Services and routes. A directory stands for all manifests
    /// in it; `-` is standard input.
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// The FILES are not everything: Services and routes that they lack may be in the cluster, and are a warning.
    #[arg(long)]
    partial: bool,
    /// How to print what is found.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    plugins: Plugins,
}

pub(crate) fn run(arguments: &Lint) -> anyhow::Result<ExitCode> {
    let mut out = Out::default();
    match find(arguments) {
        Ok((findings, files)) => {
            tell(&findings, files, arguments.output, &mut out);
            out.finish()?;
            let has_errors = findings.iter().any(|one| one.severity == Severity::Error);
            Ok(if has_errors { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Err(error) => {
            if arguments.output == Output::Json {
                let reason =
                    if error.downcast_ref::<std::io::Error>().is_some() { "Unreadable" } else { "Error" };
                out.json(&json!({"result": "Error", "reason": reason, "message": format!("{error:#}")}));
            }
            anstream::eprintln!("error: {error:#}");
            Ok(ExitCode::from(COULD_NOT_RUN))
        }
    }
}

fn find(arguments: &Lint) -> anyhow::Result<(Vec<Finding>, usize)> {
    let texts: Vec<Text> = files::read(&arguments.files)?
        .into_iter()
        .map(|file| Text { name: file.name, content: file.content })
        .collect();
    let runtime = Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")?;
    let needed = plugins::needed(&arguments.plugins.router_plugins, &routers(&texts));
    let loaded = plugins::load(&runtime, &needed);
    let grants = permissions::read(arguments.plugins.router_plugin_permissions.as_deref())?;
    let states = plugins::states(&loaded, &grants);
    let scope = if arguments.partial { Scope::Part } else { Scope::Whole };
    Ok((lint(&texts, &states, scope), texts.len()))
}

/// The names of the router plugins that are used in the texts.
fn routers(texts: &[Text]) -> BTreeSet<String> {
    let documents = texts.iter().flat_map(|text| manifests::documents(&text.name, &text.content).0);
    documents.flat_map(|document| interest::routers(&document.object)).map(|router| router.name).collect()
}

fn tell(findings: &[Finding], files: usize, output: Output, out: &mut Out) {
    let count = |severity| findings.iter().filter(|one| one.severity == severity).count();
    let [errors, warnings, notes] = [Severity::Error, Severity::Warning, Severity::Note].map(count);
    match output {
        Output::Json => {
            for finding in findings {
                out.json(finding);
            }
            let result = if errors > 0 { "Invalid" } else { "Valid" };
            out.json(&json!({"result": result, "errors": errors, "warnings": warnings, "notes": notes, "files": files}));
        }
        Output::Table => {
            for finding in findings {
                out.text(&line(finding));
            }
            let ending = format!(
                "{}, {}, {} in {}\n",
                plural(errors, "error"),
                plural(warnings, "warning"),
                plural(notes, "note"),
                plural(files, "file")
            );
            out.text(&ending);
        }
    }
}

/// `web.yaml:12: error: Rollout shop/web: spec.paused: must be … [InvalidSpec]`
fn line(finding: &Finding) -> String {
    let (word, colour) = match finding.severity {
        Severity::Error => ("error", AnsiColor::Red),
        Severity::Warning => ("warning", AnsiColor::Yellow),
        Severity::Note => ("note", AnsiColor::Cyan),
    };
    let style = Style::new().fg_color(Some(colour.into())).bold();
    let place = match finding.line {
        Some(line) => format!("{}:{line}", finding.file),
        None => format!("{} (document {})", finding.file, finding.document),
    };
    let about: Vec<&str> = [finding.object.as_str(), &finding.path, &finding.message]
        .into_iter()
        .filter(|one| !one.is_empty())
        .collect();
    format!("{place}: {style}{word}{style:#}: {} [{}]\n", about.join(": "), finding.reason)
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
