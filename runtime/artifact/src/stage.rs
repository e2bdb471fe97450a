//! The stages between a location and a plugin that is ready.

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
