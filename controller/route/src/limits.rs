//! How much of anything a plugin may answer. All are far above what a real router needs: they bound the
//! host's own work and memory, and are the same for every plugin, so that an answer is refused everywhere or
//! nowhere.

/// Times that `locate` is asked until its answer is stable (from the contract).
pub(crate) const ROUNDS: usize = 4;
/// Queries in one answer of `locate`.
pub(crate) const QUERIES: usize = 64;
/// Characters of a label selector. One requirement has at most 253 + 1 + 63 for its key, and 63 for a value.
pub(crate) const SELECTOR_CHARACTERS: usize = 4096;
/// Objects changed by one answer.
pub(crate) const CHANGES: usize = 64;
/// Bytes of an edit, and of an object after it: what etcd takes in one request by default.
pub(crate) const OBJECT_BYTES: usize = 1_572_864;
/// Operations in one of a plugin's patches.
pub(crate) const OPERATIONS: usize = 4096;
/// How deep an object may be nested: less than the 128 that the parser takes, so that what was changed in
/// memory can always be read again.
pub(crate) const DEPTH: usize = 100;
/// Bytes of the place of a share.
pub(crate) const PLACE_BYTES: usize = 1024;
/// Shares in one answer.
pub(crate) const SHARES: usize = 1024;
/// Notes in one answer (from the contract).
pub(crate) const NOTES: usize = 16;
/// Features in one answer of `check`.
pub(crate) const FEATURES: usize = 64;
/// Characters of the word for a feature.
pub(crate) const FEATURE_CHARACTERS: usize = 64;
/// Facts in one answer.
pub(crate) const FACTS: usize = 64;
/// Characters of one note, fact, or reason. They end up in conditions and events, which have limits of 32 and
/// 1 KiB.
pub(crate) const TEXT_CHARACTERS: usize = 1024;
/// Bytes of a value that a patch tests as a whole where it has no name to be known by.
pub(crate) const TESTED_BYTES: usize = 4096;
/// Pairs of list elements that are compared to find which one became which; beyond that, by position.
pub(crate) const ALIGNED_PAIRS: usize = 4096;
/// JSON values visited while list elements are paired.
pub(crate) const ALIGNMENT_VISITS: usize = 500_000;

/// At most `characters` of a text.
pub(crate) fn shorten(text: &mut String, characters: usize) {
    if text.len() <= characters {
        return;
    }
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
        text.push('…');
    }
}
