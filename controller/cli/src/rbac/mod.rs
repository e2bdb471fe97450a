//! `tidegate rbac`: the roles that a controller with these plugins needs, and no more.

mod configured;
mod manifests;
pub(crate) mod rules;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use tidegate_plugins::{ConfigProblem, Wanted};
use tidegate_runtime::{LoadReason, Runtime, RuntimeSettings};

use crate::arguments::Plugins;
use crate::permissions;
use crate::plugins;

use configured::Manifests;
use manifests::Install;
use rules::Needs;

#[derive(Debug, Args)]
pub(crate) struct Rbac {
    #[command(flatten)]
    plugins: Plugins,
    /// Manifests (YAML or JSON) with `RouterPlugin` resources, the ConfigMap `argo-rollouts-config`, and ConfigMaps that
    /// plugins are in. A directory stands for all manifests in it; `-` is standard input. What they configure comes
    /// before what flags do.
    #[arg(long = "filename", short = 'f', value_name = "FILES")]
    files: Vec<PathBuf>,
    /// The namespace of the controller.
    #[arg(long, short, value_name = "NAMESPACE", default_value = "argo-rollouts")]
    namespace: String,
    /// The service account of the controller.
    #[arg(long, value_name = "NAME", default_value = "tidegate")]
    service_account: String,
    /// The name of the roles and of their bindings.
    #[arg(long, value_name = "NAME", default_value = "tidegate")]
    name: String,
    /// For a controller that looks after the Rollouts of its own namespace only (`tidegate controller --namespaced`).
    #[arg(long)]
    namespaced: bool,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Format::Yaml)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Documents to apply.
    Yaml,
    /// A `List` of them.
    Json,
}

pub(crate) fn run(arguments: Rbac) -> anyhow::Result<ExitCode> {
    let manifests = Manifests::read(&arguments.files)?;
    let needs = needs(&arguments.plugins, &manifests, &arguments.namespace)?;
    let install = Install {
        namespace: arguments.namespace,
        service_account: arguments.service_account,
        name: arguments.name,
        namespaced: arguments.namespaced,
    };
    let objects = install.objects(&needs);
    match arguments.output {
        Format::Yaml => {
            for object in &objects {
                anstream::print!("---\n{}", serde_yaml_ng::to_string(object)?);
            }
        }
        Format::Json => {
            let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
            anstream::println!("{}", serde_json::to_string_pretty(&list)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads the plugins, since only they know.
fn needs(arguments: &Plugins, manifests: &Manifests, namespace: &str) -> anyhow::Result<Needs> {
    let grants = permissions::read(arguments.router_plugin_permissions.as_deref())?;
    let runtime = Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")?;
    let flags: Vec<Wanted> =
        arguments.router_plugins.iter().map(|plugin| plugins::wanted(plugin, &grants)).collect();
    let catalogue = manifests.merge(&flags, namespace);
    let mut needs = Needs::default();
    let mut failures: Vec<String> = catalogue.problems.iter().map(ConfigProblem::text).collect();
    for wanted in catalogue.entries.values().flatten() {
        needs.add_references(&wanted.source);
        let mut serving = wanted;
        let mut loaded = manifests.load(&runtime, wanted, namespace);
        // What the controller does then, too: the native binary that Argo would run does not stand in the way.
        if let Err(error) = &loaded
            && error.reason == LoadReason::NotWasm
            && let Some(built_in) = catalogue.built_in.get(&wanted.name)
        {
            serving = built_in;
            loaded = manifests.load(&runtime, built_in, namespace);
        }
        match loaded {
            Ok(router) => needs.add(router.description(), serving.grant.as_deref()),
            Err(error) => failures
                .push(format!("plugin {}: {}: {}; {}", wanted.name, error.reason, error.message, error.hint)),
        }
    }
    if !failures.is_empty() {
        bail!("what they need is known only of plugins that can be loaded\n{}", failures.join("\n"));
    }
    Ok(needs)
}
