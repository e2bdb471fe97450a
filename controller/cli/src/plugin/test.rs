//! `tidegate plugin test`: loads the component, reads the fixtures, runs the suite, prints the scorecard.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use tidegate_conformance::{Check, Fixture, Line, Options, Scorecard, Verdict};

use super::{COULD_NOT_RUN, Component, Format, load, scorecard};

/// What the help of `plugin test` ends with.
pub(super) const AFTER_TEST: &str = "\
Examples:
  tidegate plugin test my-plugin.wasm --fixtures fixtures
  tidegate plugin test my-plugin.wasm --fixtures fixtures --cases 1000 --seed 7
  tidegate plugin test builtin:gateway-api --output json | tail -1

Exit status:
  0  nothing failed
  1  something failed: the scorecard says what was asked, answered and expected
  2  the suite could not be run: bad arguments, fixtures or component";

#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    component: Component,
    /// A folder of fixtures: the objects that the plugin routes with, as YAML or JSON files.
    #[arg(long, value_name = "DIR")]
    fixtures: Option<PathBuf>,
    /// How many random cases each property is tried with.
    #[arg(long, value_name = "NUMBER", default_value_t = Options::default().cases, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    cases: u32,
    /// Where random cases come from: the same number asks the same.
    #[arg(long, value_name = "NUMBER", default_value_t = Options::default().seed)]
    seed: u64,
    /// How to print the scorecard. JSON: one line for each check as it is done, the scorecard as the last one.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(super) fn run(arguments: &Test) -> anyhow::Result<ExitCode> {
    match test(arguments) {
        Ok((origin, scorecard)) => {
            let text = match arguments.output {
                Format::Table => scorecard::table(&scorecard, &origin),
                Format::Json => format!("{}\n", serde_json::to_string(&Ending::of(&scorecard))?),
            };
            print(&text)?;
            Ok(if scorecard.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(error) => {
            load::complain(&error, arguments.output);
            Ok(ExitCode::from(COULD_NOT_RUN))
        }
    }
}

/// The last line of JSON output.
#[derive(Serialize)]
struct Ending<'a> {
    result: &'static str,
    #[serde(flatten)]
    scorecard: &'a Scorecard,
    totals: tidegate_conformance::Totals,
}

impl<'a> Ending<'a> {
    fn of(scorecard: &'a Scorecard) -> Self {
        let result = if scorecard.is_good() { "Passed" } else { "Failed" };
        Self { result, scorecard, totals: scorecard.totals() }
    }
}

/// Where the plugin comes from, and how it does.
fn test(arguments: &Test) -> anyhow::Result<(String, Scorecard)> {
    let fixtures = match &arguments.fixtures {
        Some(folder) => Fixture::read_folder(folder)?,
        None => Vec::new(),
    };
    let runtime = load::runtime()?;
    let plugin = arguments.component.load(&runtime)?;
    let options = Options { seed: arguments.seed, cases: arguments.cases };
    let mut progress = Progress::new(arguments.output);
    let scorecard = tidegate_conformance::run(&*plugin, &fixtures, &options, &mut |line| progress.done(line));
    progress.finish();
    Ok((plugin.origin().to_owned(), scorecard))
}

/// Tells what is being done: to people on standard error, where a terminal shows one line that changes; to programs on
/// standard output.
struct Progress {
    output: Format,
    terminal: bool,
    done: usize,
}

impl Progress {
    fn new(output: Format) -> Self {
        Self { output, terminal: std::io::stderr().is_terminal(), done: 0 }
    }

    fn done(&mut self, line: &Line) {
        self.done += 1;
        let verdict = scorecard::word(line.verdict);
        if self.output == Format::Json {
            // Whoever reads has seen enough when this fails.
            let line = serde_json::json!({"check": line.check, "verdict": line.verdict});
            let _ = print(&format!("{line}\n"));
        } else if self.terminal {
            let place = format!("{}/{}", self.done, Check::ALL.len());
            anstream::eprint!("\r\x1b[K{place} {}: {verdict}", line.check);
            if line.verdict == Verdict::Failed {
                anstream::eprintln!();
            }
        } else {
            anstream::eprintln!("{}: {verdict}", line.check);
        }
    }

    fn finish(&self) {
        if self.terminal && self.output == Format::Table {
            anstream::eprint!("\r\x1b[K");
        }
    }
}

/// To standard output; whoever has closed it has seen enough.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}
