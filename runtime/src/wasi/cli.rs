//! `wasi:cli`: a program without arguments, environment, input or terminal. `run` is no part of it: plugins are called
//! by their own interface.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::Wasi;
use super::io::{InputStream, OutputStream, STDERR, STDOUT};
use crate::fault::HostStop;

/// Never exists.
struct TerminalInput;
/// Never exists.
struct TerminalOutput;

pub(super) fn define(wasi: &mut Wasi<'_>) -> Result<()> {
    let mut environment = wasi.interface("wasi:cli/environment")?;
    environment.constant::<(), _>("get-environment", || (Vec::<(String, String)>::new(),))?;
    environment.constant::<(), _>("get-arguments", || (Vec::<String>::new(),))?;
    environment.constant::<(), _>("initial-cwd", || (None::<String>,))?;

    let mut exit = wasi.interface("wasi:cli/exit")?;
    exit.function("exit", |_, (status,): (Result<(), ()>,)| -> Result<()> {
        Err(wasmtime::Error::new(HostStop::Exit(u8::from(status.is_err()))))
    })?;
    exit.function("exit-with-code", |_, (code,): (u8,)| -> Result<()> {
        Err(wasmtime::Error::new(HostStop::Exit(code)))
    })?;

    wasi.interface("wasi:cli/stdin")?
        .constant::<(), _>("get-stdin", || (Resource::<InputStream>::new_own(0),))?;
    wasi.interface("wasi:cli/stdout")?
        .constant::<(), _>("get-stdout", || (Resource::<OutputStream>::new_own(STDOUT),))?;
    wasi.interface("wasi:cli/stderr")?
        .constant::<(), _>("get-stderr", || (Resource::<OutputStream>::new_own(STDERR),))?;

    wasi.interface("wasi:cli/terminal-input")?.resource::<TerminalInput>("terminal-input")?;
    wasi.interface("wasi:cli/terminal-output")?.resource::<TerminalOutput>("terminal-output")?;
    wasi.interface("wasi:cli/terminal-stdin")?
        .constant::<(), _>("get-terminal-stdin", || (None::<Resource<TerminalInput>>,))?;
    wasi.interface("wasi:cli/terminal-stdout")?
        .constant::<(), _>("get-terminal-stdout", || (None::<Resource<TerminalOutput>>,))?;
    wasi.interface("wasi:cli/terminal-stderr")?
        .constant::<(), _>("get-terminal-stderr", || (None::<Resource<TerminalOutput>>,))
}
