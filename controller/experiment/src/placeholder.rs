//! `{{templates.<name>.podTemplateHash}}` and its like in the arguments of an analysis.

use std::collections::BTreeMap;

use serde_json::Value;

/// What placeholders stand for, by what is between the braces.
pub(crate) type Known = BTreeMap<String, String>;

/// The arguments with what placeholders stand for.
///
/// # Errors
/// A placeholder that stands for nothing.
pub(crate) fn fill_in(arguments: &Value, known: &Known) -> Result<Value, String> {
    let mut filled = arguments.clone();
    for argument in filled.as_array_mut().into_iter().flatten() {
        if let Some(Value::String(text)) = argument.get_mut("value") {
            *text = in_text(text, known)?;
        }
    }
    Ok(filled)
}

fn in_text(text: &str, known: &Known) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, placeholder)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, after)) = placeholder.split_once("}}") else {
            return Err(format!("{text:?} begins a placeholder that has no end; close it with }}}}"));
        };
        let value = known.get(name.trim()).ok_or_else(|| {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            format!("failed to resolve {{{{{name}}}}}; there are {}", names.join(", "))
        })?;
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn placeholders_are_filled_in() {
        let known = Known::from([("templates.a.podTemplateHash".to_owned(), "abc".to_owned())]);
        let value = |text: &str| fill_in(&json!([{"name": "x", "value": text}, {"name": "y"}, 3]), &known);
        let expected = json!([{"name": "x", "value": "-abc-abc"}, {"name": "y"}, 3]);
        assert_eq!(value("-{{templates.a.podTemplateHash}}-{{ templates.a.podTemplateHash }}"), Ok(expected));
        for text in ["{{templates.b.podTemplateHash}}", "{{", "{{}}"] {
            assert!(value(text).is_err(), "{text}");
        }
        assert_eq!(fill_in(&json!("odd"), &known), Ok(json!("odd")));
    }
}
