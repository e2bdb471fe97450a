//! The status of a `RouterPlugin`: how far it is, as conditions.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tidegate_artifact::{LoadError, LoadReason, Stage};
use tidegate_contract::Digest;

use crate::event::{Access, KindAccess};

/// What is known about a `RouterPlugin`.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The name that Rollouts use.
    pub name: Option<&'a str>,
    /// How far the version is that is pinned now.
    pub wanted: Progress<'a>,
    /// Whether there is anything that bytes are compared with: a pin, or this binary.
    pub is_pinned: bool,
    /// What serves, which is not what is pinned while that is not ready.
    pub serving: Option<Serving<'a>>,
    /// What the API server lets the controller do with the kinds of what serves; `None`: not asked yet.
    pub access: Option<&'a [KindAccess]>,
    /// Whether the bytes of what serves are kept in the cluster.
    pub kept: Kept<'a>,
}

/// How far a version is.
#[derive(Clone, Debug)]
pub enum Progress<'a> {
    /// It is being fetched and checked.
    Loading,
    /// It failed, and will be tried again.
    Failed(&'a LoadError),
    /// It is ready.
    Ready,
}

/// A version that serves.
#[derive(Clone, Debug)]
pub struct Serving<'a> {
    /// What it hashes to.
    pub digest: Digest,
    /// Its own version.
    pub version: &'a str,
    /// Bytes of the component.
    pub size: u64,
    /// What it can do.
    pub features: &'a [String],
    /// Where it came from.
    pub source: &'a str,
}

/// Whether bytes are kept in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept<'a> {
    /// They need not be: they are in a file, or in the binary.
    NotNeeded,
    /// They are about to be.
    Pending,
    /// They are.
    Stored,
    /// They are not.
    Not {
        /// Stable code.
        reason: &'static str,
        /// Why, and what to do.
        message: &'a str,
    },
}

/// The conditions of the stages, in their order, with what each is about.
const STAGES: [&str; 4] = ["Fetched", "Verified", "Compiled", "Compatible"];

/// The condition whose stage fails with a loading that came so far.
const fn condition_of(stage: Stage) -> usize {
    match stage {
        Stage::Read => 0,
        Stage::Digest => 1,
        Stage::Recognise | Stage::Validate | Stage::Compile => 2,
        Stage::Interface | Stage::Start | Stage::Describe => 3,
    }
}

struct Writer<'a> {
    generation: i64,
    now: Timestamp,
    old: &'a [Value],
    conditions: Vec<Value>,
}

impl Writer<'_> {
    fn set(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let old = self.old.iter().find(|one| one.get("type").and_then(Value::as_str) == Some(kind));
        let since = old
            .filter(|one| one.get("status").and_then(Value::as_str) == Some(status))
            .and_then(|one| one.get("lastTransitionTime"))
            .and_then(Value::as_str);
        let now = self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.conditions.push(json!({
            "type": kind,
            "status": status,
            "reason": reason,
            "message": cut(message),
            "observedGeneration": self.generation,
            "lastTransitionTime": since.unwrap_or(&now),
        }));
    }
}

/// Longest message of a condition that API servers take.
const LONGEST_MESSAGE: usize = 32_768;

fn cut(message: &str) -> &str {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => message.get(..end).unwrap_or(message),
        None => message,
    }
}

/// The status as it should be. What did not change is as it was before, so that comparing says whether to write.
pub fn status(facts: &Facts<'_>, generation: i64, before: Option<&Value>, now: Timestamp) -> Value {
    let old = before.and_then(|status| status.get("conditions")).and_then(Value::as_array);
    let old = old.map(Vec::as_slice).unwrap_or_default();
    let mut writer = Writer { generation, now, old, conditions: Vec::new() };
    stages(facts, &mut writer);
    permitted(facts, &mut writer);
    match &facts.kept {
        Kept::NotNeeded => {
            writer.set("LastGoodStored", "True", "NotNeeded", "the bytes are where they cannot get lost");
        }
        Kept::Pending => writer.set("LastGoodStored", "Unknown", "Pending", "the bytes are not stored yet"),
        Kept::Stored => writer.set("LastGoodStored", "True", "Stored", "a restart does not need the source"),
        Kept::Not { reason, message } => writer.set("LastGoodStored", "False", reason, message),
    }
    ready(facts, &mut writer);
    let mut status = Map::new();
    status.insert("observedGeneration".into(), json!(generation));
    status.insert("conditions".into(), writer.conditions.into());
    let serving = facts.serving.as_ref();
    // Each field is there, as null where nothing is known: a merge patch of the whole then takes away what was.
    status.insert("name".into(), json!(facts.name));
    let digest = serving.map(|one| one.digest.to_string());
    // For the column: columns cannot shorten.
    status.insert("shortDigest".into(), json!(digest.as_deref().and_then(|digest| digest.get(..12))));
    status.insert("digest".into(), json!(digest));
    status.insert("version".into(), json!(serving.map(|one| one.version)));
    status.insert("size".into(), json!(serving.map(|one| one.size)));
    status.insert("source".into(), json!(serving.map(|one| one.source)));
    status.insert("features".into(), json!(serving.map(|one| one.features)));
    status.into()
}

