//! Why the runtime itself cannot start.

/// The runtime cannot start on this machine.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The WebAssembly engine cannot be made.
    #[error(
        "the WebAssembly engine cannot start: {0}; check that the process may map executable memory, and the limits \
         on its address space"
    )]
    Engine(String),
    /// The thread behind the deadlines cannot be started.
    #[error(
        "the thread that keeps the deadlines cannot start: {0}; check the limits on processes and memory"
    )]
    Ticker(#[source] std::io::Error),
}
