//! Reading `CustomResourceDefinition`s.

use serde_json::Value;
use tidegate_api::Resource;

use super::{ScalePaths, ServeOptions};
use crate::json::{at, items, text};
use crate::schema::{Schema, SchemaError};

/// What a definition serves at its storage version.
pub(crate) fn read_definition(definition: &Value) -> Result<(Resource, ServeOptions), SchemaError> {
    let needed = |path: &[&str]| match text(definition, path) {
        "" => Err(SchemaError { path: path.join("."), problem: "it is missing".into() }),
        text => Ok(text),
    };
    let versions = items(definition, &["spec", "versions"]);
    let stored = versions.iter().find(|version| version.get("storage") == Some(&Value::Bool(true)));
    let Some(version) = stored else {
        let problem = "there is no storage version".into();
        return Err(SchemaError { path: "spec.versions".into(), problem });
    };
    let group = needed(&["spec", "group"])?;
    let kind = needed(&["spec", "names", "kind"])?;
    let plural = needed(&["spec", "names", "plural"])?;
    let mut resource = Resource::namespaced(group, text(version, &["name"]), kind, plural);
    resource.namespaced = needed(&["spec", "scope"])? == "Namespaced";
    let schema = match at(version, &["schema", "openAPIV3Schema"]) {
        Some(schema) => Some(Schema::from_openapi(schema)?),
        None => None,
    };
    let scale = at(version, &["subresources", "scale"]).map(|scale| {
        // `.spec.replicas` is `/spec/replicas` as a pointer.
        let pointer = |key: &str| text(scale, &[key]).replace('.', "/");
        ScalePaths {
            spec_replicas: pointer("specReplicasPath"),
            status_replicas: pointer("statusReplicasPath"),
            selector: pointer("labelSelectorPath"),
        }
    });
    let status = at(version, &["subresources", "status"]).is_some();
    Ok((resource, ServeOptions { status, scale, schema, validate: None }))
}