/// Whether a status says all that another one should.
pub fn is_same(is: Option<&Value>, should: &Value) -> bool {
    let fields = should.as_object().into_iter().flatten();
    let value = |key: &str| is.and_then(|is| is.get(key)).unwrap_or(&Value::Null);
    fields.into_iter().all(|(key, should)| value(key) == should)
}

fn stages(facts: &Facts<'_>, writer: &mut Writer<'_>) {
    let failed = match &facts.wanted {
        Progress::Loading => {
            for kind in STAGES {
                writer.set(kind, "Unknown", "Loading", "the plugin is being fetched and checked");
            }
            return;
        }
        Progress::Failed(error) => Some((condition_of(error.stage), *error)),
        Progress::Ready => None,
    };
    for (index, kind) in STAGES.iter().enumerate() {
        match failed {
            Some((at, error)) if at == index => {
                writer.set(kind, "False", error.reason.as_str(), &said(error));
            }
            Some((at, _)) if at < index => {
                writer.set(kind, "Unknown", "NotReached", "an earlier stage failed");
            }
            _ if *kind == "Verified" && !facts.is_pinned => {
                writer.set(
                    kind,
                    "Unknown",
                    "NotPinned",
                    "there is no digest that the bytes could be compared with",
                );
            }
            _ => writer.set(kind, "True", kind, ""),
        }
    }
}

/// What went wrong, with what to do.
pub fn said(error: &LoadError) -> String {
    format!("{}; {}", error.message, error.hint)
}

fn permitted(facts: &Facts<'_>, writer: &mut Writer<'_>) {
    match facts.access.map(missing_rules) {
        None => {
            writer.set("Permitted", "Unknown", "Pending", "it is not known yet what the API server allows");
        }
        Some(None) => writer.set("Permitted", "True", "Permitted", ""),
        Some(Some(rules)) => writer.set("Permitted", "False", LoadReason::Forbidden.as_str(), &rules),
    }
}

fn ready(facts: &Facts<'_>, writer: &mut Writer<'_>) {
    let rules = facts.access.and_then(missing_rules);
    match (&facts.serving, &facts.wanted) {
        (Some(_), _) if rules.is_some() => {
            writer.set("Ready", "False", LoadReason::Forbidden.as_str(), &rules.unwrap_or_default());
        }
        (Some(_), Progress::Ready) => writer.set("Ready", "True", "Ready", "Rollouts can use it"),
        (Some(one), Progress::Loading) => {
            let message = format!("sha256:{} serves while the pinned version is being loaded", one.digest);
            writer.set("Ready", "True", "PreviousVersion", &message);
        }
        (Some(one), Progress::Failed(error)) => {
            let message = format!(
                "sha256:{} goes on serving, because the pinned version cannot: {}: {}",
                one.digest,
                error.reason,
                said(error)
            );
            writer.set("Ready", "True", "PreviousVersion", &message);
        }
        (None, Progress::Failed(error)) => writer.set("Ready", "False", error.reason.as_str(), &said(error)),
        (None, Progress::Loading | Progress::Ready) => {
            writer.set("Ready", "Unknown", "Loading", "the plugin is being fetched and checked");
        }
    }
}

