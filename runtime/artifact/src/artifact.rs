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
    read_time: Duration,
    hash_time: Duration,
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
        Location::Web(url) => Err(LoadError::new(
            Stage::Read,
            LoadReason::InvalidConfig,
            format!("{url} cannot be fetched here"),
            "use a build that has the feature `cluster`, or give the path of the file",
        )),
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

    /// Bytes as they come. Reads no more than one piece past `cap`.
    ///
    /// # Errors
    /// `Unreachable`, `TooLarge`, `DigestMismatch`.
    pub fn from_reader(
        mut reader: impl Read,
        origin: &str,
        expected: Option<Digest>,
        cap: u64,
    ) -> Result<Self, LoadError> {
        let mut collector = Collector::new(origin, cap);
        let mut chunk = vec![0; 64 << 10];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return collector.finish(expected),
                Ok(count) => collector.push(chunk.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(LoadError::new(
                        Stage::Read,
                        LoadReason::Unreachable,
                        format!("{origin} broke off after {} bytes: {error}", collector.len()),
                        "check the volume or the connection, and try again",
                    ));
                }
            }
        }
    }

    /// These bytes, pinned: for whoever wants to look at them before.
    ///
    /// # Errors
    /// `DigestMismatch`.
    pub fn pin(self, expected: Digest) -> Result<Self, LoadError> {
        compare(&self.origin, self.digest, Some(expected))?;
        Ok(Self { pinned: true, ..self })
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

    /// How long getting them took.
    pub fn read_time(&self) -> Duration {
        self.read_time
    }

    /// How long hashing them took.
    pub fn hash_time(&self) -> Duration {
        self.hash_time
    }
}

/// Makes an artifact of bytes that come in pieces: capped and hashed as they come. Has memory for what came only; a stream
/// that promises much gets none for it.
#[derive(Debug)]
pub struct Collector {
    origin: String,
    cap: u64,
    bytes: Vec<u8>,
    hasher: Sha256,
    started: Instant,
    hash_time: Duration,
}

impl Collector {
    /// Nothing yet, of at most `cap` bytes from a place that is named for people.
    pub fn new(origin: &str, cap: u64) -> Self {
        Self {
            origin: origin.to_owned(),
            cap,
            bytes: Vec::new(),
            hasher: Sha256::new(),
            started: Instant::now(),
            hash_time: Duration::ZERO,
        }
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing came yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes there will be, as far as the other side says; nothing is set aside for them.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn announced(&self, length: u64) -> Result<(), LoadError> {
        if length > self.cap { Err(too_large(&self.origin, self.cap)) } else { Ok(()) }
    }

    /// The next piece.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn push(&mut self, part: &[u8]) -> Result<(), LoadError> {
        let length = self.bytes.len().saturating_add(part.len());
        if u64::try_from(length).unwrap_or(u64::MAX) > self.cap {
            return Err(too_large(&self.origin, self.cap));
        }
        if length > self.bytes.capacity() {
            // Twice as much each time, but never more than there may be.
            let cap = usize::try_from(self.cap).unwrap_or(usize::MAX);
            let roomy = self.bytes.capacity().saturating_mul(2).clamp(length, cap.max(length));
            self.bytes.reserve_exact(roomy.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(part);
        let hashing = Instant::now();
        self.hasher.update(part);
        self.hash_time += hashing.elapsed();
        Ok(())
    }

    /// That was all.
    ///
    /// # Errors
    /// `DigestMismatch`.
    pub fn finish(self, expected: Option<Digest>) -> Result<Artifact, LoadError> {
        let digest = Digest(self.hasher.finalize().into());
        compare(&self.origin, digest, expected)?;
        Ok(Artifact {
            bytes: Cow::Owned(self.bytes),
            digest,
            pinned: expected.is_some(),
            origin: self.origin,
            read_time: self.started.elapsed().saturating_sub(self.hash_time),
            hash_time: self.hash_time,
        })
    }
}

/// There are more bytes than allowed.
fn too_large(origin: &str, cap: u64) -> LoadError {
    LoadError::new(
        Stage::Read,
        LoadReason::TooLarge,
        format!("{origin} has more than {cap} bytes"),
        "check that this is the right file; if it is, raise the plugin's limit (spec.limits.artifactSize of a RouterPlugin, \
         ,max-size=32Mi behind a location, --max-size of a command)",
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
