//! `wasi:io`: an input that is at its end, outputs that take everything, and pollables that are ready.

use wasmtime::component::{ComponentType, Lower, Resource, WasmList};
use wasmtime::{Result, StoreContextMut};

use super::{Interface, Wasi, spend_for};
use crate::fault::HostStop;
use crate::sandbox::Guest;

/// Never exists: no operation fails with one.
struct IoError;
/// Something to wait for, always ready.
pub(crate) struct Pollable;
/// Standard input, the only one.
pub(super) struct InputStream;
/// Standard output or error; which one is its number.
pub(super) struct OutputStream;

pub(super) const STDOUT: u32 = 1;
pub(super) const STDERR: u32 = 2;

/// What `check-write` permits, and at the same time what guests write at once.
const PERMITTED: u64 = 4096;

/// Pollables in one list.
const POLLED: usize = 4096;

#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "a case of the type that guests import; nothing here fails")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Answer<T> = (std::result::Result<T, StreamError>,);

pub(super) fn define(wasi: &mut Wasi<'_>) -> Result<()> {
    let mut error = wasi.interface("wasi:io/error")?;
    error.resource::<IoError>("error")?;
    error.constant::<(Resource<IoError>,), _>("[method]error.to-debug-string", || (String::new(),))?;

    let mut poll = wasi.interface("wasi:io/poll")?;
    poll.resource::<Pollable>("pollable")?;
    poll.constant::<(Resource<Pollable>,), _>("[method]pollable.ready", || (true,))?;
    poll.constant::<(Resource<Pollable>,), _>("[method]pollable.block", || ())?;
    poll.function("poll", |guest, (list,): (WasmList<Resource<Pollable>>,)| {
        let length = list.len();
        if length == 0 || length > POLLED {
            return Err(wasmtime::Error::new(HostStop::Misuse("it polled no pollable, or more than 4096")));
        }
        spend_for(guest, 4 * length)?;
        let ready: Vec<u32> = (0..).take(length).collect();
        Ok((ready,))
    })?;

    let mut streams = wasi.interface("wasi:io/streams")?;
    input(&mut streams)?;
    output(&mut streams)
}

fn input(streams: &mut Interface<'_>) -> Result<()> {
    streams.resource::<InputStream>("input-stream")?;
    for name in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        streams.constant::<(Resource<InputStream>, u64), Answer<Vec<u8>>>(name, || {
            (Err(StreamError::Closed),)
        })?;
    }
    for name in ["[method]input-stream.skip", "[method]input-stream.blocking-skip"] {
        streams
            .constant::<(Resource<InputStream>, u64), Answer<u64>>(name, || (Err(StreamError::Closed),))?;
    }
    streams.constant::<(Resource<InputStream>,), _>("[method]input-stream.subscribe", || {
        (Resource::<Pollable>::new_own(0),)
    })
}

fn output(streams: &mut Interface<'_>) -> Result<()> {
    type Out = Resource<OutputStream>;
    streams.resource::<OutputStream>("output-stream")?;
    streams.constant::<(Out,), Answer<u64>>("[method]output-stream.check-write", || (Ok(PERMITTED),))?;
    for name in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        streams.function(name, |guest, (stream, contents): (Out, WasmList<u8>)| -> Result<Answer<()>> {
            spend_for(guest, contents.len())?;
            let bytes = contents.as_le_slice(&*guest).to_vec();
            write(guest, &stream, &bytes);
            Ok((Ok(()),))
        })?;
    }
    for name in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        streams.constant::<(Out,), Answer<()>>(name, || (Ok(()),))?;
    }
    streams
        .constant::<(Out,), _>("[method]output-stream.subscribe", || (Resource::<Pollable>::new_own(0),))?;
    for name in
        ["[method]output-stream.write-zeroes", "[method]output-stream.blocking-write-zeroes-and-flush"]
    {
        streams.function(name, |guest, (stream, length): (Out, u64)| -> Result<Answer<()>> {
            if length > PERMITTED {
                return Err(wasmtime::Error::new(HostStop::Misuse("it wrote more than was permitted")));
            }
            let zeroes = vec![0; usize::try_from(length).unwrap_or_default()];
            spend_for(guest, zeroes.len())?;
            write(guest, &stream, &zeroes);
            Ok((Ok(()),))
        })?;
    }
    for name in ["[method]output-stream.splice", "[method]output-stream.blocking-splice"] {
        streams.constant::<(Out, Resource<InputStream>, u64), Answer<u64>>(name, || {
            (Err(StreamError::Closed),)
        })?;
    }
    Ok(())
}

fn write(guest: &mut StoreContextMut<'_, Guest>, stream: &Resource<OutputStream>, bytes: &[u8]) {
    let output = &mut guest.data_mut().wasi.output;
    match stream.rep() {
        STDERR => output.stderr.write(bytes),
        _ => output.stdout.write(bytes),
    }
}
