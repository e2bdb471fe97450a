//! `--router-plugin-permissions`: what plugins may do, where that is less than they describe.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tidegate_route::{Grant, Permission};

/// Reads the file, if there is one: what each plugin that it names may do.
///
/// # Errors
/// When it cannot be read, is not what it should be, or grants what no plugin gets.
pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<BTreeMap<String, Arc<Grant>>> {
    let Some(file) = file else { return Ok(BTreeMap::new()) };
    let about = || format!("the permissions of router plugins in {}", file.display());
    let text = std::fs::read_to_string(file).with_context(about)?;
    parse(&text).with_context(about)
}

fn parse(text: &str) -> anyhow::Result<BTreeMap<String, Arc<Grant>>> {
    let named: BTreeMap<String, Vec<Permission>> = serde_yaml_ng::from_str(text)?;
    named
        .into_iter()
        .map(|(plugin, permissions)| {
            let grant = Grant::new(permissions).with_context(|| format!("plugin {plugin}"))?;
            Ok((plugin, Arc::new(grant)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plugin_gets_its_own() {
        let text = "\
a/b:
  - group: gateway.networking.k8s.io
    kind: HTTPRoute
    fields: [/spec/rules/*/backendRefs/*/weight]
c/d: []
";
        let grants = parse(text).unwrap();
        assert_eq!(grants.keys().collect::<Vec<_>>(), ["a/b", "c/d"]);
        assert_ne!(grants["a/b"], grants["c/d"]);
        assert!(read(None).unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("a/b: [{kind: Secret}]", "plugin a/b: Secret can never be granted"),
            ("a/b: [{kind: Service, field: [/spec]}]", "unknown field"),
            ("a/b: [{kind: Service, verbs: [write]}]", "unknown variant"),
            ("- a/b", "invalid type"),
            ("a: [", ""),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(read(Some(Path::new("/nowhere/permissions.yaml"))).is_err());
    }
}
