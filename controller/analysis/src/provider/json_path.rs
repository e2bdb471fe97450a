//! JSON path, as far as a measured value is selected with it: the dialect of `kubectl`, which the provider `web` uses.
//!
//! `{$.a.b}`, `{.a['b c']}`, `$.a[0]`, `[-1]`, `[1:3]`, `[*]`, `.*`, `..name`, and `[?(@.a == "b")]` with `==`, `!=`, `<`, `<=`, `>`, `>=` or no
//! operator, which asks whether there is a value. Braces and `$` may be left out. Of several values that are selected the first counts.

mod read;

use serde_json::Value;

/// The most values that are looked at.
const MOST_VISITS: usize = 100_000;

/// A path that selects values in JSON. The default selects all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Element(i64),
    Part(Option<i64>, Option<i64>),
    All,
    Anywhere(Option<String>),
    Where(Vec<Step>, Option<(&'static str, Value)>),
}

/// Why a path selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPathError {
    /// It is not in the language.
    #[error("at character {}: {problem}; write a path like {{$.data.value}} or {{$.items[0].value}}", .position + 1)]
    Invalid {
        /// Characters before it.
        position: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// Nothing is where it points.
    #[error("{0} is not found")]
    NotFound(String),
    /// Too much would have to be looked at.
    #[error("it looks at more than {MOST_VISITS} values; write a path without ..")]
    TooMuch,
}

impl JsonPath {
    /// The first value that it selects.
    ///
    /// # Errors
    /// When it selects none.
    pub fn first<'a>(&self, json: &'a Value) -> Result<&'a Value, JsonPathError> {
        let mut visits = MOST_VISITS;
        let found = select(&self.steps, json, &mut visits)?;
        found.first().copied().ok_or_else(|| JsonPathError::NotFound("a matching value".to_owned()))
    }
}

/// What the steps select of a value. A field or an element that is not there is an error; what may select nothing by its
/// nature selects nothing.
fn select<'a>(steps: &[Step], json: &'a Value, visits: &mut usize) -> Result<Vec<&'a Value>, JsonPathError> {
    let mut found = vec![json];
    for step in steps {
        let mut next = Vec::new();
        for value in found {
            *visits = visits.checked_sub(1).ok_or(JsonPathError::TooMuch)?;
            apply(step, value, &mut next, visits)?;
        }
        found = next;
    }
    Ok(found)
}

fn apply<'a>(
    step: &Step,
    value: &'a Value,
    next: &mut Vec<&'a Value>,
    visits: &mut usize,
) -> Result<(), JsonPathError> {
    match step {
        Step::Field(name) => {
            next.push(
                value.get(name).ok_or_else(|| JsonPathError::NotFound(name.chars().take(80).collect()))?,
            );
        }
        Step::Element(index) => {
            let length = value.as_array().map_or(0, Vec::len);
            let place = usize::try_from(*index)
                .ok()
                .or_else(|| length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?));
            let element = place.and_then(|place| value.as_array()?.get(place));
            next.push(
                element.ok_or_else(|| JsonPathError::NotFound(format!("element {index} of {length}")))?,
            );
        }
        Step::Part(from, to) => {
            let elements = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let bound = |bound: &Option<i64>, otherwise: usize| {
                let Some(bound) = bound else { return otherwise };
                let size = usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX);
                if *bound < 0 { elements.len().saturating_sub(size) } else { size.min(elements.len()) }
            };
            next.extend(elements.get(bound(from, 0)..bound(to, elements.len())).unwrap_or_default());
        }
        Step::All => next.extend(children(value)),
        Step::Anywhere(name) => anywhere(value, name.as_deref(), next, visits)?,
        Step::Where(path, comparison) => {
            for child in children(value) {
                *visits = visits.checked_sub(1).ok_or(JsonPathError::TooMuch)?;
                let left = match select(path, child, visits) {
                    Err(JsonPathError::NotFound(_)) => Vec::new(),
                    other => other?,
                };
                if left.first().is_some_and(|left| {
                    comparison.as_ref().is_none_or(|(operator, right)| holds(left, operator, right))
                }) {
                    next.push(child);
                }
            }
        }
    }
    Ok(())
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(elements) => elements.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

