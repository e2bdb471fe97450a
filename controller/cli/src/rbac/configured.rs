//! Which plugins are configured, by flags and by manifests, and what of their configuration the roles depend on.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tidegate_api::object;
use tidegate_contract::Router;
use tidegate_plugins::{ARGO_CONFIG, Catalogue, ConfigMapSource, Source, Wanted, WebSource, merge};
use tidegate_runtime::{Artifact, LimitedSource, LoadError, LoadReason, Location, Runtime, Stage};
use tidegate_simulate::manifests;

use crate::files;
use crate::plugins::{self, RouterPlugin};

/// Objects of manifests, as far as plugins are concerned.
#[derive(Default)]
pub(super) struct Manifests {
    resources: Vec<Value>,
    config_maps: Vec<Value>,
}

impl Manifests {
    /// Reads the files. Of other kinds there may be manifests too; they do not matter.
    pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<Self> {
        let mut objects = Vec::new();
        for file in files::read(files)? {
            objects.extend(manifests::parse(&file.name, &file.content)?);
        }
        Ok(Self::of(objects))
    }

    pub(super) fn of(objects: Vec<Value>) -> Self {
        let mut manifests = Self::default();
        for object in objects {
            let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
            match (text("apiVersion").split('/').next(), text("kind")) {
                (Some("tidegate.dev"), "RouterPlugin") => manifests.resources.push(object),
                (Some("v1"), "ConfigMap") => manifests.config_maps.push(object),
                _ => {}
            }
        }
        manifests
    }

    /// What is configured altogether, for a controller in this namespace.
    pub(super) fn merge(&self, flags: &[Wanted], namespace: &str) -> Catalogue {
        merge(&self.resources, self.config_map(namespace, ARGO_CONFIG, namespace), flags, namespace)
    }

    /// A ConfigMap; one whose manifest names no namespace is in the controller's own.
    fn config_map(&self, namespace: &str, name: &str, own_namespace: &str) -> Option<&Value> {
        self.config_maps.iter().find(|map| {
            let found = object::namespace(map);
            let found = if found.is_empty() { own_namespace } else { found };
            found == namespace && object::name(map) == name
        })
    }

    /// Loads a plugin, as far as that is possible without a cluster.
    pub(super) fn load(
        &self,
        runtime: &Runtime,
        wanted: &Wanted,
        own_namespace: &str,
    ) -> Result<Arc<dyn Router>, LoadError> {
        let location = match &wanted.source {
            Source::Builtin(name) => Location::Builtin(name.clone()),
            Source::File(path) => Location::File(path.clone()),
            Source::Web(web) if needs_nothing_of_the_cluster(web) => Location::Web(web.url.clone()),
            Source::ConfigMap(source) => {
                let artifact = self.artifact(source, wanted, own_namespace)?;
                return Ok(runtime.load(&artifact, &wanted.limits, &mut |_, _| {})?);
            }
            Source::Web(_) | Source::Stored(_) => {
                return Err(LoadError::new(
                    Stage::Read,
                    LoadReason::Forbidden,
                    "getting it takes headers, an authority or a proxy of the cluster",
                    "give a manifest in which spec.source is the file: {path: /WHERE/IT/IS}",
                ));
            }
        };
        let allow_http = matches!(&wanted.source, Source::Web(web) if web.allow_http);
        let source = tidegate_runtime::Source { location, sha256: wanted.sha256 };
        let from = LimitedSource { source, limits: wanted.limits.clone(), allow_http };
        plugins::load_one(runtime, &RouterPlugin { name: wanted.name.clone(), from })
    }

    fn artifact(
        &self,
        source: &ConfigMapSource,
        wanted: &Wanted,
        own_namespace: &str,
    ) -> Result<Artifact, LoadError> {
        let mut bytes = Vec::new();
        for name in &source.names {
            let map = self.config_map(&source.namespace, name, own_namespace);
            let text = map
                .and_then(|map| map.get("binaryData")?.get(&source.key)?.as_str())
                .and_then(|text| STANDARD.decode(text).ok());
            bytes.extend(text.ok_or_else(|| {
                LoadError::new(
                    Stage::Read,
                    LoadReason::Unreachable,
                    format!(
                        "no manifest has the ConfigMap {}/{name} with the key {} under binaryData",
                        source.namespace, source.key
                    ),
                    "name the file with its manifest, too",
                )
            })?);
        }
        Artifact::from_bytes(bytes, "the ConfigMap", wanted.sha256, wanted.limits.artifact_bytes)
    }
}

fn needs_nothing_of_the_cluster(web: &WebSource) -> bool {
    web.headers.is_empty() && web.ca.is_none() && web.proxy.is_none()
}
