//! `tidegate plugin`: what authors and administrators do with one plugin, without a cluster.

mod check;
mod inspect;
mod load;
mod new;
mod scorecard;
mod template;
mod test;
mod text;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use tidegate_contract::Digest;

use crate::web::Web;

/// The command could not be carried out. The same as for arguments that cannot be parsed.
const COULD_NOT_RUN: u8 = 2;

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Start a new plugin: a Rust workspace with a small router, its tests and fixtures, ready to build.
    New(new::New),
    /// Run the conformance suite on a plugin: what holds for every router, in the sandbox and with the guard of a
    /// controller.
    ///
    /// Most checks need to know what the plugin's objects look like: give them as fixtures. Nothing is read but the
    /// component and the fixtures, and no cluster is needed.
    #[command(after_help = test::AFTER_TEST)]
    Test(test::Test),
    /// Find out whether a plugin can be had and used: gets it as the controller does, and takes it through every stage.
    ///
    /// Each stage is told as it passes, with what it found; the one that fails says what is wrong and what to do. No
    /// cluster is needed.
    #[command(after_help = check::AFTER_CHECK)]
    Check(check::Check),
    /// Show what a plugin is and what it asks for: description, digest, size, imports, exports.
    Inspect(inspect::Inspect),
    /// Print the SHA-256 of a component, as `--sha256` and `,sha256=` take it.
    Digest(inspect::PrintDigest),
}

impl Plugin {
    /// Does what was asked for.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::New(arguments) => Ok(new::run(&arguments)),
            Self::Test(arguments) => test::run(&arguments),
            Self::Check(arguments) => check::run(&arguments),
            Self::Inspect(arguments) => inspect::run(&arguments),
            Self::Digest(arguments) => inspect::print_digest(&arguments),
        }
    }
}

/// Which component.
#[derive(Debug, Args)]
pub(crate) struct Component {
    /// The component: a path, `https://HOST/PATH`, or `builtin:NAME`.
    #[arg(value_name = "LOCATION")]
    location: String,
    /// What its bytes must hash to.
    #[arg(long, value_name = "HEX")]
    sha256: Option<Digest>,
    /// How large the component may be, in MiB; guests that bring an interpreter have 10 to 40.
    #[arg(long, value_name = "MIB", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = LIMITS)]
    max_size: u16,
    /// How much memory a sandbox may use, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = LIMITS)]
    max_memory: u16,
    #[command(flatten)]
    web: Web,
}

/// The heading of options that raise what a plugin may use.
const LIMITS: &str = "What the plugin may use";

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// JSON.
    Json,
}
