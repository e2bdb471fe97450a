//! Kubernetes label selectors: from the structure in manifests to the text form that queries use.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Pointer, Problem};

/// A label selector as written in manifests (`matchLabels`, `matchExpressions`), all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    #[serde(default)]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Further conditions on labels.
    #[serde(default)]
    pub match_expressions: Option<Vec<LabelExpression>>,
}

/// One condition on a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct LabelExpression {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values, for `In` and `NotIn`.
    #[serde(default)]
    pub values: Option<Vec<String>>,
}

impl LabelSelector {
    /// The selector as text, for [`Selection::Labels`](crate::Selection::Labels). `at` is where it stands in the
    /// configuration.
    ///
    /// # Errors
    /// `invalid-config` when it is empty (which would select every object), or has a key, a value or an operator
    /// that Kubernetes does not have.
    pub fn to_text(&self, at: &Pointer) -> Result<String, Problem> {
        let mut text = String::new();
        for (key, value) in self.match_labels.iter().flatten() {
            let place = || at.clone().key("matchLabels").key(key);
            check_key(key, place)?;
            check_value(value, place)?;
            requirement(&mut text, &[key, "=", value]);
        }
        for (index, expression) in self.match_expressions.iter().flatten().enumerate() {
            let place = || at.clone().key("matchExpressions").index(index);
            check_key(&expression.key, || place().key("key"))?;
            let values = expression.values.as_deref().unwrap_or_default();
            for (index, value) in values.iter().enumerate() {
                check_value(value, || place().key("values").index(index))?;
            }
            let word = match expression.operator.as_str() {
                "In" => " in (",
                "NotIn" => " notin (",
                "Exists" | "DoesNotExist" if !values.is_empty() => {
                    return Err(Problem::invalid_config(
                        place().key("values"),
                        [&expression.operator, " takes no values: remove them"].concat(),
                    ));
                }
                "Exists" => {
                    requirement(&mut text, &[&expression.key]);
                    continue;
                }
                "DoesNotExist" => {
                    requirement(&mut text, &["!", &expression.key]);
                    continue;
                }
                other => {
                    return Err(Problem::invalid_config(
                        place().key("operator"),
                        ["no such operator: `", other, "`; use In, NotIn, Exists or DoesNotExist"].concat(),
                    ));
                }
            };
            if values.is_empty() {
                return Err(Problem::invalid_config(
                    place().key("values"),
                    [&expression.operator, " needs at least one value"].concat(),
                ));
            }
            requirement(&mut text, &[&expression.key, word, &values.join(","), ")"]);
        }
        if text.is_empty() {
            return Err(Problem::invalid_config(
                at.clone(),
                "an empty label selector would select every object of its kind: add matchLabels or \
                 matchExpressions",
            ));
        }
        Ok(text)
    }
}

fn requirement(text: &mut String, parts: &[&str]) {
    if !text.is_empty() {
        text.push(',');
    }
    for part in parts {
        text.push_str(part);
    }
}

/// A label's key: an optional DNS prefix of at most 253 characters, `/`, and a name.
fn check_key(key: &str, place: impl FnOnce() -> Pointer) -> Result<(), Problem> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix_is_right = prefix.is_none_or(|prefix| {
        prefix.len() <= 253
            && prefix.split('.').all(|part| {
                is_bounded(part, |c| c.is_ascii_lowercase() || c.is_ascii_digit())
                    && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            })
    });
    if prefix_is_right && is_label_text(name) {
        Ok(())
    } else {
        Err(Problem::invalid_config(place(), ["`", key, "` is not a label's key"].concat()))
    }
}

/// A label's value: empty, or like a key's name.
fn check_value(value: &str, place: impl FnOnce() -> Pointer) -> Result<(), Problem> {
    if value.is_empty() || is_label_text(value) {
        Ok(())
    } else {
        Err(Problem::invalid_config(place(), ["`", value, "` is not a label's value"].concat()))
    }
}

/// 1 to 63 characters, letters and digits at both ends, `-`, `_` and `.` also in between.
fn is_label_text(text: &str) -> bool {
    text.len() <= 63
        && is_bounded(text, |c| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Not empty, and such characters at both ends.
fn is_bounded(text: &str, is_right: impl Fn(char) -> bool) -> bool {
    text.chars().next().is_some_and(&is_right) && text.chars().next_back().is_some_and(&is_right)
}
