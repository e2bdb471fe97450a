//! Fingerprints: what a question was about, remembered in 16 bytes.
//!
//! They live only in this process and are compared only with each other, so the hash function behind them
//! may change with the toolchain. 128 bits, so that two different questions do not meet by chance.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A fingerprint of some value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fingerprint(u64, u64);

impl Fingerprint {
    pub(crate) fn of(value: &impl Hash) -> Self {
        let half = |seed: u8| {
            let mut hasher = DefaultHasher::new();
            seed.hash(&mut hasher);
            value.hash(&mut hasher);
            hasher.finish()
        };
        Self(half(0), half(1))
    }
}
