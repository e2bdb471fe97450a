//! Label and field selectors of lists and watches.

use serde_json::Value;
use tidegate_api::{ApiError, Resource, object};
use tidegate_cluster::Selector;

use crate::answer::bad_request;
use crate::query::Query;

/// Which objects a list or a watch is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    labels: Selector,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    path: String,
    equals: bool,
    value: String,
}

impl Selection {
    /// Reads the selectors of a query.
    pub(crate) fn read(resource: &Resource, query: &Query) -> Result<Self, ApiError> {
        let labels = match query.labels.as_deref() {
            None => Selector::default(),
            Some(text) => Selector::parse(text)
                .map_err(|error| bad_request(format!("unable to parse requirement: {error}")))?,
        };
        let requirements =
            query.fields.as_deref().unwrap_or_default().split(',').filter(|text| !text.is_empty());
        let fields = requirements.map(|text| Field::read(resource, text)).collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether it is about all objects.
    pub(crate) fn is_all(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether it is about this object.
    pub(crate) fn fits(&self, object: &Value) -> bool {
        let labels = || object.get("metadata").and_then(|metadata| metadata.get("labels"));
        (self.labels.is_empty() || self.labels.matches(labels()))
            && self.fields.iter().all(|field| field.fits(object))
    }
}

impl Field {
    fn read(resource: &Resource, text: &str) -> Result<Self, ApiError> {
        let (path, equals, value) = if let Some((path, value)) = text.split_once("!=") {
            (path, false, value)
        } else if let Some((path, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            (path, true, value)
        } else {
            return Err(bad_request(format!("invalid field selector {text:?}")));
        };
        let is_known = matches!(path, "metadata.name" | "metadata.namespace")
            || (resource.group.is_empty() && matches!(&*resource.kind, "Event" | "Pod"));
        if !is_known {
            let message = format!("field label not supported: {path}");
            return Err(bad_request(message));
        }
        Ok(Self { path: path.to_owned(), equals, value: value.to_owned() })
    }

    fn fits(&self, of: &Value) -> bool {
        let found = match self.path.as_str() {
            "metadata.name" => object::name(of),
            "metadata.namespace" => object::namespace(of),
            path => path
                .split('.')
                .try_fold(of, |value, key| value.get(key))
                .and_then(Value::as_str)
                .unwrap_or_default(),
        };
        (found == self.value) == self.equals
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_api::builtin;

    use super::*;

    fn fits(labels: &str, fields: &str) -> Result<bool, u16> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let query = Query { labels: some(labels), fields: some(fields), ..Query::default() };
        let selection = Selection::read(&builtin::rollouts(), &query).map_err(|error| error.code)?;
        Ok(selection
            .fits(&json!({"metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}})))
    }

    #[test]
    fn both_selectors_must_fit() {
        for (labels, fields, expected) in [
            ("", "", Ok(true)),
            ("app=web", "", Ok(true)),
            ("app!=web", "", Ok(false)),
            ("", "metadata.name=web", Ok(true)),
            ("", "metadata.name=other", Ok(false)),
            ("", "metadata.name!=other,metadata.namespace==shop", Ok(true)),
            ("app=other", "metadata.name=web", Ok(false)),
            ("", "spec.replicas=1", Err(400)),
            ("", "nonsense", Err(400)),
            ("a b c", "", Err(400)),
        ] {
            assert_eq!(fits(labels, fields), expected, "{labels} {fields}");
        }
    }
}
