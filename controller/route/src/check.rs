//! The question before the first pass: is the configuration right, and what can the router do with it?

use tidegate_contract::{Session, Target};

use crate::limits::{self, shorten};
use crate::pass::Answer;
use crate::run::Stopped;

/// What a router can do with a configuration, in the contract's words, in order and each once.
///
/// # Errors
/// The answer of a pass with this configuration, when the router says that it is not right, or fails.
pub fn check(session: &mut dyn Session, target: &Target) -> Result<Vec<String>, Box<Answer>> {
    let mut features = session.check(target).map_err(Stopped::from)?;
    features.truncate(limits::FEATURES);
    for feature in &mut features {
        shorten(feature, limits::FEATURE_CHARACTERS);
    }
    features.sort();
    features.dedup();
    Ok(features)
}
