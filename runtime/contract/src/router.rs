//! A loaded plugin, as the controller sees it. Each published version of the WIT package is one
//! implementation of these traits in the runtime; simulations may use others.

use crate::answer::{Description, Outcome};
use crate::fault::{CallError, Fault};
use crate::question::{Observation, Query, Target, Traffic};

/// The SHA-256 of a plugin's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sha256:{self}")
    }
}

/// Text that is no SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest is 64 hexadecimal digits, with or without the prefix \"sha256:\"")]
pub struct InvalidDigest;

impl std::str::FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text).as_bytes();
        let mut digest = [0; 32];
        if hex.len() != 2 * digest.len() {
            return Err(InvalidDigest);
        }
        for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16).ok_or(InvalidDigest)?;
                *byte = (*byte << 4) | u8::try_from(value).map_err(|_| InvalidDigest)?;
            }
        }
        Ok(Self(digest))
    }
}

/// A loaded plugin. Calls are synchronous: run them off the async workers.
pub trait Router: Send + Sync {
    /// What it says of itself.
    fn description(&self) -> &Description;

    /// What its bytes hash to.
    fn digest(&self) -> Digest;

    /// One fresh sandbox, for one pass of one Rollout. Nothing that happens in it outlives it.
    ///
    /// # Errors
    /// When the sandbox cannot be made, or the plugin fails while it starts.
    fn session(&self) -> Result<Box<dyn Session + '_>, Fault>;
}

/// A sandbox with a started plugin in it. After a fault every further call is a fault.
pub trait Session {
    /// Is this configuration right, and which features does it have?
    ///
    /// # Errors
    /// When it is not right, or the plugin fails.
    fn check(&mut self, target: &Target) -> Result<Vec<String>, CallError>;

    /// Every object that is needed, given what was seen so far.
    ///
    /// # Errors
    /// When the plugin cannot say, or fails.
    fn locate(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Vec<Query>, CallError>;

    /// What should be, and whether it already is.
    ///
    /// # Errors
    /// When the plugin cannot say, or fails.
    fn route(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Outcome, CallError>;

    /// What should be once everything is given back: all to stable, nothing left that exists only because of
    /// this Rollout.
    ///
    /// # Errors
    /// When the plugin cannot say, or fails.
    fn release(
        &mut self,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> Result<Outcome, CallError>;
}
