//! Kubernetes label selectors: the text form (`app=web,tier in (a,b),!legacy`) that plugins' queries use, and
//! the object form (`matchLabels`, `matchExpressions`) of `spec.selector`.

use serde_json::{Map, Value};

/// A label selector. All requirements must hold; without any it matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

/// Why a text is not a label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a label selector: {wrong}")]
pub struct InvalidSelector {
    text: String,
    wrong: String,
}

/// Where the labels of an object are looked up.
pub trait Labels {
    /// The value of a label.
    fn get(&self, key: &str) -> Option<&str>;
}

impl Labels for [(Box<str>, Box<str>)] {
    fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| &**name == key).map(|(_, value)| &**value)
    }
}

impl Labels for Map<String, Value> {
    fn get(&self, key: &str) -> Option<&str> {
        Self::get(self, key)?.as_str()
    }
}

impl Selector {
    /// From the text form, which must not be empty.
    ///
    /// # Errors
    /// When it is empty or breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        let invalid = |wrong: String| InvalidSelector { text: text.to_owned(), wrong };
        let mut requirements = Vec::new();
        for part in split_outside_parentheses(text) {
            let part = part.trim();
            if part.is_empty() {
                return Err(invalid("a requirement is empty".to_owned()));
            }
            requirements.push(Requirement::parse(part).map_err(invalid)?);
        }
        Ok(Self { requirements })
    }

    /// From a `LabelSelector` object. `None` when it is absent, empty or not understood: such a one matches
    /// nothing here, because matching everything would hand over what belongs to others.
    pub fn from_object(selector: &Value) -> Option<Self> {
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let operator = Operator::In(vec![value.as_str()?.to_owned()]);
            requirements.push(Requirement { key: key.clone(), operator });
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let values = || -> Vec<String> {
                let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
                values.filter_map(Value::as_str).map(str::to_owned).collect()
            };
            let operator = match expression.get("operator")?.as_str()? {
                "In" => Operator::In(values()),
                "NotIn" => Operator::NotIn(values()),
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::Absent,
                _ => return None,
            };
            requirements.push(Requirement { key: expression.get("key")?.as_str()?.to_owned(), operator });
        }
        (!requirements.is_empty()).then_some(Self { requirements })
    }

    /// Whether it matches these labels.
    pub fn matches(&self, labels: &(impl Labels + ?Sized)) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let listed = |values: &[String]| value.is_some_and(|value| values.iter().any(|one| one == value));
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.operator {
                Operator::In(values) => listed(values),
                Operator::NotIn(values) => !listed(values),
                Operator::Exists => value.is_some(),
                Operator::Absent => value.is_none(),
                Operator::Above(bound) => number().is_some_and(|number| number > *bound),
                Operator::Below(bound) => number().is_some_and(|number| number < *bound),
            }
        })
    }
}

impl Requirement {
    fn parse(text: &str) -> Result<Self, String> {
        let make = |key: &str, operator| Ok(Self { key: label_key(key)?, operator });
        if let Some(key) = text.strip_prefix('!') {
            return make(key, Operator::Absent);
        }
        if let Some((head, rest)) = text.split_once('(') {
            let Some(list) = rest.strip_suffix(')') else {
                return Err("`(` without `)` at the end of the requirement".to_owned());
            };
            let values = list.split(',').map(label_value).collect::<Result<_, _>>()?;
            let mut words = head.split_whitespace();
            return match (words.next(), words.next(), words.next()) {
                (Some(key), Some("in"), None) => make(key, Operator::In(values)),
                (Some(key), Some("notin"), None) => make(key, Operator::NotIn(values)),
                _ => Err(format!("`{text}` has a list, but is neither `key in (…)` nor `key notin (…)`")),
            };
        }
        let number = |value: &str| {
            value.trim().parse::<i64>().map_err(|_| format!("`{}` is not a whole number", value.trim()))
        };
        if let Some((key, value)) = text.split_once("!=") {
            make(key, Operator::NotIn(vec![label_value(value)?]))
        } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            make(key, Operator::In(vec![label_value(value)?]))
        } else if let Some((key, value)) = text.split_once('>') {
            make(key, Operator::Above(number(value)?))
        } else if let Some((key, value)) = text.split_once('<') {
            make(key, Operator::Below(number(value)?))
        } else {
            make(text, Operator::Exists)
        }
    }
}

/// The parts between commas that are not inside a list of values.
fn split_outside_parentheses(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.split(move |c| {
        match c {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        c == ',' && !inside
    })
}

fn label_key(text: &str) -> Result<String, String> {
    let key = text.trim();
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !name.is_empty() && key.len() <= 317 && key.chars().all(allowed) && key.matches('/').count() <= 1 {
        Ok(key.to_owned())
    } else {
        Err(format!("`{key}` is not a label key"))
    }
}

fn label_value(text: &str) -> Result<String, String> {
    let value = text.trim();
    if value.len() <= 63 && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        Ok(value.to_owned())
    } else {
        Err(format!("`{value}` is not a label value"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Vec<(Box<str>, Box<str>)> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn the_text_form_matches_as_in_kubernetes() {
        let object = labels(&[("app", "web"), ("tier", "front"), ("example.com/size", "5"), ("empty", "")]);
        let table = [
            ("app=web", true),
            ("app==web", true),
            ("app = web", true),
            ("app=api", false),
            ("app!=web", false),
            ("app!=api", true),
            ("absent!=x", true),
            ("app in (web,api)", true),
            ("app in (api)", false),
            ("app notin (api, db)", true),
            ("absent notin (x)", true),
            ("app", true),
            ("absent", false),
            ("!absent", true),
            ("!app", false),
            ("example.com/size>4", true),
            ("example.com/size > 5", false),
            ("example.com/size<6", true),
            ("app<6", false),
            ("empty=", true),
            ("app=", false),
            ("app=web,tier in (front, back),!legacy", true),
            ("app=web,tier=back", false),
        ];
        for (text, expected) in table {
            let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(selector.matches(object.as_slice()), expected, "{text}");
        }
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in [
            "",
            " ",
            "app=web,",
            ",",
            "a b",
            "=x",
            "app in web",
            "app in (a",
            "app like (a)",
            "size>x",
            "a=b=c",
            "a/b/c",
        ] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_object_form_needs_all_of_both_parts() {
        let selector = Selector::from_object(&json!({
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back"]}],
        }))
        .unwrap();
        assert!(selector.matches(labels(&[("app", "web")]).as_slice()));
        assert!(!selector.matches(labels(&[("app", "web"), ("tier", "back")]).as_slice()));
        assert!(!selector.matches(labels(&[("tier", "front")]).as_slice()));
    }

    #[test]
    fn an_empty_or_unknown_object_form_matches_nothing() {
        for selector in
            [json!(null), json!({}), json!({"matchExpressions": [{"key": "a", "operator": "Like"}]})]
        {
            assert_eq!(Selector::from_object(&selector), None, "{selector}");
        }
    }
}
