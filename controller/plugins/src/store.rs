//! The last good bytes of plugins, kept in ConfigMaps: how they are written down and read back.
//!
//! An index ConfigMap, written last, says what there is; its pieces have the compressed bytes. All of them are immutable and
//! named after the digest, so nothing in them can be stale: they are right, or not used.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::{Value, json};
use tidegate_artifact::{Artifact, Collector, LoadError, LoadReason, Stage};
use tidegate_contract::Digest;

use crate::event::StoredEntry;

/// Bytes of data in one piece. A ConfigMap may have 1 MiB, its names and labels included.
pub const PIECE_BYTES: usize = 900 << 10;

/// Compressed bytes that one plugin may take.
pub const MOST_OF_ONE: u64 = 8 << 20;

/// Compressed bytes that all plugins together may take.
pub const MOST_OF_ALL: u64 = 32 << 20;

/// The label that index and pieces have; its value says which.
pub const LABEL: &str = "tidegate.dev/stored-plugin";

/// The label's value for an index.
pub const INDEX: &str = "index";

/// The label's value for a piece.
pub const PIECE: &str = "piece";

/// The key under which a piece has its bytes.
const KEY: &str = "bytes";

/// Bytes as they are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The pieces, to be made first.
    pub pieces: Vec<Value>,
    /// The index, to be made last.
    pub index: Value,
    /// Compressed bytes.
    pub compressed: u64,
}

/// The name of the index of a digest.
pub fn index_name(digest: Digest) -> String {
    format!("tidegate-plugin-{digest}")
}

/// The name of a piece.
pub fn piece_name(digest: Digest, piece: usize) -> String {
    format!("tidegate-plugin-{digest}-{piece}")
}

/// The digest that the name of an index or of a piece is about.
pub fn digest_of(name: &str) -> Option<Digest> {
    let rest = name.strip_prefix("tidegate-plugin-")?;
    rest.get(..64)?
        .parse()
        .ok()
        .filter(|_| rest.get(64..).is_some_and(|end| end.is_empty() || end.starts_with('-')))
}

/// Compresses bytes, and puts them into ConfigMaps.
pub fn encode(plugin: &str, namespace: &str, artifact: &Artifact) -> Stored {
    let digest = artifact.digest();
    let compressed = compress(artifact.bytes());
    let pieces: Vec<Value> = compressed
        .chunks(PIECE_BYTES)
        .enumerate()
        .map(|(number, bytes)| {
            let mut piece = config_map(&piece_name(digest, number), namespace, PIECE);
            if let Some(fields) = piece.as_object_mut() {
                fields.insert("binaryData".into(), json!({KEY: STANDARD.encode(bytes)}));
            }
            piece
        })
        .collect();
    let mut index = config_map(&index_name(digest), namespace, INDEX);
    if let Some(fields) = index.as_object_mut() {
        let data = json!({
            "sha256": digest.to_string(),
            "plugin": plugin,
            "size": artifact.bytes().len().to_string(),
            "compressed": compressed.len().to_string(),
            "pieces": pieces.len().to_string(),
            "compression": "deflate",
        });
        fields.insert("data".into(), data);
    }
    Stored { pieces, index, compressed: u64::try_from(compressed.len()).unwrap_or(u64::MAX) }
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail; if it did, what comes out would not hash to the digest and not be used.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn config_map(name: &str, namespace: &str, part: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "tidegate", LABEL: part},
        },
        "immutable": true,
    })
}

/// What an index says, besides the digest that it is named after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The plugin that the bytes were stored for.
    pub plugin: String,
    /// Bytes of the component.
    pub size: u64,
    /// Compressed bytes.
    pub compressed: u64,
    /// How many pieces there are.
    pub pieces: usize,
}

/// Reads an index.
///
/// # Errors
/// `Malformed`, when it is none that this version wrote.
pub fn index(object: &Value, digest: Digest) -> Result<Index, LoadError> {
    let text = |key: &str| object.get("data").and_then(|data| data.get(key)).and_then(Value::as_str);
    let number = |key: &str| text(key).and_then(|text| text.parse::<u64>().ok());
    let read = || {
        let index = Index {
            plugin: text("plugin")?.to_owned(),
            size: number("size")?,
            compressed: number("compressed")?,
            pieces: usize::try_from(number("pieces")?).ok()?,
        };
        let is_ours = text("sha256")?.parse() == Ok(digest) && text("compression")? == "deflate";
        let fits = index.compressed <= MOST_OF_ONE && index.pieces <= MAX_PIECES;
        (is_ours && fits).then_some(index)
    };
    read().ok_or_else(|| corrupt(digest, "its index is not as it was written"))
}

/// No index that this version wrote names more.
pub const MAX_PIECES: usize = 16;

/// Puts the bytes of pieces together again, and compares them with their digest.
///
/// # Errors
/// `Malformed`, `TooLarge`, `DigestMismatch`.
pub fn decode(digest: Digest, index: &Index, pieces: &[Value], cap: u64) -> Result<Artifact, LoadError> {
    let mut compressed = Vec::new();
    for piece in pieces {
        let text = piece.get("binaryData").and_then(|data| data.get(KEY)).and_then(Value::as_str);
        let bytes = text.and_then(|text| STANDARD.decode(text).ok());
        compressed.extend(bytes.ok_or_else(|| corrupt(digest, "a piece has no bytes"))?);
    }
    let is_whole = pieces.len() == index.pieces
        && u64::try_from(compressed.len()).is_ok_and(|length| length == index.compressed);
    if !is_whole {
        return Err(corrupt(digest, "its pieces are not those that its index names"));
    }
    let mut collector = Collector::new("the copy in the cluster", cap.min(index.size));
    let mut decoder = DeflateDecoder::new(compressed.as_slice());
    let mut chunk = vec![0; 64 << 10];
    loop {
        match decoder.read(&mut chunk) {
            Ok(0) => return collector.finish(Some(digest)),
            Ok(count) => collector.push(chunk.get(..count).unwrap_or_default())?,
            Err(error) => return Err(corrupt(digest, &format!("it cannot be decompressed: {error}"))),
        }
    }
}

