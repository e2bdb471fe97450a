//! Plans against a live cluster: one for each namespace that the Rollouts are in.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde_json::{Value, json};
use tidegate_api::object;
use tidegate_kube::{ConnectError, Connection, Reader};
use tidegate_plan::{Input, Listing, LiveError, Plan, Source, SourceError, plan_live};
use tidegate_shell::{PluginState, WatchKey};

use super::Live;

/// A live cluster, which can only be read.
struct Cluster<'a> {
    reader: &'a Reader,
    runtime: &'a tokio::runtime::Runtime,
}

impl Source for Cluster<'_> {
    fn list(&mut self, watch: &WatchKey) -> Result<Option<Listing>, SourceError> {
        let listed = self
            .runtime
            .block_on(self.reader.list(watch))
            .map_err(|error| SourceError { kind: watch.kind.to_string(), message: error.to_string() })?;
        Ok(listed.map(|listed| Listing { resource: listed.resource, objects: listed.objects }))
    }
}

pub(super) fn plans(
    live: &Live,
    input: Input,
    plugins: &BTreeMap<String, PluginState>,
) -> anyhow::Result<Vec<Plan>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("this process cannot make connections")?;
    let connection = Connection { kubeconfig: live.kubeconfig.clone(), context: live.context.clone() };
    let reader = runtime.block_on(Reader::connect(&connection))?;
    let home = live.namespace.clone().unwrap_or_else(|| reader.default_namespace().to_owned());
    let mut manifests = input.manifests.clone();
    for manifest in &mut manifests {
        if let Some(Value::Object(metadata)) = manifest.get_mut("metadata") {
            metadata.entry("namespace").or_insert_with(|| json!(home));
        }
    }
    let is_rollout = |object: &&Value| object.get("kind").and_then(Value::as_str) == Some("Rollout");
    let mut namespaces: BTreeSet<String> =
        manifests.iter().filter(is_rollout).map(|one| object::namespace(one).to_owned()).collect();
    if namespaces.is_empty() {
        // The plan says that there is nothing to plan.
        namespaces.insert(home);
    }
    let mut plans = Vec::new();
    for namespace in namespaces {
        let mut input = input.clone();
        input.manifests =
            manifests.iter().filter(|one| object::namespace(one) == namespace).cloned().collect();
        input.controller.namespace = Some(namespace);
        let mut source = Cluster { reader: &reader, runtime: &runtime };
        plans.push(plan_live(input, plugins, &mut source)?);
    }
    Ok(plans)
}

/// The stable code of an error that only live clusters have.
pub(super) fn reason(error: &anyhow::Error) -> Option<&'static str> {
    let of_plan = error.downcast_ref::<LiveError>().map(LiveError::reason);
    of_plan.or_else(|| error.downcast_ref::<ConnectError>().map(|_| "NoConnection"))
}
