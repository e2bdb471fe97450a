//! Manifests as users write them: YAML or JSON, several documents in a file, `List` objects unfolded.

use serde::Deserialize;
use serde_json::Value;

/// A text that is not a list of Kubernetes manifests.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not YAML.
    #[error("{origin}, document {document}: not valid YAML: {message}")]
    NotYaml {
        /// Which file.
        origin: String,
        /// Which document in it, counted from 1.
        document: usize,
        /// On which line, if the parser says so.
        line: Option<usize>,
        /// What the parser says.
        message: String,
    },
    /// It is YAML, and not a manifest.
    #[error(
        "{origin}, document {document}: {field} is missing; every manifest needs apiVersion, kind and metadata.name"
    )]
    NotAManifest {
        /// Which file.
        origin: String,
        /// Which document in it, counted from 1.
        document: usize,
        /// What is missing.
        field: &'static str,
    },
}

impl ManifestError {
    /// The stable reason code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotYaml { .. } => "NotYaml",
            Self::NotAManifest { .. } => "NotAManifest",
        }
    }

    /// Which document it is about, counted from 1.
    pub const fn document(&self) -> usize {
        match self {
            Self::NotYaml { document, .. } | Self::NotAManifest { document, .. } => *document,
        }
    }

    /// Which line it is about, if that is known.
    pub const fn line(&self) -> Option<usize> {
        match self {
            Self::NotYaml { line, .. } => *line,
            Self::NotAManifest { .. } => None,
        }
    }

    /// What is wrong, without where.
    pub fn problem(&self) -> String {
        match self {
            Self::NotYaml { message, .. } => format!("not valid YAML: {message}"),
            Self::NotAManifest { field, .. } => {
                format!("{field} is missing; every manifest needs apiVersion, kind and metadata.name")
            }
        }
    }
}

/// An object and where it stands in its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The document, counted from 1.
    pub number: usize,
    /// Which item it is of a `List`, counted from 0; `None`: it is the document itself.
    pub item: Option<usize>,
    /// The object.
    pub object: Value,
}

/// All objects in a text, in its order. `origin` names the text in errors. Objects without a namespace keep
/// having none.
///
/// # Errors
/// When a document is not YAML, or lacks what every manifest has: the first one.
pub fn parse(origin: &str, text: &str) -> Result<Vec<Value>, ManifestError> {
    let (documents, errors) = documents(origin, text);
    match errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(documents.into_iter().map(|document| document.object).collect()),
    }
}

/// All objects in a text, in its order, and what is wrong with those documents that are none. After one that is not
/// YAML nothing more can be read.
pub fn documents(origin: &str, text: &str) -> (Vec<Document>, Vec<ManifestError>) {
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    for (index, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
        let number = index + 1;
        let value = match Value::deserialize(document) {
            Ok(value) => value,
            Err(error) => {
                let line = error.location().map(|location| location.line());
                let (origin, message) = (origin.to_owned(), error.to_string());
                errors.push(ManifestError::NotYaml { origin, document: number, line, message });
                break;
            }
        };
        if value.is_null() {
            continue; // comments only, or a trailing `---`
        }
        let objects: Vec<(Option<usize>, Value)> = match list_items(value) {
            Ok(items) => items.into_iter().enumerate().map(|(item, object)| (Some(item), object)).collect(),
            Err(object) => vec![(None, object)],
        };
        for (item, object) in objects {
            match checked(origin, number, object) {
                Ok(object) => documents.push(Document { number, item, object }),
                Err(error) => errors.push(error),
            }
        }
    }
    (documents, errors)
}

/// The items of a `List`, or the value itself.
fn list_items(value: Value) -> Result<Vec<Value>, Value> {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match value {
        Value::Object(mut fields) if is_list && fields.get("items").is_some_and(Value::is_array) => {
            match fields.remove("items") {
                Some(Value::Array(items)) => Ok(items),
                _ => Ok(Vec::new()),
            }
        }
        other => Err(other),
    }
}

fn checked(origin: &str, document: usize, object: Value) -> Result<Value, ManifestError> {
    for (pointer, field) in
        [("/apiVersion", "apiVersion"), ("/kind", "kind"), ("/metadata/name", "metadata.name")]
    {
        if object.pointer(pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(ManifestError::NotAManifest { origin: origin.to_owned(), document, field });
        }
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_lists_are_unfolded_in_order() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n# nothing\n---\napiVersion: v1\nkind: List\n\
                    items:\n- {apiVersion: v1, kind: Service, metadata: {name: b}}\n- {apiVersion: v1, kind: Service, metadata: {name: c}}\n";
        let names: Vec<String> = parse("x", text)
            .unwrap()
            .iter()
            .map(|object| tidegate_api::object::name(object).to_owned())
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn what_is_not_a_manifest_is_refused_by_document() {
        let error =
            parse("x.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\nkind: Service\n");
        assert!(matches!(error, Err(ManifestError::NotAManifest { document: 2, field: "apiVersion", .. })));
        assert!(matches!(parse("x.yaml", "a: [1"), Err(ManifestError::NotYaml { document: 1, .. })));
    }
}
