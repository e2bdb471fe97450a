//! What can be said about JSON Schemas without knowing all of them: whether the text can be one, and whether a value
//! breaks one of the keywords that nearly all schemas are made of. A plugin is not judged by its schema at run time
//! (that is what `check` is for); it serves editors, so what it must not do is contradict the fixtures.

use serde_json::Value;

/// Keywords whose value is a schema.
const SCHEMAS: [&str; 7] =
    ["items", "contains", "additionalProperties", "propertyNames", "not", "if", "then"];
/// Keywords whose value is a list of schemas.
const LISTS: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
/// Keywords whose value is a map to schemas.
const MAPS: [&str; 4] = ["properties", "patternProperties", "$defs", "dependentSchemas"];
/// The types that there are.
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];

/// Reads a schema's text.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let schema: Value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    if let Some(dialect) = schema.get("$schema").and_then(Value::as_str)
        && !dialect.starts_with("https://json-schema.org/draft/2020-12/schema")
    {
        return Err(format!("it is written for {dialect}, and should be for draft 2020-12"));
    }
    form(&schema, "")?;
    Ok(schema)
}

fn form(schema: &Value, at: &str) -> Result<(), String> {
    let Value::Object(keywords) = schema else {
        return match schema {
            Value::Bool(_) => Ok(()),
            _ => Err(format!("at {at:?} there is no schema: an object, true or false")),
        };
    };
    for (keyword, value) in keywords {
        let place = format!("{at}/{keyword}");
        let wrong = |expected: &str| Err(format!("{place:?} is not {expected}"));
        if SCHEMAS.contains(&keyword.as_str()) {
            form(value, &place)?;
        } else if LISTS.contains(&keyword.as_str()) {
            let Some(schemas) = value.as_array().filter(|list| !list.is_empty()) else {
                return wrong("a list of schemas");
            };
            schemas.iter().try_for_each(|schema| form(schema, &place))?;
        } else if MAPS.contains(&keyword.as_str()) {
            let Some(schemas) = value.as_object() else { return wrong("a map to schemas") };
            schemas.iter().try_for_each(|(key, schema)| form(schema, &format!("{place}/{key}")))?;
        } else if keyword == "required" {
            if !value.as_array().is_some_and(|names| names.iter().all(Value::is_string)) {
                return wrong("a list of names");
            }
        } else if keyword == "type"
            && !types(value).is_some_and(|types| types.iter().all(|one| TYPES.contains(one)))
        {
            return wrong("a type, or a list of types");
        } else if keyword == "enum" && !value.is_array() {
            return wrong("a list of values");
        }
    }
    Ok(())
}

fn types(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => several.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// The first place where a value breaks a schema, in words. Keywords that are not known here are taken for kept.
pub(crate) fn violation(schema: &Value, value: &Value) -> Option<String> {
    breach(schema, value, "")
}

fn breach(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let Value::Object(keywords) = schema else {
        return (*schema == Value::Bool(false)).then(|| format!("nothing may be at {at:?}"));
    };
    let list = |keyword: &str| keywords.get(keyword).and_then(Value::as_array);
    if let Some(types) = keywords.get("type").and_then(types)
        && !types.iter().any(|one| is_of_type(value, one))
    {
        return Some(format!("{at:?} should be of type {}", types.join(" or ")));
    }
    if let Some(values) = list("enum")
        && !values.contains(value)
    {
        return Some(format!("{at:?} is {value}, which is none of the listed values"));
    }
    if let Some(constant) = keywords.get("const")
        && constant != value
    {
        return Some(format!("{at:?} is {value} and should be {constant}"));
    }
    let fails = |schema: &Value| breach(schema, value, at);
    if let Some(all) = list("allOf").and_then(|schemas| schemas.iter().find_map(fails)) {
        return Some(all);
    }
    if let Some(schemas) = list("anyOf")
        && schemas.iter().all(|schema| fails(schema).is_some())
    {
        return Some(format!("{at:?} is none of what it may be"));
    }
    match value {
        Value::Object(members) => {
            let properties = keywords.get("properties").and_then(Value::as_object);
            let missing = |name: &&str| !members.contains_key(*name);
            if let Some(name) = list("required").into_iter().flatten().filter_map(Value::as_str).find(missing)
            {
                return Some(format!("{at:?} lacks {name}"));
            }
            members.iter().find_map(|(key, member)| {
                let at = format!("{at}/{key}");
                match properties.and_then(|properties| properties.get(key)) {
                    Some(schema) => breach(schema, member, &at),
                    None if keywords.contains_key("patternProperties") => None,
                    None => breach(keywords.get("additionalProperties")?, member, &at),
                }
            })
        }
        Value::Array(elements) => {
            let skipped = list("prefixItems").map_or(0, Vec::len);
            let schema = keywords.get("items")?;
            let mut elements = elements.iter().enumerate().skip(skipped);
            elements.find_map(|(index, element)| breach(schema, element, &format!("{at}/{index}")))
        }
        _ => None,
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match (value, name) {
        (Value::Null, "null")
        | (Value::Bool(_), "boolean")
        | (Value::Object(_), "object")
        | (Value::Array(_), "array")
        | (Value::Number(_), "number")
        | (Value::String(_), "string") => true,
        (Value::Number(number), "integer") => number.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{read, violation};

    #[test]
    fn texts_that_cannot_be_schemas() {
        for text in [
            "",
            "{",
            "1",
            "[]",
            r#"{"properties": []}"#,
            r#"{"type": "text"}"#,
            r#"{"required": "a"}"#,
            r#"{"anyOf": []}"#,
            r#"{"items": {"type": 1}}"#,
            r#"{"$schema": "http://json-schema.org/draft-07/schema#"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["{}", "true", r#"{"type": ["string", "null"], "minLength": 1}"#] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn values_break_schemas() {
        let schema = json!({
            "type": "object", "required": ["a"], "additionalProperties": false,
            "anyOf": [{"required": ["b"]}, {"required": ["c"]}],
            "properties": {"a": {"enum": [1, "x"]}, "b": {"items": {"type": "integer"}}, "c": {"const": 3}},
        });
        for (value, is_right) in [
            (json!({"a": 1, "b": [1, 2.0]}), true),
            (json!({"a": "x", "c": 3}), true),
            (json!({"a": 2, "c": 3}), false),
            (json!({"c": 3}), false),
            (json!({"a": 1}), false),
            (json!({"a": 1, "b": [1, 2.5]}), false),
            (json!({"a": 1, "c": 4}), false),
            (json!({"a": 1, "c": 3, "d": 0}), false),
            (json!([]), false),
        ] {
            assert_eq!(violation(&schema, &value).is_none(), is_right, "{value}");
        }
    }
}
