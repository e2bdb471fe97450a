//! Paths of fields as messages have them: `spec.template.metadata.labels["app.kubernetes.io/name"]`, `steps[2]`.

/// A path in its parts: names of fields, keys, indexes.
pub(crate) fn parts(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (part, after) = bracketed(inner);
            parts.push(part);
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            parts.push(name.to_owned());
            rest = after;
        }
    }
    parts
}

/// What stands before the closing bracket, and what follows it.
fn bracketed(text: &str) -> (String, &str) {
    let mut quoted = serde_json::Deserializer::from_str(text).into_iter::<String>();
    if let Some(Ok(key)) = quoted.next() {
        let after = text.get(quoted.byte_offset()..).unwrap_or_default();
        return (key, after.strip_prefix(']').unwrap_or(after));
    }
    let (index, after) = text.split_once(']').unwrap_or((text, ""));
    (index.to_owned(), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart() {
        for (path, expected) in [
            ("", &[][..]),
            ("spec", &["spec"]),
            ("spec.steps[2].setWeight", &["spec", "steps", "2", "setWeight"]),
            (r#"a.plugins["x.y/z"].b"#, &["a", "plugins", "x.y/z", "b"]),
            (r#"a["q\"]"][0][1]"#, &["a", "q\"]", "0", "1"]),
            ("a[", &["a", ""]),
        ] {
            assert_eq!(parts(path), expected, "{path}");
        }
    }
}