/// A value and all below it, or the fields of a name among them. Without recursion: JSON may be deep.
fn anywhere<'a>(
    value: &'a Value,
    name: Option<&str>,
    next: &mut Vec<&'a Value>,
    visits: &mut usize,
) -> Result<(), JsonPathError> {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        *visits = visits.checked_sub(1).ok_or(JsonPathError::TooMuch)?;
        match name {
            Some(name) => next.extend(value.get(name)),
            None => next.push(value),
        }
        open.extend(children(value).into_iter().rev());
    }
    Ok(())
}

fn holds(left: &Value, operator: &str, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::String(left), Value::String(right)) => left.partial_cmp(right),
        _ => match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ if left == right => Some(std::cmp::Ordering::Equal),
            _ => None,
        },
    };
    match (operator, order) {
        ("==", order) => order.is_some_and(std::cmp::Ordering::is_eq),
        ("!=", order) => order.is_none_or(std::cmp::Ordering::is_ne),
        (_, None) => false,
        ("<", Some(order)) => order.is_lt(),
        ("<=", Some(order)) => order.is_le(),
        (">", Some(order)) => order.is_gt(),
        (_, Some(order)) => order.is_ge(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn paths_select_what_kubectl_selects() {
        let json = json!({
            "a": {"b c": 1, "d.e": 2, "f": null}, "l": [10, 20, 30],
            "items": [{"n": "x", "v": 1}, {"n": "y", "v": 2, "deep": {"v": 9}}],
        });
        for (path, expected) in [
            ("{$}", json.clone()),
            ("", json.clone()),
            ("{$.a['b c']}", json!(1)),
            ("{.a[\"b c\"]}", json!(1)),
            ("$.a.d\\.e", json!(2)),
            ("{ $.a.f }", json!(null)),
            ("a.f", json!(null)),
            ("{.l[0]}", json!(10)),
            ("{.l[-1]}", json!(30)),
            ("{.l[1:]}", json!(20)),
            ("{.l[:-1]}", json!(10)),
            ("{.l[*]}", json!(10)),
            ("{.l}", json!([10, 20, 30])),
            ("{.items[*].v}", json!(1)),
            ("{.items[?(@.n==\"y\")].v}", json!(2)),
            ("{.items[?(@.v > 1)].n}", json!("y")),
            ("{.items[?(@.deep)].n}", json!("y")),
            ("{.items[?(@.n != 'x')].v}", json!(2)),
            ("{..deep.v}", json!(9)),
            ("{.*['b c']}", json!("error")),
        ] {
            let found = JsonPath::parse(path).unwrap().first(&json).cloned().unwrap_or(json!("error"));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let json = json!({"a": [1], "s": "text", "n": null});
        for path in [
            "{.b}",
            "{.a[1]}",
            "{.a[-2]}",
            "{.a.b}",
            "{.s[0]}",
            "{.n.x}",
            "{.a[?(@ > 1)]}",
            "{..z}",
            "{.a[3:]}",
        ] {
            let found = JsonPath::parse(path).unwrap().first(&json).cloned();
            assert!(matches!(found, Err(JsonPathError::NotFound(_))), "{path}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in [
            "{",
            "{$.a",
            "{.a}}",
            "{.a} {.b}",
            "{.}",
            "{.a[}",
            "{.a[]}",
            "{.a['b}",
            "{.a[x]}",
            "{.a[?(@.b=1)]}",
            "{.a[?(.b==1)]}",
            "{.a[?(@.b==c)]}",
            "{range .items[*]}{.a}{end}",
            "{.a,.b}",
            "{.a[0,1]}",
            "{.a[99999999999999999999]}",
        ] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn looking_everywhere_ends() {
        let wide = Value::Array(vec![json!([[[1, 2], [3]]]); 1000]);
        let path = JsonPath::parse("{..*..*..*..x}").unwrap();
        assert_eq!(path.first(&wide), Err(JsonPathError::TooMuch));
    }

    proptest! {
        #[test]
        fn any_path_is_answered(path in "[{}$.a\\[\\]*0-9:?(@=)'\" -]{0,24}") {
            if let Ok(path) = JsonPath::parse(&path) {
                let _ = path.first(&json!({"a": [{"a": 1}, [2, 3], "x"], "0": {"a": null}}));
            }
        }

        #[test]
        fn any_text_is_answered(path in any::<String>()) {
            let _ = JsonPath::parse(&path);
        }
    }
}
