//! Label selectors, in the text form of list requests and in the object form of `spec.selector`.
//!
//! Semantics of `k8s.io/apimachinery/pkg/labels`: requirements are combined by and; `!=` and `notin` also match where
//! the label is absent; `>` and `<` compare whole numbers.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// A set of requirements on labels, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    Absent,
    Greater(i64),
    Less(i64),
}

/// A selector that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

impl Selector {
    /// From the text form, for example `app=web,tier in (a, b),!legacy`.
    ///
    /// # Errors
    /// When the text is no selector.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut requirements = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let end = end_of_requirement(rest)?;
            let (one, more) = rest.split_at(end);
            requirements.push(Requirement::parse(one.trim())?);
            rest = more.trim_start();
            if let Some(more) = rest.strip_prefix(',') {
                rest = more.trim_start();
                if rest.is_empty() {
                    return Err(SelectorError("found '', expected: identifier after ','".into()));
                }
            }
        }
        Ok(Self { requirements })
    }

    /// From the object form (`matchLabels`, `matchExpressions`). Absent selects nothing, so it is no selector.
    ///
    /// # Errors
    /// When an operator is unknown or a label's value is no text.
    pub fn from_object(object: &Value) -> Result<Self, SelectorError> {
        let mut requirements = Vec::new();
        for (key, value) in object.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let Some(value) = value.as_str() else {
                return Err(SelectorError(format!("matchLabels[{key}]: {value} is not a string")));
            };
            requirements
                .push(Requirement { key: key.clone(), test: Test::In(BTreeSet::from([value.to_owned()])) });
        }
        for expression in object.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let field = |key: &str| expression.get(key).and_then(Value::as_str).unwrap_or_default();
            let values = || -> BTreeSet<String> {
                let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
                values.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
            };
            let test = match field("operator") {
                "In" => Test::In(values()),
                "NotIn" => Test::NotIn(values()),
                "Exists" => Test::Exists,
                "DoesNotExist" => Test::Absent,
                other => {
                    return Err(SelectorError(format!("{other:?} is not a valid label selector operator")));
                }
            };
            requirements.push(Requirement { key: field("key").to_owned(), test });
        }
        Ok(Self { requirements })
    }

    /// From plain labels, all of which must be there (a Service's `spec.selector`).
    pub fn from_labels(labels: &Value) -> Self {
        let labels = labels.as_object().into_iter().flatten();
        let requirements = labels
            .filter_map(|(key, value)| {
                let value = value.as_str()?;
                Some(Requirement { key: key.clone(), test: Test::In(BTreeSet::from([value.to_owned()])) })
            })
            .collect();
        Self { requirements }
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether these labels (a JSON object of texts, or nothing) are selected.
    pub fn matches(&self, labels: Option<&Value>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.and_then(|labels| labels.get(&requirement.key)).and_then(Value::as_str);
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.test {
                Test::In(values) => value.is_some_and(|value| values.contains(value)),
                Test::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
                Test::Greater(bound) => number().is_some_and(|number| number > *bound),
                Test::Less(bound) => number().is_some_and(|number| number < *bound),
            }
        })
    }
}

impl fmt::Display for Selector {
    /// The text form, requirements in the order of their keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut requirements: Vec<&Requirement> = self.requirements.iter().collect();
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        for (index, Requirement { key, test }) in requirements.into_iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            let list = |values: &BTreeSet<String>| values.iter().cloned().collect::<Vec<_>>().join(",");
            match test {
                Test::In(values) if values.len() == 1 => write!(f, "{key}={}", list(values))?,
                Test::In(values) => write!(f, "{key} in ({})", list(values))?,
                Test::NotIn(values) => write!(f, "{key} notin ({})", list(values))?,
                Test::Exists => f.write_str(key)?,
                Test::Absent => write!(f, "!{key}")?,
                Test::Greater(bound) => write!(f, "{key}>{bound}")?,
                Test::Less(bound) => write!(f, "{key}<{bound}")?,
            }
        }
        Ok(())
    }
}

/// Where the requirement that the text begins with ends: at a comma outside brackets, or with the text.
fn end_of_requirement(text: &str) -> Result<usize, SelectorError> {
    let mut inside = false;
    for (index, character) in text.char_indices() {
        match character {
            '(' => inside = true,
            ')' => inside = false,
            ',' if !inside => return Ok(index),
            _ => {}
        }
    }
    if inside { Err(SelectorError(format!("unclosed '(' in {text:?}"))) } else { Ok(text.len()) }
}

