//! The stages between a location and a plugin that is ready.

use std::time::Duration;

use tidegate_contract::Digest;

use crate::inspect::Inspection;

/// A stage of loading. They run in this order; one that fails ends the loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Getting the bytes, capped while they come.
    Read,
    /// Hashing them, and comparing with what was pinned.
    Digest,
    /// Telling what they are.
    Recognise,
    /// Validating the component and the size of its structure.
    Validate,
    /// Comparing its imports and exports with the world of a plugin.
    Interface,
    /// Compiling it to machine code, in memory.
    Compile,
    /// Starting it in a sandbox.
    Start,
    /// Asking it what it is.
    Describe,
}

impl Stage {
    /// The stable text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Digest => "digest",
            Self::Recognise => "recognise",
            Self::Validate => "validate",
            Self::Interface => "interface",
            Self::Compile => "compile",
            Self::Start => "start",
            Self::Describe => "describe",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

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
