//! What an AnalysisRun has asked for and its status has not taken in yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use tidegate_analysis::{Answer, Key, Outcome, Secret, SecretKey, Secrets};

use crate::event::RequestId;

/// Secrets are read again before a measurement, or when one was missing, if they were read longer ago than this: somebody may have
/// changed them. Less than what is waited after an error.
const FRESH: Duration = Duration::from_secs(5);

/// What is remembered of an AnalysisRun.
#[derive(Debug, Default)]
pub(super) struct Measuring {
    /// Measurements that were begun, until the status has their answers.
    begun: BTreeMap<Key, Begun>,
    /// Answers that no observed status has taken in, the oldest first.
    pub(super) answers: Vec<Answer>,
    pub(super) secrets: Secrets,
    wanted: BTreeSet<SecretKey>,
    read_at: Option<Duration>,
}

#[derive(Debug)]
enum Begun {
    Asked { id: RequestId, started_at: Timestamp },
    Answered,
}

impl Measuring {
    /// Whether this measurement was begun.
    pub(super) fn has_begun(&self, key: &Key) -> bool {
        self.begun.contains_key(key)
    }

    pub(super) fn ask(&mut self, key: Key, id: RequestId, started_at: Timestamp) {
        self.begun.insert(key, Begun::Asked { id, started_at });
    }

    /// The measurements that are not answered.
    pub(super) fn asked(&self) -> impl Iterator<Item = RequestId> {
        self.begun.values().filter_map(|begun| match begun {
            Begun::Asked { id, .. } => Some(*id),
            Begun::Answered => None,
        })
    }

    /// Gives up what is not asked for any more. Answers with what nobody waits for.
    pub(super) fn keep_only(&mut self, wanted: &BTreeSet<&Key>) -> Vec<RequestId> {
        let gone = self
            .begun
            .extract_if(.., |key, begun| matches!(begun, Begun::Asked { .. }) && !wanted.contains(key));
        gone.filter_map(|(_, begun)| match begun {
            Begun::Asked { id, .. } => Some(id),
            Begun::Answered => None,
        })
        .collect()
    }

    /// A provider answered.
    pub(super) fn answered(&mut self, answered: RequestId, at: Timestamp, outcome: Outcome) {
        let found = self.begun.iter_mut().find_map(|(key, begun)| match begun {
            Begun::Asked { id, started_at } if *id == answered => Some((key.clone(), *started_at, begun)),
            _ => None,
        });
        let Some((key, started_at, begun)) = found else { return };
        *begun = Begun::Answered;
        self.answers.push(Answer { key, started_at, at, outcome });
    }

    /// Something is known of a measurement without asking anybody. Whether that is news.
    pub(super) fn know(&mut self, key: &Key, now: Timestamp, outcome: Outcome) -> bool {
        let mut known = self.answers.iter().filter(|answer| answer.key == *key);
        if known.any(|answer| answer.outcome != Outcome::Running || outcome == Outcome::Running) {
            return false;
        }
        self.begun.insert(key.clone(), Begun::Answered);
        self.answers.push(Answer { key: key.clone(), started_at: now, at: now, outcome });
        true
    }

    /// The Job of a measurement cannot be had.
    pub(super) fn failed(&mut self, key: Key, now: Timestamp, why: &str) {
        self.know(&key, now, Outcome::Error(why.to_owned()));
    }

    /// The status has taken in so many answers.
    pub(super) fn noted(&mut self, answers: usize) {
        for answer in self.answers.drain(..answers.min(self.answers.len())) {
            self.begun.remove(&answer.key);
        }
    }

    /// The Secrets to read before anything else is done; `begins`: a measurement is about to begin.
    pub(super) fn lacks(&mut self, wanted: Vec<SecretKey>, begins: bool, now: Duration) -> BTreeSet<String> {
        self.wanted = wanted.into_iter().collect();
        let is_old = self.read_at.is_none_or(|at| now.saturating_sub(at) > FRESH);
        let is_unknown = self.wanted.iter().any(|key| !self.secrets.contains_key(key));
        let is_missing =
            self.wanted.iter().any(|key| matches!(self.secrets.get(key), Some(Secret::Missing(_))));
        if !is_unknown && !(is_old && (begins || is_missing)) {
            return BTreeSet::new();
        }
        self.wanted.iter().map(|key| key.name.clone()).collect()
    }

