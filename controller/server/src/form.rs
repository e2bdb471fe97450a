//! In which form objects are answered.

use serde_json::{Map, Value, json};

/// Whole objects, or only their metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Metadata,
}

impl Form {
    /// The form that the header `Accept` prefers; of others than these two, as tables, whole objects.
    pub(crate) fn read(accept: &str) -> Self {
        let first = accept.split(',').next().unwrap_or_default();
        let is_partial =
            |part: &str| matches!(part.trim(), "as=PartialObjectMetadata" | "as=PartialObjectMetadataList");
        if first.split(';').any(is_partial) { Self::Metadata } else { Self::Whole }
    }

    /// The kind of a list of objects of this kind, and its `apiVersion`.
    pub(crate) fn list_type(self, kind: &str, api_version: String) -> (String, String) {
        match self {
            Self::Whole => (format!("{kind}List"), api_version),
            Self::Metadata => ("PartialObjectMetadataList".into(), "meta.k8s.io/v1".into()),
        }
    }

    /// Appends an object as JSON text. In lists of built-in kinds the items do not say what they are.
    pub(crate) fn write(self, object: &Value, with_type: bool, text: &mut Vec<u8>) {
        match (self, object) {
            (Self::Metadata, _) => append(&partial(object), text),
            (Self::Whole, Value::Object(fields)) if !with_type => {
                let rest = fields.iter().filter(|(key, _)| !matches!(key.as_str(), "kind" | "apiVersion"));
                for (index, (key, value)) in rest.enumerate() {
                    text.push(if index == 0 { b'{' } else { b',' });
                    append(&Value::from(key.as_str()), text);
                    text.push(b':');
                    append(value, text);
                }
                text.push(b'}');
            }
            (Self::Whole, object) => append(object, text),
        }
    }
}

fn partial(object: &Value) -> Value {
    let metadata = object.get("metadata").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

/// Appends a value as JSON text.
pub(crate) fn append(value: &Value, text: &mut Vec<u8>) {
    // Writing a value to memory does not fail.
    let _ = serde_json::to_writer(text, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form, with_type: bool) -> Value {
        let object =
            json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}, "spec": {"b": [1]}});
        let mut text = Vec::new();
        form.write(&object, with_type, &mut text);
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn objects_in_their_forms() {
        let whole = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}, "spec": {"b": [1]}});
        assert_eq!(written(Form::Whole, true), whole);
        assert_eq!(written(Form::Whole, false), json!({"metadata": {"name": "a"}, "spec": {"b": [1]}}));
        let partial = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}});
        assert_eq!(written(Form::Metadata, false), partial);
    }

    #[test]
    fn the_first_choice_counts() {
        let metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        for (accept, expected) in [
            ("application/json", Form::Whole),
            ("", Form::Whole),
            (metadata, Form::Metadata),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Form::Whole),
        ] {
            assert_eq!(Form::read(accept), expected, "{accept}");
        }
    }
}
