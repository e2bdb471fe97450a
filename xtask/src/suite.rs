//! `cargo xtask test`: all tests, with what they need built first.
//!
//! The tests learn of it from their environment: `TIDEGATE_BIN` is the controller's binary, `TIDEGATE_TEST_GUESTS` the
//! folder of the components that only tests load, `TIDEGATE_GUEST_TARGET_DIR` where guests are built (with
//! `TIDEGATE_GUEST_RUSTC` and `TIDEGATE_GUEST_PATH` where that takes another compiler), `TIDEGATE_GUESTS` the folder of the
//! example router in each language, `TIDEGATE_KUBE_ASSETS` the folder of etcd, kube-apiserver and
//! kube-controller-manager, `TIDEGATE_ARGO_ASSETS` that of the controller and the CLI of Argo Rollouts. A test that needs one and does not have it fails.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::apiserver::{self, Recipe};
use crate::argo;
use crate::context::Context;
use crate::run;
use crate::toolchain::Source;
use crate::{guests, languages};

/// The part of its path by which a test that starts a real API server is known.
const END_TO_END: &str = "end_to_end::";

/// The part of its path by which a test with Argo's own programs is known.
const ARGO: &str = "end_to_end::argo::";

/// The part of its path by which a test of the guests in other languages is known, and the package that has them.
const LANGUAGES: &str = "languages::";
const LANGUAGES_IN: &str = "tidegate-tests";

/// What to test.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Leave out the tests against a real API server (they are not counted as passed)
    #[arg(long)]
    no_cluster: bool,
    /// Leave out the tests with Argo's own programs, which need Go (they are not counted as passed)
    #[arg(long)]
    no_argo: bool,
    /// Leave out the guests in other languages, which need Python, Node.js and Go (they are not counted as passed)
    #[arg(long)]
    no_languages: bool,
    /// Test only these packages
    #[arg(long = "package", short = 'p', value_name = "NAME")]
    packages: Vec<String>,
    /// Arguments for the test programs: filters, --nocapture, ...
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

/// Sets up, builds and runs the tests.
pub(crate) fn run(context: &Context<'_>, options: &Options) -> Result<()> {
    let compiler = guests::build_all(context, Source::Auto)?;
    let languages = !options.no_languages
        && (options.packages.is_empty() || options.packages.iter().any(|name| name == LANGUAGES_IN));
    if languages {
        languages::build(context, Source::Auto, &[])?;
    }
    let assets = if options.no_cluster { None } else { Some(apiserver::ensure(context, Recipe::Auto)?) };

    let argo = if options.no_argo || options.no_cluster { None } else { Some(argo::ensure(context)?) };

    context.console.heading("Building tidegate and the tests");
    let mut cargo = context.cargo();
    build(context, options, &mut cargo);
    run::visibly(&mut cargo)?;

    context.console.heading("Testing");
    let mut test = context.cargo();
    test.args(["test", "--release", "--no-fail-fast"]);
    select(context, options, &mut test);
    test.env("TIDEGATE_BIN", context.release("tidegate"));
    test.env("TIDEGATE_TEST_GUESTS", guests::test_guests(context));
    test.env("TIDEGATE_GUEST_TARGET_DIR", context.target.join(compiler.folder()));
    compiler.name_it(&mut test);
    test.env("TIDEGATE_GUESTS", guests::examples(context));
    test.arg("--").args(&options.arguments);
    if let Some(assets) = &assets {
        test.env("TIDEGATE_KUBE_ASSETS", assets);
    } else {
        test.args(["--skip", END_TO_END]);
    }
    if let Some(argo) = &argo {
        test.env("TIDEGATE_ARGO_ASSETS", argo);
    } else {
        test.args(["--skip", ARGO]);
    }
    if options.no_languages {
        test.args(["--skip", LANGUAGES]);
    }
    let result = run::visibly(&mut test);
    if options.no_cluster {
        context.console.warning("the tests against a real API server were left out, as --no-cluster says");
    }
    if options.no_argo {
        context.console.warning("the tests with Argo's own programs were left out, as --no-argo says");
    }
    if options.no_languages {
        context.console.warning("the guests in other languages were left out, as --no-languages says");
    }
    result
}

/// Makes a cargo command build the controller's binary and the tests. One selection for both, so that they use the same
/// builds of their dependencies.
pub(crate) fn build(context: &Context<'_>, options: &Options, cargo: &mut Command) {
    cargo.args(["build", "--release", "--lib", "--bins", "--tests"]);
    select(context, options, cargo);
    if !options.packages.is_empty() {
        cargo.args(["--package", "tidegate"]);
    }
}

/// The packages of a run: those asked for, else all that are not for the guests' target only.
fn select(context: &Context<'_>, options: &Options, cargo: &mut Command) {
    if options.packages.is_empty() {
        context.host_packages(cargo);
    }
    for package in &options.packages {
        cargo.args(["--package", package]);
    }
}
