//! Reading fixtures from files, and refusing those that cannot mean anything.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_route::pointer::Pattern;

use crate::fixture::{Expectation, Fixture, FixtureMatch, ObjectName, Situation};
use crate::world::reference;

/// A fixture that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// A file or folder that cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder without fixtures.
    #[error("{} has no fixtures: put files in it whose names end with .yaml, .yml or .json", .0.display())]
    NoFixtures(PathBuf),
    /// A file that is not a fixture.
    #[error("{origin}: {message}; the README of plugins/conformance documents the format")]
    Invalid {
        /// Which file.
        origin: String,
        /// What is wrong with it, and where.
        message: String,
    },
}

impl FixtureError {
    /// The stable reason code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "Unreadable",
            Self::NoFixtures(_) => "NoFixtures",
            Self::Invalid { .. } => "InvalidFixture",
        }
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> FixtureError {
    FixtureError::Unreadable { path: path.to_owned(), source }
}

impl Fixture {
    /// All fixtures in a folder (not in folders below it), in the order of their names.
    ///
    /// # Errors
    /// When there are none, or one of them cannot be used.
    pub fn read_folder(folder: &Path) -> Result<Vec<Self>, FixtureError> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
            let path = entry.map_err(|source| unreadable(folder, source))?.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_file() && extension.is_some_and(|kind| ["yaml", "yml", "json"].contains(&kind)) {
                files.push(path);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(FixtureError::NoFixtures(folder.to_owned()));
        }
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).map_err(|source| unreadable(path, source))?;
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            Self::parse(&name, &path.display().to_string(), &text)
        };
        files.iter().map(read).collect()
    }

    /// The fixture in a text, YAML or JSON. `origin` names the text in errors.
    ///
    /// # Errors
    /// When the text is not a fixture, or one that cannot mean anything.
    pub fn parse(name: &str, origin: &str, text: &str) -> Result<Self, FixtureError> {
        let invalid = |message: String| FixtureError::Invalid { origin: origin.to_owned(), message };
        let deserializer = serde_yaml_ng::Deserializer::from_str(text);
        let mut fixture: Self = serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = error.path().to_string();
            let at = if path == "." { String::new() } else { format!("{path}: ") };
            invalid(format!("{at}{}", error.inner()))
        })?;
        name.clone_into(&mut fixture.name);
        fixture.validate().map_err(invalid)?;
        Ok(fixture)
    }

    fn validate(&self) -> Result<(), String> {
        let mut references = std::collections::BTreeSet::new();
        for (index, object) in self.objects.iter().enumerate() {
            let reference = reference(object).ok_or_else(|| {
                format!("objects[{index}]: an object needs apiVersion, kind and metadata.name")
            })?;
            if !references.insert(reference.clone()) {
                return Err(format!("objects[{index}]: {reference} is there twice"));
            }
        }
        let object = |named: &ObjectName| {
            let found = self.objects.iter().find(|object| named.names(object, &self.target.namespace));
            found.ok_or_else(|| format!("the fixture has no {} {}", named.kind, named.name))
        };
        for (index, foreign) in self.foreign.iter().enumerate() {
            let list = object(&foreign.object).map_err(|error| format!("foreign[{index}]: {error}"))?;
            if !list.pointer(&foreign.at).is_some_and(Value::is_array) {
                return Err(format!("foreign[{index}]: there is no list at {:?}", foreign.at));
            }
        }
        for pattern in &self.kept {
            Pattern::parse(pattern).map_err(|error| format!("kept: {pattern:?}: {error}"))?;
        }
        for (index, expectation) in self.expectations.iter().enumerate() {
            expectation.validate().map_err(|error| format!("expectations[{index}]: {error}"))?;
        }
        Ok(())
    }
}

impl Expectation {
    fn validate(&self) -> Result<(), String> {
        for situation in self.after.iter().chain([&self.when]) {
            situation.validate()?;
        }
        if let Some(index) = self.objects.iter().position(|object| reference(object).is_none()) {
            return Err(format!("objects[{index}]: an object needs apiVersion, kind and metadata.name"));
        }
        let compares = !(self.objects.is_empty() && self.values.is_empty() && self.gone.is_empty());
        if self.problem.is_none() && self.verdict.is_none() && !compares {
            return Err("it expects nothing: give problem, verdict, objects, values or gone".to_owned());
        }
        let verdicts = ["verified", "pending", "rejected", "unreported", "unverifiable"];
        if let Some(verdict) = self.verdict.as_ref().filter(|verdict| !verdicts.contains(&verdict.as_str())) {
            return Err(format!("verdict {verdict:?}: it is one of {}", verdicts.join(", ")));
        }
        Ok(())
    }
}

impl Situation {
    fn validate(&self) -> Result<(), String> {
        let sum = self.additional.iter().fold(self.canary, |sum, one| sum.saturating_add(one.weight));
        if self.max_weight == 0 || sum > self.max_weight {
            return Err(format!("the weights sum to {sum}, and maxWeight is {}", self.max_weight));
        }
        for route in &self.managed_routes {
            for text in route.matches.iter().flat_map(FixtureMatch::texts) {
                if !text.is_one() {
                    return Err(format!(
                        "the managed route {}: a text is compared by one of exact, prefix and regex",
                        route.name
                    ));
                }
            }
        }
        Ok(())
    }
}

impl ObjectName {
    /// Whether it means this object.
    pub(crate) fn names(&self, object: &Value, rollouts_namespace: &str) -> bool {
        reference(object).is_some_and(|reference| {
            let namespace = self.namespace.as_deref().unwrap_or(rollouts_namespace);
            reference.kind.kind == self.kind
                && reference.name == self.name
                && reference.namespace.as_deref().is_none_or(|other| other == namespace)
        })
    }
}