/// The rules that are missing in the controller's role, as YAML to paste; `None`: nothing is missing.
pub fn missing_rules(access: &[KindAccess]) -> Option<String> {
    let rules: Vec<String> = access
        .iter()
        .filter_map(|one| match &one.access {
            Access::Forbidden { plural, verbs } => Some(format!(
                "- apiGroups: [\"{}\"]\n  resources: [\"{plural}\"]\n  verbs: [\"{}\"]",
                one.kind.group,
                verbs.join("\", \"")
            )),
            Access::NotServed | Access::Allowed => None,
        })
        .collect();
    (!rules.is_empty()).then(|| {
        format!(
            "the controller may not do what the plugin needs; add to the rules of its role:\n{}",
            rules.join("\n")
        )
    })
}

#[cfg(test)]
mod tests {
    use tidegate_contract::Kind;

    use super::*;

    fn condition<'a>(status: &'a Value, kind: &str) -> (&'a str, &'a str) {
        let all = status["conditions"].as_array().unwrap();
        let one = all.iter().find(|one| one["type"] == kind).unwrap_or_else(|| panic!("{kind}"));
        (one["status"].as_str().unwrap(), one["reason"].as_str().unwrap())
    }

    const SERVING: Serving<'_> =
        Serving { digest: Digest([7; 32]), version: "1.2.3", size: 10, features: &[], source: "here" };

    fn facts(wanted: Progress<'_>, serves: bool) -> Facts<'_> {
        let serving = serves.then_some(SERVING);
        Facts { name: Some("a/b"), wanted, is_pinned: true, serving, access: Some(&[]), kept: Kept::Stored }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn each_stage_has_its_condition() {
        for (stage, kind) in [
            (Stage::Read, "Fetched"),
            (Stage::Digest, "Verified"),
            (Stage::Recognise, "Compiled"),
            (Stage::Validate, "Compiled"),
            (Stage::Compile, "Compiled"),
            (Stage::Interface, "Compatible"),
            (Stage::Start, "Compatible"),
            (Stage::Describe, "Compatible"),
        ] {
            let error = LoadError::new(stage, LoadReason::HostFault, "what", "do");
            let status = status(&facts(Progress::Failed(&error), false), 1, None, at(0));
            assert_eq!(condition(&status, kind), ("False", "HostFault"), "{stage}");
            let before: Vec<_> = STAGES.iter().take_while(|one| **one != kind).collect();
            assert!(before.iter().all(|kind| condition(&status, kind).0 == "True"), "{stage}");
            let after = STAGES.iter().skip(before.len() + 1);
            assert!(after.clone().all(|kind| condition(&status, kind).0 == "Unknown"), "{stage}");
            assert_eq!(condition(&status, "Ready"), ("False", "HostFault"));
        }
    }

    #[test]
    fn what_serves_is_said_while_the_new_version_fails() {
        let error = LoadError::new(Stage::Digest, LoadReason::DigestMismatch, "what", "do");
        let status = status(&facts(Progress::Failed(&error), true), 2, None, at(0));
        assert_eq!(condition(&status, "Ready").0, "True");
        assert_eq!(condition(&status, "Verified"), ("False", "DigestMismatch"));
        assert_eq!(status["digest"], SERVING.digest.to_string());
    }

    #[test]
    fn a_missing_right_is_yaml() {
        let access = [KindAccess {
            kind: Kind::new("example.com", "Thing"),
            access: Access::Forbidden { plural: "things".to_owned(), verbs: vec!["patch".to_owned()] },
        }];
        let facts = Facts { access: Some(&access), ..facts(Progress::Ready, true) };
        let status = status(&facts, 1, None, at(0));
        assert_eq!(condition(&status, "Permitted"), ("False", "Forbidden"));
        assert_eq!(condition(&status, "Ready"), ("False", "Forbidden"));
        assert!(status.to_string().contains("things"));
    }

    #[test]
    fn time_moves_only_with_what_is_said() {
        let first = status(&facts(Progress::Ready, true), 1, None, at(0));
        let later = status(&facts(Progress::Ready, true), 1, Some(&first), at(100));
        assert_eq!(first, later);
        assert!(is_same(Some(&first), &later));
        let error = LoadError::new(Stage::Read, LoadReason::Unreachable, "what", "do");
        let failed = status(&facts(Progress::Failed(&error), false), 1, Some(&first), at(200));
        assert!(!is_same(Some(&first), &failed));
        assert!(!is_same(None, &failed));
        // What is null need not be there.
        let mut written = failed.clone();
        written.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        assert!(is_same(Some(&written), &failed));
    }
}
