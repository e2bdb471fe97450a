//! A live cluster, which is only read.

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::Timestamp;
use tidegate_api::ApiError;
use tidegate_handover::{Holder, Listing, Outlook, Source, outlooks, survey};
use tidegate_kube::{Connection, Inspector};
use tidegate_shell::{PluginState, Settings, WatchKey};
use tokio::runtime::Runtime;

use super::{Preflight, Surroundings};
use crate::rbac::rules::{Needs, of_rollouts};

struct Cluster<'a> {
    inspector: &'a Inspector,
    runtime: &'a Runtime,
}

impl Source for Cluster<'_> {
    fn list(&mut self, watch: &WatchKey) -> Result<Option<Listing>, ApiError> {
        let listed = self.runtime.block_on(self.inspector.list(watch))?;
        Ok(listed.map(|(resource, objects)| Listing { resource, objects }))
    }
}

pub(super) fn look(
    arguments: &Preflight,
    settings: Settings,
    plugins: BTreeMap<String, PluginState>,
) -> anyhow::Result<(Vec<Outlook>, Surroundings)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("this process cannot make connections")?;
    let connection =
        Connection { kubeconfig: arguments.kubeconfig.clone(), context: arguments.context.clone() };
    let inspector = runtime.block_on(Inspector::connect(&connection))?;
    let mut surroundings = Surroundings::default();
    let mut needs = Needs::default();
    for version in plugins.values().filter_map(PluginState::version) {
        needs.add(version.router.description(), version.grant.as_deref());
    }
    let mut source = Cluster { inspector: &inspector, runtime: &runtime };
    let found = survey(settings, plugins.into(), &mut source, Timestamp::now())?;
    for (kind, why) in &found.forbidden {
        surroundings.notes.push(format!("{kind} cannot be read: {why}"));
    }
    runtime.block_on(async {
        look_at_lease(arguments, &inspector, &mut surroundings).await;
        look_at_rights(arguments, &inspector, &needs, &mut surroundings).await;
    });
    Ok((outlooks(&found), surroundings))
}

async fn look_at_lease(arguments: &Preflight, inspector: &Inspector, surroundings: &mut Surroundings) {
    let instance_id = arguments.instance_id.as_deref();
    match inspector.lease(&arguments.controller_namespace, instance_id).await {
        Ok(lease) => {
            let holder = lease.as_ref().and_then(|lease| lease.pointer("/spec/holderIdentity")?.as_str());
            surroundings.lease = holder.filter(|holder| !holder.is_empty()).map(|holder| {
                let whose = match Holder::of(holder) {
                    Holder::Argo => "argo-rollouts",
                    Holder::Tidegate => "tidegate",
                    Holder::Unknown => "unknown",
                };
                (holder.to_owned(), whose)
            });
        }
        Err(error) => surroundings.notes.push(format!("the lease cannot be read: {error}")),
    }
}

/// Asks for each right of the roles that `tidegate rbac` prints.
async fn look_at_rights(
    arguments: &Preflight,
    inspector: &Inspector,
    needs: &Needs,
    surroundings: &mut Surroundings,
) {
    let anyway = of_rollouts();
    let rules = [anyway.clone(), needs.rules(&anyway)].concat();
    for rule in rules.iter().filter(|rule| rule.resource_names.is_empty()) {
        for group in &rule.api_groups {
            for resource in &rule.resources {
                for verb in &rule.verbs {
                    match inspector.may(verb, group, resource, arguments.namespace.as_deref()).await {
                        Ok(true) => {}
                        Ok(false) => {
                            surroundings.missing_rights.push([verb.clone(), group.clone(), resource.clone()]);
                        }
                        Err(error) => {
                            let note = format!("rights could not be asked for: {error}");
                            surroundings.notes.push(note);
                            return;
                        }
                    }
                }
            }
        }
    }
}
