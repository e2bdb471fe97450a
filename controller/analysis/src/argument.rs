//! The arguments of a run.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::field::{Field, brief};
use crate::substitute::Arguments;

/// An entry of a Secret in the run's namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    /// The Secret's name.
    pub name: String,
    /// The key in its data.
    pub key: String,
}

/// What became of reading an entry of a Secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// What it holds.
    Known(String),
    /// It cannot be had; why.
    Missing(String),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(_) => f.write_str("Known(...)"),
            Self::Missing(why) => f.debug_tuple("Missing").field(why).finish(),
        }
    }
}

/// The entries that were read; what is not in it is not known yet.
pub type Secrets = BTreeMap<SecretKey, Secret>;

/// Why the arguments of a run cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ArgumentError {
    /// Where.
    pub path: String,
    /// What is wrong and what to do.
    pub problem: String,
}

/// What stands for secrets where they must not be seen.
pub(crate) const MASK: &str = "*****";

/// The arguments of a run, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// Those with values.
    pub(crate) values: Arguments,
    /// Those that come from secrets.
    pub(crate) secrets: BTreeMap<String, SecretKey>,
}

impl Given {
    /// Reads `spec.args`.
    pub(crate) fn read(field: &Field<'_>) -> Result<Self, ArgumentError> {
        let mut given = Self::default();
        if field.is_given() && !field.value.is_array() {
            let problem = format!("must be a list of arguments with a name, not {}", brief(field.value));
            return Err(ArgumentError { path: field.path.clone(), problem });
        }
        for argument in field.elements() {
            let error = |problem: String| ArgumentError { path: argument.path.clone(), problem };
            let name =
                argument.get("name").text().ok_or_else(|| error("must have a name".to_owned()))?.to_owned();
            let value = argument.get("value");
            let from = argument.get("valueFrom");
            let is_new = !given.values.contains_key(&name) && !given.secrets.contains_key(&name);
            if !is_new {
                return Err(error(format!("the argument {name} is given twice; remove one")));
            }
            match (value.value, from.is_given()) {
                (Value::String(text), false) => {
                    given.values.insert(name, text.clone());
                }
                (Value::Null, true) => {
                    let secret = from.get("secretKeyRef");
                    let (Some(of), Some(key)) = (secret.get("name").text(), secret.get("key").text()) else {
                        let problem = "must be secretKeyRef with a name and a key: in a run every other value is in place";
                        return Err(ArgumentError { path: from.path.clone(), problem: problem.to_owned() });
                    };
                    given.secrets.insert(name, SecretKey { name: of.to_owned(), key: key.to_owned() });
                }
                // Who uses it cannot be measured, and says so.
                (Value::Null, false) => {}
                (_, true) => {
                    return Err(error(format!("the argument {name} has value and valueFrom; remove one")));
                }
                (other, false) => {
                    let problem = format!(
                        "the value of {name} must be a string, not {}; put it in quotes",
                        brief(other)
                    );
                    return Err(error(problem));
                }
            }
        }
        Ok(given)
    }

    /// With masks for secrets.
    pub(crate) fn masked(&self) -> Arguments {
        let masks = self.secrets.keys().map(|name| (name.clone(), MASK.to_owned()));
        self.values.clone().into_iter().chain(masks).collect()
    }

    /// With those secrets that are known.
    pub(crate) fn known(&self, secrets: &Secrets) -> Arguments {
        let known = self.secrets.iter().filter_map(|(name, key)| match secrets.get(key)? {
            Secret::Known(text) => Some((name.clone(), text.clone())),
            Secret::Missing(_) => None,
        });
        self.values.clone().into_iter().chain(known).collect()
    }

    /// Why a secret cannot be had, of those that cannot.
    pub(crate) fn missing(&self, secrets: &Secrets, argument: &str) -> Option<String> {
        let key = self.secrets.get(argument)?;
        match secrets.get(key)? {
            Secret::Missing(why) => Some(format!(
                "Secret \"{}\", key \"{}\" for the argument {argument}: {why}",
                key.name, key.key
            )),
            Secret::Known(_) => None,
        }
    }

    /// A message without secrets.
    pub(crate) fn redacted(&self, secrets: &Secrets, message: &str) -> String {
        let mut redacted = message.to_owned();
        for key in self.secrets.values() {
            if let Some(Secret::Known(text)) = secrets.get(key)
                && !text.is_empty()
            {
                redacted = redacted.replace(text.as_str(), MASK);
            }
        }
        redacted
    }
}
