//! How much a plugin may use.

use std::time::Duration;

/// How much one plugin may use. Sandboxes share nothing, so several sessions of one plugin use a multiple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the component in bytes, enforced while it is read. 4 MiB: a Rust guest has 100 to 400 kB; guests that
    /// bring an interpreter (JavaScript, Python) have 10 to 40 MB, which should be somebody's decision.
    pub artifact_bytes: u64,
    /// Sum over all linear memories and tables of one sandbox, in bytes. 16 MiB: etcd holds objects of at most
    /// 1.5 MiB, and a plugin that parses a few of them needs some five times their text; Rust guests start with
    /// 0.2 to 1.1 MiB.
    pub memory_bytes: usize,
    /// Fuel for each call, and for the start of a sandbox; one unit is about one WebAssembly instruction, a call of
    /// a host function is 100. 250 million is a quarter of a second to one second. The same input always needs
    /// the same fuel.
    pub fuel: u64,
    /// Wall-clock time for each call and for the start. It stands behind the fuel, for what fuel measures badly, so it
    /// is generous (5 s): running into it depends on the machine, running out of fuel does not.
    pub deadline: Duration,
    /// Bytes that one answer (or one call of a host function) may carry out of the sandbox, counted as they are held
    /// by the host: text plus a few words for each record. 4 MiB: several whole objects.
    pub output_bytes: usize,
    /// Handles to resources that may be alive in a sandbox. 1,024; a guest that only computes has about ten.
    pub handles: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            artifact_bytes: 4 << 20,
            memory_bytes: 16 << 20,
            fuel: 250_000_000,
            deadline: Duration::from_secs(5),
            output_bytes: 4 << 20,
            handles: 1024,
        }
    }
}
