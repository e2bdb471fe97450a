//! Kubernetes label selectors: from the structure in manifests to the text form that queries use.

use alloc::collections::BTreeMap;

use crate::prelude::*;
use crate::{Pointer, Problem, concat};

/// A label selector as written in manifests (`matchLabels`, `matchExpressions`), all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "camelCase"))]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    #[cfg_attr(feature = "serde", serde(default))]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Further conditions on labels.
    #[cfg_attr(feature = "serde", serde(default))]
    pub match_expressions: Option<Vec<LabelExpression>>,
}

/// One condition on a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
pub struct LabelExpression {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values, for `In` and `NotIn`.
    #[cfg_attr(feature = "serde", serde(default))]
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
        let mut text = SelectorText::default();
        for (key, value) in self.match_labels.iter().flatten() {
            text.equals(key, value, &at.clone().key("matchLabels").key(key))?;
        }
        for (index, LabelExpression { key, operator, values }) in
            self.match_expressions.iter().flatten().enumerate()
        {
            let values = values.as_deref().unwrap_or_default();
            text.expression(key, operator, values, &at.clone().key("matchExpressions").index(index))?;
        }
        text.finish(at)
    }
}

/// The text form of a label selector, built requirement by requirement; all must hold. What [`LabelSelector`] is
/// turned into, for plugins that read their configuration in another way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectorText(String);

impl SelectorText {
    /// The label must have exactly this value. `at` is where the value stands in the configuration.
    ///
    /// # Errors
    /// `invalid-config` when there can be no such label.
    pub fn equals(&mut self, key: &str, value: &str, at: &Pointer) -> Result<(), Problem> {
        check_key(key, at)?;
        check_value(value, at)?;
        self.add(&[key, "=", value]);
        Ok(())
    }

    /// The condition of one element of `matchExpressions`, which stands at `at` in the configuration.
    ///
    /// # Errors
    /// `invalid-config` when there is no such operator, it does not go with these values, or there can be no such
    /// label.
    pub fn expression(
        &mut self,
        key: &str,
        operator: &str,
        values: &[String],
        at: &Pointer,
    ) -> Result<(), Problem> {
        check_key(key, &at.clone().key("key"))?;
        for (index, value) in values.iter().enumerate() {
            check_value(value, &at.clone().key("values").index(index))?;
        }
        match (operator, values.is_empty()) {
            ("In", false) => self.add(&[key, " in (", &values.join(","), ")"]),
            ("NotIn", false) => self.add(&[key, " notin (", &values.join(","), ")"]),
            ("Exists", true) => self.add(&[key]),
            ("DoesNotExist", true) => self.add(&["!", key]),
            ("In" | "NotIn", true) => {
                return Err(wrong(&at.clone().key("values"), &[operator, " needs at least one value"]));
            }
            ("Exists" | "DoesNotExist", false) => {
                return Err(wrong(&at.clone().key("values"), &[operator, " takes no values: remove them"]));
            }
            _ => {
                return Err(wrong(
                    &at.clone().key("operator"),
                    &["no such operator: `", operator, "`; use In, NotIn, Exists or DoesNotExist"],
                ));
            }
        }
        Ok(())
    }

    /// The text. `at` is where the selector stands in the configuration.
    ///
    /// # Errors
    /// `invalid-config` when nothing is required, which would select every object.
    pub fn finish(self, at: &Pointer) -> Result<String, Problem> {
        if self.0.is_empty() {
            return Err(wrong(
                at,
                &["an empty label selector would select every object: add matchLabels or matchExpressions"],
            ));
        }
        Ok(self.0)
    }

    fn add(&mut self, parts: &[&str]) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&concat(parts));
    }
}

#[cold]
fn wrong(at: &Pointer, message: &[&str]) -> Problem {
    Problem::invalid_config(at.clone(), concat(message))
}

/// A label's key: an optional DNS prefix of at most 253 characters, `/`, and a name.
fn check_key(key: &str, at: &Pointer) -> Result<(), Problem> {
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
        Err(wrong(at, &["`", key, "` is not a label's key"]))
    }
}

/// A label's value: empty, or like a key's name.
fn check_value(value: &str, at: &Pointer) -> Result<(), Problem> {
    if value.is_empty() || is_label_text(value) {
        Ok(())
    } else {
        Err(wrong(at, &["`", value, "` is not a label's value"]))
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
