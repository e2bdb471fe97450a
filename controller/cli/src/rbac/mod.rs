//! `tidegate rbac`: the roles that a controller with these plugins needs, and no more.

mod manifests;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use tidegate_runtime::{Runtime, RuntimeSettings};

use crate::arguments::Plugins;
use crate::{permissions, plugins};

use manifests::Install;
use rules::Needs;

#[derive(Debug, Args)]
pub(crate) struct Rbac {
    #[command(flatten)]
    plugins: Plugins,
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
    let needs = needs(&arguments.plugins)?;
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
fn needs(arguments: &Plugins) -> anyhow::Result<Needs> {
    let grants = permissions::read(arguments.router_plugin_permissions.as_deref())?;
    let runtime = Runtime::new(RuntimeSettings::default()).context("cannot start the WebAssembly runtime")?;
    let mut needs = Needs::default();
    let mut failures = BTreeSet::new();
    for loaded in plugins::load(&runtime, &arguments.router_plugins) {
        match &loaded.result {
            Ok(router) => {
                needs.add(router.description(), grants.get(&loaded.name).map(|grant| &**grant));
            }
            Err(error) => {
                let (name, location) = (&loaded.name, &loaded.location);
                failures.insert(format!(
                    "plugin {name} ({location}): {}: {}; {}",
                    error.reason, error.message, error.hint
                ));
            }
        }
    }
    if !failures.is_empty() {
        let failures: Vec<String> = failures.into_iter().collect();
        bail!("what they need is known only of plugins that can be loaded\n{}", failures.join("\n"));
    }
    Ok(needs)
}