/// There is no copy of a digest.
pub fn missing(digest: Digest) -> LoadError {
    LoadError::new(
        Stage::Read,
        LoadReason::Unreachable,
        format!("there is no copy of sha256:{digest} in the cluster"),
        "pin a version whose source can be reached",
    )
}

fn corrupt(digest: Digest, what: &str) -> LoadError {
    LoadError::new(
        Stage::Read,
        LoadReason::Malformed,
        format!("the copy of sha256:{digest} in the cluster cannot be used: {what}"),
        "delete the ConfigMaps tidegate-plugin-DIGEST of this digest; the controller stores it again",
    )
}

/// What is stored and need not be: all that is not to be kept, and what is left of storing that did not end.
pub fn superfluous(
    entries: &[StoredEntry],
    keep: &BTreeSet<Digest>,
    storing: &BTreeSet<Digest>,
) -> Vec<Digest> {
    let is_needed = |entry: &StoredEntry| {
        storing.contains(&entry.digest) || (entry.is_complete && keep.contains(&entry.digest))
    };
    entries.iter().filter(|entry| !is_needed(entry)).map(|entry| entry.digest).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn artifact(bytes: Vec<u8>) -> Artifact {
        Artifact::from_bytes(bytes, "test", None, u64::MAX).unwrap()
    }

    fn read(stored: &Stored, digest: Digest, cap: u64) -> Result<Artifact, LoadError> {
        decode(digest, &index(&stored.index, digest)?, &stored.pieces, cap)
    }

    /// Bytes that do not get smaller.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state.to_be_bytes()[0]
            })
            .collect()
    }

    #[test]
    fn large_bytes_are_split_and_put_together() {
        let artifact = artifact(noise(2_000_000));
        let stored = encode("a/b", "here", &artifact);
        assert_eq!(stored.pieces.len(), 3);
        assert_eq!(read(&stored, artifact.digest(), 4 << 20).unwrap().bytes(), artifact.bytes());
        assert_eq!(read(&stored, artifact.digest(), 1 << 20).unwrap_err().reason, LoadReason::TooLarge);
        let mut fewer = stored.clone();
        fewer.pieces.pop();
        assert_eq!(read(&fewer, artifact.digest(), 4 << 20).unwrap_err().reason, LoadReason::Malformed);
        let mut turned = stored;
        turned.pieces.swap(0, 1);
        assert!(read(&turned, artifact.digest(), 4 << 20).is_err());
    }

    #[test]
    fn a_bomb_ends_where_its_index_says() {
        let artifact = artifact(vec![0; 8 << 20]);
        let mut stored = encode("a/b", "here", &artifact);
        stored.index["data"]["size"] = json!("1000");
        assert_eq!(read(&stored, artifact.digest(), 4 << 20).unwrap_err().reason, LoadReason::TooLarge);
    }

    #[test]
    fn names_say_the_digest() {
        let digest = artifact(b"abc".to_vec()).digest();
        assert_eq!(digest_of(&index_name(digest)), Some(digest));
        assert_eq!(digest_of(&piece_name(digest, 12)), Some(digest));
        for name in ["tidegate-plugin-abc", "other", "", &format!("tidegate-plugin-{digest}x")] {
            assert_eq!(digest_of(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_not_needed_is_named() {
        let entry = |text: &str, is_complete| StoredEntry {
            digest: artifact(text.into()).digest(),
            plugin: "a/b".to_owned(),
            compressed: 1,
            since: jiff::Timestamp::UNIX_EPOCH,
            is_complete,
        };
        let entries =
            [entry("kept", true), entry("old", true), entry("left over", false), entry("storing", false)];
        let keep = BTreeSet::from([entries[0].digest, entries[2].digest]);
        let storing = BTreeSet::from([entries[3].digest]);
        assert_eq!(superfluous(&entries, &keep, &storing), [entries[1].digest, entries[2].digest]);
    }

    proptest! {
        #[test]
        fn what_was_stored_is_read_back_and_nothing_else(
            bytes in prop::collection::vec(any::<u8>(), 0..4000),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            let artifact = artifact(bytes);
            let digest = artifact.digest();
            let stored = encode("a/b", "here", &artifact);
            let whole = read(&stored, digest, 1 << 20).unwrap();
            prop_assert_eq!(whole.bytes(), artifact.bytes());
            if let Some(piece) = stored.pieces.first() {
                let mut raw = STANDARD.decode(piece["binaryData"][KEY].as_str().unwrap()).unwrap();
                let at = at.index(raw.len());
                raw[at] ^= flip;
                let mut wrong = stored.clone();
                wrong.pieces[0]["binaryData"][KEY] = json!(STANDARD.encode(raw));
                // Some bits of a compressed stream mean nothing: then the bytes are the same, and nothing else.
                if let Ok(read) = read(&wrong, digest, 1 << 20) {
                    prop_assert_eq!(read.bytes(), artifact.bytes());
                }
            }
        }
    }
}
