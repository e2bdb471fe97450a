//! The example router in each language: with the limits that its README names it loads, passes the conformance suite,
//! and answers as it does in every other language.

mod questions;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_conformance::{Fixture, Options, Scorecard, run};
use tidegate_contract::Router as _;
use tidegate_runtime::{LimitedSource, LoadError, LoadReason, Plugin, Runtime, RuntimeSettings, read};

/// Where a component is: `cargo xtask guests` has built it.
fn component(language: &str) -> PathBuf {
    match std::env::var_os("TIDEGATE_GUESTS") {
        Some(folder) if !folder.is_empty() => Path::new(&folder).join(language).with_extension("wasm"),
        _ => panic!("TIDEGATE_GUESTS is not set: run this test by `cargo xtask test`"),
    }
}

/// Loads it with these options, as an operator writes them behind its location.
fn load(language: &str, options: &str) -> Result<Arc<Plugin>, LoadError> {
    let from: LimitedSource = format!("{}{options}", component(language).display()).parse()?;
    let artifact = read(&from.source, from.limits.artifact_bytes, &|_| None)?;
    let runtime = Runtime::new(RuntimeSettings::default()).unwrap();
    runtime.load(&artifact, &from.limits, &mut |_, _| {})
}

/// The options that the language's README says.
fn options(language: &str) -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/routers").join(language);
    let text = std::fs::read_to_string(readme.join("README.md")).unwrap();
    let line = text.lines().find(|line| line.starts_with("--router-plugin ")).unwrap();
    line.split_once(",sha256=HEX").unwrap().1.to_owned()
}

fn failures(scorecard: &Scorecard) -> String {
    let outcomes = scorecard.lines.iter().flat_map(|line| line.outcomes.iter().map(move |one| (line, one)));
    outcomes
        .filter_map(|(line, one)| Some((line, one, one.failure.as_ref()?)))
        .map(|(line, one, failure)| format!("{} {:?}: {failure:#?}\n", line.check, one.fixture))
        .collect()
}

fn passes(language: &str) {
    let plugin = load(language, &options(language)).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/routers/fixtures");
    // A pass takes milliseconds here: fewer random cases than by default.
    let options = Options { cases: 12, ..Options::default() };
    let scorecard = run(&*plugin, &Fixture::read_folder(&fixtures).unwrap(), &options, &mut |_| {});
    assert!(scorecard.is_good(), "{}", failures(&scorecard));
    let totals = scorecard.totals();
    assert!(totals.passed > totals.not_applicable + totals.not_tested, "{totals:?}");
    assert_eq!(plugin.description().features, ["weights", "max-weight"]);
    questions::ask(&plugin);
}

#[test]
fn rust() {
    passes("rust");
}

#[test]
fn python() {
    passes("python");
}

#[test]
fn javascript() {
    passes("javascript");
}

#[test]
fn go() {
    passes("go");
}

#[test]
fn what_brings_an_interpreter_is_somebodys_decision() {
    for language in ["python", "javascript"] {
        let error = load(language, "").unwrap_err();
        assert_eq!(error.reason, LoadReason::TooLarge, "{error}");
        assert!(error.hint.contains("max-size"), "{error}");
    }
}
