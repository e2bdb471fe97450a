//! `wasi:filesystem`: a list of directories that is empty. All else needs a descriptor, and there is none.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::{Interface, Wasi};
use crate::fault::HostStop;

/// Never exists.
struct Descriptor;
/// Never exists.
struct DirectoryEntryStream;

/// All functions of `wasi:filesystem/types`. Guests name them, and can never call them: each takes a handle that does not
/// exist, which wasmtime finds out first.
const UNREACHABLE: &[&str] = &[
    "[method]descriptor.read-via-stream",
    "[method]descriptor.write-via-stream",
    "[method]descriptor.append-via-stream",
    "[method]descriptor.advise",
    "[method]descriptor.sync-data",
    "[method]descriptor.get-flags",
    "[method]descriptor.get-type",
    "[method]descriptor.set-size",
    "[method]descriptor.set-times",
    "[method]descriptor.read",
    "[method]descriptor.write",
    "[method]descriptor.read-directory",
    "[method]descriptor.sync",
    "[method]descriptor.create-directory-at",
    "[method]descriptor.stat",
    "[method]descriptor.stat-at",
    "[method]descriptor.set-times-at",
    "[method]descriptor.link-at",
    "[method]descriptor.open-at",
    "[method]descriptor.readlink-at",
    "[method]descriptor.remove-directory-at",
    "[method]descriptor.rename-at",
    "[method]descriptor.symlink-at",
    "[method]descriptor.unlink-file-at",
    "[method]descriptor.is-same-object",
    "[method]descriptor.metadata-hash",
    "[method]descriptor.metadata-hash-at",
    "[method]directory-entry-stream.read-directory-entry",
    "filesystem-error-code",
];

pub(super) fn define(wasi: &mut Wasi<'_>) -> Result<()> {
    let mut types = wasi.interface("wasi:filesystem/types")?;
    types.resource::<Descriptor>("descriptor")?;
    types.resource::<DirectoryEntryStream>("directory-entry-stream")?;
    for name in UNREACHABLE {
        unreachable(&mut types, name)?;
    }
    wasi.interface("wasi:filesystem/preopens")?
        .constant::<(), _>("get-directories", || (Vec::<(Resource<Descriptor>, String)>::new(),))
}

/// Takes any types, so that the forty types of files need not be spelled out for functions that never run.
fn unreachable(types: &mut Interface<'_>, name: &'static str) -> Result<()> {
    types.names.insert(name);
    types.linker.func_new(name, |_, _, _, _| {
        Err(wasmtime::Error::new(HostStop::Misuse("it used a file, and there is none")))
    })
}