    /// A Secret was read; or why not.
    pub(super) fn read_secret(&mut self, name: &str, result: Result<Value, String>, now: Duration) {
        self.read_at = Some(now);
        for key in self.wanted.iter().filter(|key| key.name == name) {
            let secret = match &result {
                Ok(object) => entry(object, key),
                Err(why) => Secret::Missing(why.clone()),
            };
            self.secrets.insert(key.clone(), secret);
        }
    }
}

/// An entry of a Secret.
fn entry(object: &Value, SecretKey { name, key }: &SecretKey) -> Secret {
    let Some(text) = object.get("data").and_then(|data| data.get(key)).and_then(Value::as_str) else {
        return Secret::Missing(format!("Secret \"{name}\" has no key \"{key}\""));
    };
    match STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(value) => Secret::Known(value),
        None => Secret::Missing(format!("key \"{key}\" of Secret \"{name}\" is no text")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(number: u64) -> Key {
        Key { metric: "m".to_owned(), number }
    }

    #[test]
    fn an_answer_is_kept_until_it_is_noted() {
        let now = Timestamp::UNIX_EPOCH;
        let mut measuring = Measuring::default();
        measuring.ask(key(1), RequestId(7), now);
        measuring.answered(RequestId(8), now, Outcome::Running);
        assert!(measuring.answers.is_empty(), "nobody asked that");
        measuring.answered(RequestId(7), now, Outcome::Error("x".to_owned()));
        measuring.answered(RequestId(7), now, Outcome::Error("again".to_owned()));
        assert_eq!(measuring.answers.len(), 1);
        assert!(measuring.has_begun(&key(1)) && measuring.asked().next().is_none());
        assert_eq!(measuring.keep_only(&BTreeSet::new()), [], "it is answered");
        measuring.noted(1);
        assert!(!measuring.has_begun(&key(1)) && measuring.answers.is_empty());
    }

    #[test]
    fn what_is_not_asked_for_any_more_is_given_up() {
        let mut measuring = Measuring::default();
        measuring.ask(key(1), RequestId(1), Timestamp::UNIX_EPOCH);
        measuring.ask(key(2), RequestId(2), Timestamp::UNIX_EPOCH);
        assert_eq!(measuring.keep_only(&BTreeSet::from([&key(2)])), [RequestId(1)]);
        assert!(measuring.has_begun(&key(2)) && !measuring.has_begun(&key(1)));
    }

    #[test]
    fn secrets_are_read_when_they_are_missing_or_old() {
        let secret = |key: &str| SecretKey { name: "s".to_owned(), key: key.to_owned() };
        let mut measuring = Measuring::default();
        let at = Duration::from_secs;
        assert!(measuring.lacks(Vec::new(), true, at(0)).is_empty());
        let wanted = vec![secret("a"), secret("b"), secret("c")];
        assert_eq!(measuring.lacks(wanted.clone(), false, at(0)), BTreeSet::from(["s".to_owned()]));
        let read = |data: Value, measuring: &mut Measuring, now| {
            measuring.read_secret("s", Ok(json!({ "data": data })), at(now));
        };
        read(json!({"a": "dmFsdWU=", "c": "!"}), &mut measuring, 0);
        assert_eq!(measuring.secrets[&secret("a")], Secret::Known("value".to_owned()));
        assert!(matches!(measuring.secrets[&secret("b")], Secret::Missing(_)));
        assert!(matches!(measuring.secrets[&secret("c")], Secret::Missing(_)));
        assert!(measuring.lacks(wanted.clone(), true, at(5)).is_empty());
        assert!(!measuring.lacks(wanted.clone(), false, at(6)).is_empty(), "two are missing");
        read(json!({"a": "dmFsdWU=", "b": "", "c": ""}), &mut measuring, 6);
        assert!(measuring.lacks(wanted.clone(), false, at(50)).is_empty());
        assert!(!measuring.lacks(wanted, true, at(50)).is_empty());
    }
}
