//! A plugin's bytes: capped and hashed while they are read, and compared with the pin before anything looks at them.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tidegate_contract::Digest;

use crate::error::{LoadError, LoadReason};
use crate::location::{Location, Source};
use crate::stage::Stage;

/// The bytes of a plugin and what they hash to. Exists only when the digest is the pinned one, if one is pinned.
#[derive(Clone, Debug)]
pub struct Artifact {
    bytes: Cow<'static, [u8]>,
    digest: Digest,
    pinned: bool,
    origin: String,
    pub(crate) read_time: Duration,
    pub(crate) hash_time: Duration,
}

/// The plugins that are built into the binary, by name.
pub type Builtins<'a> = &'a dyn Fn(&str) -> Option<&'static [u8]>;

/// Reads a plugin's bytes from where they are: at most `cap` of them, hashed while they are read.
///
/// # Errors
/// `Unreachable`, `TooLarge`, `DigestMismatch`.
pub fn read(source: &Source, cap: u64, builtins: Builtins<'_>) -> Result<Artifact, LoadError> {
    let origin = source.location.to_string();
    match &source.location {
        Location::File(path) => {
            let file = open(path)?;
            Artifact::from_reader(file, &origin, source.sha256, cap)
        }
        Location::Builtin(name) => match builtins(name) {
            Some(bytes) => Artifact::from_static(bytes, &origin, source.sha256, cap),
            None => Err(LoadError::new(
                Stage::Read,
                LoadReason::Unreachable,
                format!("no plugin named {name:?} is built into this binary"),
                "give one that is, or the path of a component",
            )),
        },
    }
}

fn open(path: &Path) -> Result<File, LoadError> {
    let unreachable = |error: &io::Error, hint: &str| {
        LoadError::new(
            Stage::Read,
            LoadReason::Unreachable,
            format!("{} cannot be read: {error}", path.display()),
            hint,
        )
    };
    let explain = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path, and that the volume which has the file is mounted",
            io::ErrorKind::PermissionDenied => "let the user that this process runs as read the file",
            _ => "check the path and the volume",
        };
        unreachable(&error, hint)
    };
    // Before opening: opening a pipe waits for a writer, and a device might never end.
    let metadata = std::fs::metadata(path).map_err(explain)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a directory" } else { "not a regular file" };
        return Err(LoadError::new(
            Stage::Read,
            LoadReason::Unreachable,
            format!("{} is {what}", path.display()),
            "give the path of the component file",
        ));
    }
    File::open(path).map_err(explain)
}

impl Artifact {
    /// Bytes that are part of the binary; nothing is copied.
    ///
    /// # Errors
    /// `TooLarge`, `DigestMismatch`.
    pub fn from_static(
        bytes: &'static [u8],
        origin: &str,
        expected: Option<Digest>,
        cap: u64,
    ) -> Result<Self, LoadError> {
        Self::of(Cow::Borrowed(bytes), origin, expected, cap)
    }

    /// Bytes that are in memory already.
    ///
    /// # Errors
    /// `TooLarge`, `DigestMismatch`.
    pub fn from_bytes(
        bytes: Vec<u8>,
        origin: &str,
        expected: Option<Digest>,
        cap: u64,
    ) -> Result<Self, LoadError> {
        Self::of(Cow::Owned(bytes), origin, expected, cap)
    }

    fn of(
        bytes: Cow<'static, [u8]>,
        origin: &str,
        expected: Option<Digest>,
        cap: u64,
    ) -> Result<Self, LoadError> {
        if u64::try_from(bytes.len()).is_ok_and(|length| length > cap) {
            return Err(too_large(origin, cap));
        }
        let start = Instant::now();
        let digest = Digest(Sha256::digest(&bytes).into());
        compare(origin, digest, expected)?;
        Ok(Self {
            bytes,
            digest,
            pinned: expected.is_some(),
            origin: origin.to_owned(),
            read_time: Duration::ZERO,
            hash_time: start.elapsed(),
        })
    }

    /// Bytes as they come. Reads no more than one byte past `cap`.
    ///
    /// # Errors
    /// `Unreachable`, `TooLarge`, `DigestMismatch`.
    pub fn from_reader(
        mut reader: impl Read,
        origin: &str,
        expected: Option<Digest>,
        cap: u64,
    ) -> Result<Self, LoadError> {
        let start = Instant::now();
        let mut hash_time = Duration::ZERO;
        let mut hasher = Sha256::new();
        let mut bytes = Vec::new();
        // Room for what was read only: a stream that promises much gets no memory for it.
        let mut chunk = vec![0; 64 << 10];
        loop {
            let count = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(LoadError::new(
                        Stage::Read,
                        LoadReason::Unreachable,
                        format!("{origin} broke off after {} bytes: {error}", bytes.len()),
                        "check the volume or the connection, and try again",
                    ));
                }
            };
            let part = chunk.get(..count).unwrap_or_default();
            bytes.extend_from_slice(part);
            if u64::try_from(bytes.len()).is_ok_and(|length| length > cap) {
                return Err(too_large(origin, cap));
            }
            let hashing = Instant::now();
            hasher.update(part);
            hash_time += hashing.elapsed();
        }
        let digest = Digest(hasher.finalize().into());
        let read_time = start.elapsed().saturating_sub(hash_time);
        compare(origin, digest, expected)?;
        Ok(Self {
            bytes: Cow::Owned(bytes),
            digest,
            pinned: expected.is_some(),
            origin: origin.to_owned(),
            read_time,
            hash_time,
        })
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What they hash to.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether they were compared with a pin.
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Where they come from, for people.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

fn too_large(origin: &str, cap: u64) -> LoadError {
    LoadError::new(
        Stage::Read,
        LoadReason::TooLarge,
        format!("{origin} has more than {cap} bytes"),
        "check that this is the right file; if it is, raise the plugin's limit: ,max-size=32Mi behind its location",
    )
}

fn compare(origin: &str, digest: Digest, expected: Option<Digest>) -> Result<(), LoadError> {
    match expected {
        Some(expected) if expected != digest => Err(LoadError::new(
            Stage::Digest,
            LoadReason::DigestMismatch,
            format!("{origin} hashes to sha256:{digest}, but sha256:{expected} is pinned"),
            "if somebody meant to change the plugin, pin the new digest; if not, do not use these bytes and find \
             out where they come from",
        )),
        _ => Ok(()),
    }
}
