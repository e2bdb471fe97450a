//! Manifests with the places where they stand.

use serde_json::Value;
use tidegate_api::object;
use tidegate_simulate::manifests::{self, Document, ManifestError};

use crate::finding::{Finding, Said, Severity, reason};
use crate::lines::Lines;

/// A manifest and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) object: Value,
    file: String,
    document: usize,
    /// The way to it in its document: none, or that to an item of a list.
    prefix: Vec<String>,
    lines: Lines,
}

/// The manifests of a text, and what is wrong with those documents that are none.
pub(crate) fn read(file: &str, text: &str) -> (Vec<Manifest>, Vec<Finding>) {
    let (documents, errors) = manifests::documents(file, text);
    // The two readers of the text see the same documents, but for texts that are odd in the first place.
    let last =
        documents.iter().map(|document| document.number).chain(errors.iter().map(ManifestError::document));
    let all = Lines::of(text);
    let all = if last.max().unwrap_or_default() <= all.len() { all } else { Vec::new() };
    let lines = |number: usize| all.get(number.wrapping_sub(1)).cloned().unwrap_or_default();

    let mut findings: Vec<Finding> = errors
        .iter()
        .map(|error| Finding {
            file: file.to_owned(),
            document: error.document(),
            line: error.line().or_else(|| lines(error.document()).of_field(&[], "")),
            object: String::new(),
            severity: Severity::Error,
            reason: error.reason().to_owned(),
            condition: None,
            path: String::new(),
            message: error.problem(),
        })
        .collect();
    for (index, lines) in all.iter().enumerate() {
        findings.extend(lines.twice.iter().map(|(place, line)| Finding {
            file: file.to_owned(),
            document: index + 1,
            line: Some(*line),
            object: String::new(),
            severity: Severity::Error,
            reason: reason::DUPLICATE_KEY.to_owned(),
            condition: None,
            path: place.join("."),
            message: "is there twice, and only one of them counts; remove one".to_owned(),
        }));
    }
    let manifests = documents.into_iter().map(|Document { number, item, object }| Manifest {
        object,
        file: file.to_owned(),
        document: number,
        prefix: item.map(|index| vec!["items".to_owned(), index.to_string()]).unwrap_or_default(),
        lines: lines(number),
    });
    (manifests.collect(), findings)
}

impl Manifest {
    /// A finding about it.
    pub(crate) fn finding(&self, said: Said) -> Finding {
        let Said { severity, reason, condition, path, message } = said;
        Finding {
            file: self.file.clone(),
            document: self.document,
            line: self.lines.of_field(&self.prefix, &path),
            object: self.name(),
            severity,
            reason,
            condition,
            path,
            message,
        }
    }

    /// `Rollout shop/web`.
    pub(crate) fn name(&self) -> String {
        let kind = self.object.get("kind").and_then(Value::as_str).unwrap_or_default();
        match object::namespace(&self.object) {
            "" => format!("{kind} {}", object::name(&self.object)),
            namespace => format!("{kind} {namespace}/{}", object::name(&self.object)),
        }
    }

    pub(crate) fn is_rollout(&self) -> bool {
        self.is_of("argoproj.io", "Rollout")
    }

    pub(crate) fn is_of(&self, group: &str, kind: &str) -> bool {
        self.group() == group && self.object.get("kind").and_then(Value::as_str) == Some(kind)
    }

    pub(crate) fn group(&self) -> &str {
        let version = self.object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        version.split_once('/').map_or("", |(group, _)| group)
    }
}
