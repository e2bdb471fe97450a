//! The command line.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::apiserver::{self, Recipe};
use crate::argo;
use crate::console::Console;
use crate::context::Context;
use crate::languages::{self, Language};
use crate::toolchain::Source;
use crate::{bench, checks, demo, features, guests, lint_tools, simulate, suite};

/// Set-up, demo and checks of the Tidegate workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Simulates the example canary: builds what it needs, then prints each change as it happens
    Demo {
        /// Arguments for `tidegate simulate` in place of the example's
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Runs all tests, those against a real API server included
    Test(suite::Options),
    /// Builds the plugins for wasm32-wasip2 into target/plugins
    Plugins {
        #[command(flatten)]
        toolchain: Toolchain,
        /// Also the components that only tests load, into target/test-guests
        #[arg(long)]
        for_tests: bool,
    },
    /// Builds the example router in Rust, Python, JavaScript and Go into target/guests
    Guests {
        /// Only in these languages
        #[arg(long = "language", value_enum)]
        languages: Vec<Language>,
        #[command(flatten)]
        toolchain: Toolchain,
    },
    /// Builds (once) or finds etcd, kube-apiserver and kube-controller-manager for the tests
    Apiserver {
        /// Where they come from
        #[arg(long, value_enum, default_value_t)]
        recipe: Recipe,
        /// Print the folder that holds them as the only line on standard output
        #[arg(long)]
        print_path: bool,
    },
    /// Builds (once) or finds the controller and the CLI of Argo Rollouts for the tests
    Argo {
        /// Print the folder that holds them as the only line on standard output
        #[arg(long)]
        print_path: bool,
    },
    /// Simulates Rollouts in a cluster in which seeds decide what happens and what goes wrong
    Simulate {
        /// `--seeds N`, `--from SEED`, `--trace`, `--mutants`, `--output json`, ...: see `--help` after `--`; with `--driver kube`
        /// through the kube driver and HTTP
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measures the built-in plugins, passes and the idle controller; `bench scale`: a controller with thousands of Rollouts
    Bench(bench::Options),
    /// Sets up all that the other tasks need: toolchain, cargo-deny, API server, Argo Rollouts
    Setup(Toolchain),
    /// Writes which features of shared dependencies the demo asks for, after dependencies have changed
    Features,
    /// What a change must pass: formatting, dependencies, lints, documentation, tests
    Ci,
}

#[derive(Debug, Args)]
struct Toolchain {
    /// Where the compiler for wasm32-wasip2 comes from
    #[arg(long = "toolchain", value_enum, default_value_t, env = "TIDEGATE_GUEST_TOOLCHAIN")]
    source: Source,
}

/// Parses the command line, runs the task and reports its error.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new();
    let result = Context::new(&console).and_then(|context| cli.task.run(&context));
    result.unwrap_or_else(|error| {
        console.failure(&error);
        ExitCode::FAILURE
    })
}

impl Task {
    fn run(self, context: &Context<'_>) -> Result<ExitCode> {
        match self {
            Self::Demo { arguments } => return demo::run(context, &arguments),
            Self::Simulate { arguments } => return simulate::run(context, &arguments),
            Self::Test(options) => suite::run(context, &options)?,
            Self::Plugins { toolchain: Toolchain { source }, for_tests: false } => {
                guests::build_plugins(context, source)?;
            }
            Self::Plugins { toolchain: Toolchain { source }, for_tests: true } => {
                guests::build_all(context, source)?;
            }
            Self::Guests { languages, toolchain: Toolchain { source } } => {
                languages::build(context, source, &languages)?;
            }
            Self::Bench(options) => bench::run(context, &options)?,
            Self::Apiserver { recipe, print_path } => {
                let folder = apiserver::ensure(context, recipe)?;
                if print_path {
                    println!("{}", folder.display());
                }
            }
            Self::Argo { print_path } => {
                let folder = argo::ensure(context)?;
                if print_path {
                    println!("{}", folder.display());
                }
            }
            Self::Setup(Toolchain { source }) => {
                crate::toolchain::ensure(context, source)?;
                lint_tools::cargo_deny(context)?;
                apiserver::ensure(context, Recipe::default())?;
                argo::ensure(context)?;
            }
            Self::Features => features::write(context)?,
            Self::Ci => checks::run(context)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
