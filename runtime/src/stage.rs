//! What the stages of loading found.

use std::time::Duration;

use tidegate_contract::Digest;

use crate::inspect::Inspection;

/// What a stage found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Passed {
    /// This many bytes, from here.
    Read {
        /// Where they come from.
        origin: String,
        /// How many.
        bytes: u64,
    },
    /// They hash to this.
    Digest {
        /// What they hash to.
        digest: Digest,
        /// Whether that is what was pinned; otherwise nothing was.
        pinned: bool,
    },
    /// They are a component.
    Recognise,
    /// It is valid and made of this.
    Validate(Inspection),
    /// It exports this router interface, and imports nothing that is not given.
    Interface {
        /// The interface, with its version.
        interface: &'static str,
    },
    /// It is compiled.
    Compile {
        /// Bytes of machine code and its tables.
        code_bytes: usize,
    },
    /// It started.
    Start {
        /// Fuel that starting took.
        fuel: u64,
        /// Bytes of memories and tables afterwards.
        memory_bytes: usize,
    },
    /// It said what it is.
    Describe {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
}

/// A stage that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageReport {
    /// How long it took.
    pub elapsed: Duration,
    /// What it found.
    pub passed: Passed,
}

impl std::fmt::Display for StageReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.passed {
            Passed::Read { origin, bytes } => write!(f, "{bytes} bytes from {origin}"),
            Passed::Digest { digest, pinned } => {
                write!(f, "sha256:{digest}{}", if *pinned { ", as pinned" } else { "" })
            }
            Passed::Recognise => f.write_str("a WebAssembly component"),
            Passed::Validate(found) => write!(
                f,
                "{} functions in {} modules, {} imports, {} exports",
                found.functions,
                found.modules,
                found.imports.len(),
                found.exports.len()
            ),
            Passed::Interface { interface } => f.write_str(interface),
            Passed::Compile { code_bytes } => write!(f, "{code_bytes} bytes of code"),
            Passed::Start { fuel, memory_bytes } => write!(f, "{memory_bytes} bytes of memory, {fuel} fuel"),
            Passed::Describe { name, version } => write!(f, "{name} {version}"),
        }
    }
}