impl Requirement {
    fn parse(text: &str) -> Result<Self, SelectorError> {
        let one = |value: &str| BTreeSet::from([value.trim().to_owned()]);
        let number = |value: &str| {
            let value = value.trim();
            value.parse::<i64>().map_err(|_| {
                SelectorError(format!("for 'Gt', 'Lt' operators, the value must be an integer: {value:?}"))
            })
        };
        if let Some(key) = text.strip_prefix('!') {
            return Self::new(key, Test::Absent);
        }
        if let Some(open) = text.find('(') {
            let (head, list) = text.split_at(open);
            let list = list.trim_start_matches('(').trim_end_matches(')');
            let values: BTreeSet<String> = list.split(',').map(|value| value.trim().to_owned()).collect();
            let mut words = head.split_whitespace();
            let (Some(key), Some(operator), None) = (words.next(), words.next(), words.next()) else {
                return Err(SelectorError(format!("couldn't parse the selector string {text:?}")));
            };
            return match operator {
                "in" => Self::new(key, Test::In(values)),
                "notin" => Self::new(key, Test::NotIn(values)),
                other => Err(SelectorError(format!("found '{other}', expected: in, notin"))),
            };
        }
        // The longer operators first: `!=` and `==` contain `=`.
        if let Some((key, value)) = text.split_once("!=") {
            return Self::new(key, Test::NotIn(one(value)));
        }
        if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            return Self::new(key, Test::In(one(value)));
        }
        if let Some((key, value)) = text.split_once('>') {
            return Self::new(key, Test::Greater(number(value)?));
        }
        if let Some((key, value)) = text.split_once('<') {
            return Self::new(key, Test::Less(number(value)?));
        }
        Self::new(text, Test::Exists)
    }

    fn new(key: &str, test: Test) -> Result<Self, SelectorError> {
        let key = key.trim();
        if let Some(problem) = crate::names::key_problem(key) {
            return Err(SelectorError(format!("key: Invalid value: {key:?}: {problem}")));
        }
        if let Test::In(values) | Test::NotIn(values) = &test {
            for value in values {
                if let Some(problem) = crate::names::label_value_problem(value) {
                    return Err(SelectorError(format!(
                        "values[0][{key}]: Invalid value: {value:?}: {problem}"
                    )));
                }
            }
        }
        Ok(Self { key: key.to_owned(), test })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_form() {
        let labels = json!({"app": "web", "tier": "front", "n": "5", "empty": ""});
        let table = [
            ("", true),
            ("app=web", true),
            ("app==web", true),
            ("app = web , tier = front", true),
            ("app=web,tier=back", false),
            ("app!=web", false),
            ("missing!=web", true),
            ("app in (web, api)", true),
            ("app in (api)", false),
            ("app notin (api,db)", true),
            ("missing notin (api)", true),
            ("app", true),
            ("missing", false),
            ("!missing", true),
            ("!app", false),
            ("n>4", true),
            ("n<5", false),
            ("empty=", true),
            ("app in (web,api),!missing,n > 1", true),
        ];
        for (text, expected) in table {
            assert_eq!(Selector::parse(text).unwrap().matches(Some(&labels)), expected, "{text}");
        }
        assert!(Selector::parse("!app").unwrap().matches(None));
    }

    #[test]
    fn unreadable_text() {
        for text in ["app in (web", "app near (web)", "a b c (x)", "app=we b", "=web", "n>x", "app=web,", ","]
        {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn object_form() {
        let selector = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["front", "back"]},
            {"key": "old", "operator": "DoesNotExist"},
            {"key": "app", "operator": "Exists"},
            {"key": "zone", "operator": "NotIn", "values": ["x"]},
        ]});
        let selector = Selector::from_object(&selector).unwrap();
        assert!(selector.matches(Some(&json!({"app": "web", "tier": "back"}))));
        assert!(!selector.matches(Some(&json!({"app": "web", "tier": "back", "old": "1"}))));
        assert!(!selector.matches(Some(&json!({"app": "web", "tier": "back", "zone": "x"}))));
        assert!(!selector.matches(Some(&json!({"tier": "back"}))));
        assert!(Selector::from_object(&json!({})).unwrap().matches(None));
        let odd = json!({"matchExpressions": [{"key": "a", "operator": "Near"}]});
        assert!(Selector::from_object(&odd).is_err());
    }
}
