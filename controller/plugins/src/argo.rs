//! The ConfigMap in which Argo Rollouts has its plugins, read as far as it is about traffic routers.
//!
//! Each entry stands for itself: one that is wrong does not concern the others. Where Argo does something that cannot be
//! right (a checksum that never matches, a mapping instead of a list that ends the controller), it is said instead.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tidegate_artifact::{Limits, Location};

use crate::names;
use crate::problem::{ConfigProblem, Wrong};
use crate::resource::{HeadersFrom, digest, web_url};
use crate::source::{HeaderSource, Source, WebSource};
use crate::wanted::{FailurePolicy, Origin, Wanted};

/// The name of Argo's ConfigMap, in the namespace of the controller.
pub const ARGO_CONFIG: &str = "argo-rollouts-config";

/// The key with the plugins that are traffic routers.
const ROUTERS: &str = "trafficRouterPlugins";

/// Keys of other plugins, which are not used.
const UNUSED: [&str; 2] = ["metricProviderPlugins", "stepPlugins"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: String,
    location: String,
    #[serde(default)]
    sha256: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    headers_from: Vec<HeadersFrom>,
}

/// What Argo's ConfigMap asks for, and what is wrong in it. Secrets are in the same namespace.
pub fn parse(config: &Value, namespace: &str) -> (Vec<Wanted>, Vec<ConfigProblem>) {
    let origin = Origin::ArgoConfig;
    let mut problems = Vec::new();
    let text = |key: &str| {
        config.get("data").and_then(|data| data.get(key)).and_then(Value::as_str).unwrap_or_default()
    };
    for key in UNUSED {
        let entries = serde_yaml_ng::from_str::<Vec<Value>>(text(key)).unwrap_or_default();
        if !entries.is_empty() {
            let wrong = Wrong::new(
                format!("{key} is not used: Tidegate has no plugins of this kind"),
                "nothing needs to be done where no Rollout needs them",
            );
            problems.push(wrong.of(&origin, None));
        }
    }
    let entries = match list(text(ROUTERS)) {
        Ok(entries) => entries,
        Err(wrong) => {
            problems.push(wrong.of(&origin, None));
            return (Vec::new(), problems);
        }
    };
    let mut wanted = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let name = entry.get("name").and_then(Value::as_str).map(str::to_owned);
        let at = format!("{ROUTERS}[{index}]");
        match parse_entry(entry, &at, namespace) {
            Ok(None) => {}
            Ok(Some(one)) if seen.insert(one.name.clone()) => wanted.push(one),
            Ok(Some(one)) => {
                let wrong = Wrong::new(
                    format!("{at}: {} is there twice; the first one counts", one.name),
                    "remove the one that is not meant",
                );
                problems.push(wrong.of(&origin, None));
            }
            Err(wrong) => problems.push(wrong.of(&origin, name.as_deref())),
        }
    }
    (wanted, problems)
}

fn list(text: &str) -> Result<Vec<Value>, Wrong> {
    const HINT: &str = "write a list: each plugin begins with \"- name:\". In Helm values, the key must not be nested a second time";
    match serde_yaml_ng::from_str::<Value>(text) {
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(Value::Array(entries)) => Ok(entries),
        Ok(Value::Object(_)) => Err(Wrong::new(format!("{ROUTERS} is a mapping, not a list"), HINT)),
        Ok(_) => Err(Wrong::new(format!("{ROUTERS} is a text, not a list"), HINT)),
        Err(error) => Err(Wrong::new(format!("{ROUTERS} is no YAML: {error}"), HINT)),
    }
}

fn parse_entry(entry: Value, at: &str, namespace: &str) -> Result<Option<Wanted>, Wrong> {
    let entry: Entry = serde_path_to_error::deserialize(entry).map_err(|error| {
        Wrong::new(
            format!("{at}.{}: {}", error.path(), error.inner()),
            "an entry has name, location, sha256, and may have args, headersFrom and disabled",
        )
    })?;
    if entry.disabled {
        return Ok(None);
    }
    if !is_name(&entry.name) {
        return Err(Wrong::new(
            format!("{at}.name: {:?} is not of the form NAMESPACE/NAME", entry.name),
            "write letters, digits and -, then a slash, then letters, digits, -, _ and .: example.com/split has a dot \
             too many on the left, argoproj-labs/gatewayAPI is right",
        ));
    }
    let sha256 = match entry.sha256.as_str() {
        "" => None,
        hex if hex.len() == 64 || hex.starts_with("sha256:") => Some(digest(&format!("{at}.sha256"), hex)?),
        hex => {
            return Err(Wrong::new(
                format!("{at}.sha256: {} characters are no SHA-256 digest, which has 64", hex.len()),
                "write what `tidegate plugin digest` or `sha256sum` prints for the component",
            ));
        }
    };
    let field = format!("{at}.location");
    Ok(Some(Wanted {
        source: source(&field, &entry.location, entry.headers_from, namespace)?,
        name: entry.name,
        origin: Origin::ArgoConfig,
        sha256,
        limits: Limits::default(),
        settings: settings(entry.args).to_string().into(),
        grant: None,
        failure_policy: FailurePolicy::default(),
        revoked: BTreeSet::new(),
    }))
}

fn source(field: &str, location: &str, headers: Vec<HeadersFrom>, namespace: &str) -> Result<Source, Wrong> {
    if location.starts_with("http://") || location.starts_with("https://") {
        let url = web_url(field, location, false)?;
        let headers = headers.into_iter().map(|from| {
            let name = names::object("headersFrom: secretRef.name", from.secret_ref.name)?;
            // Argo knows no namespace here, and a ConfigMap of it should not begin to reach further.
            Ok(HeaderSource::Each { namespace: namespace.to_owned(), name })
        });
        let headers = headers.collect::<Result<_, Wrong>>()?;
        return Ok(Source::Web(Box::new(WebSource {
            url,
            headers,
            ca: None,
            proxy: None,
            allow_http: false,
        })));
    }
    let refused = |message: String| {
        Wrong::new(format!("{field}: {message}"), "write https://HOST/PATH, file:///PATH or builtin:NAME")
    };
    match location.parse::<Location>() {
        Ok(Location::File(path)) if location.starts_with("file://") => Ok(Source::File(path)),
        Ok(Location::Builtin(name)) => Ok(Source::Builtin(name)),
        Ok(_) => Err(refused(format!("{location:?} is neither a URL nor built in"))),
        Err(error) => Err(refused(error.message)),
    }
}

/// Argo's rule for names of plugins.
fn is_name(name: &str) -> bool {
    let part = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    name.split_once('/').is_some_and(|(left, right)| part(left, "-") && part(right, "-_."))
}

/// What Argo starts a plugin's program with, as settings: those that are JSON objects as they are, one over the other, the
/// rest as a list of texts.
fn settings(args: Vec<String>) -> Value {
    let mut settings = Map::new();
    let mut rest = Vec::new();
    for arg in args {
        match serde_json::from_str::<Value>(&arg) {
            Ok(Value::Object(object)) => settings.extend(object),
            _ => rest.push(json!(arg)),
        }
    }
    if !rest.is_empty() {
        settings.insert("args".to_owned(), rest.into());
    }
    settings.into()
}

#[cfg(test)]
mod tests {
    use tidegate_artifact::LoadReason;

    use super::*;

    const HEX: &str = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";

    fn read(routers: &str) -> (Vec<Wanted>, Vec<ConfigProblem>) {
        parse(&json!({"data": {"trafficRouterPlugins": routers}}), "argo-rollouts")
    }

    #[test]
    fn entries_are_read_as_argo_has_them() {
        let (wanted, problems) = read(&format!(
            "- name: argoproj-labs/split\n  location: https://example.com/split.wasm\n  sha256: {HEX}\n  args: ['a', \
             '{{\"b\": 1}}']\n  headersFrom:\n  - secretRef: {{name: artifacts}}\n- name: a/off\n  location: file:///x\n  \
             disabled: true\n- name: a/file\n  location: file:///plugins/x.wasm\n"
        ));
        assert_eq!(problems, []);
        assert_eq!(wanted.len(), 2);
        let Source::Web(web) = &wanted[0].source else { panic!("{:?}", wanted[0].source) };
        assert_eq!(
            web.headers,
            [HeaderSource::Each { namespace: "argo-rollouts".to_owned(), name: "artifacts".to_owned() }]
        );
        assert_eq!(wanted[0].sha256, HEX.parse().ok());
        assert_eq!(&*wanted[0].settings, r#"{"b":1,"args":["a"]}"#);
        assert_eq!(wanted[1].source, Source::File("/plugins/x.wasm".into()));
        assert_eq!(wanted[1].sha256, None);
    }

    #[test]
    fn one_wrong_entry_does_not_concern_the_others() {
        let good = "- name: a/good\n  location: https://example.com/x.wasm\n";
        for bad in [
            "- name: bad\n  location: https://example.com/x\n",
            "- name: a/bad\n  location: http://example.com/x\n",
            "- name: a/bad\n  location: /plugins/x\n",
            "- name: a/bad\n  location: oci://example.com/x\n",
            "- name: a/bad\n  location: https://me:pass@example.com/x\n",
            "- name: a/bad\n  location: https://example.com/x\n  sha256: abc\n",
            "- name: a/bad\n  location: https://example.com/x\n  sha: abc\n",
            "- name: a/bad\n",
            "- just text\n",
            "- name: a/good\n  location: https://example.com/other\n",
        ] {
            let (wanted, problems) = read(&format!("{good}{bad}"));
            assert_eq!(wanted.len(), 1, "{bad}");
            assert_eq!(problems.len(), 1, "{bad}");
            assert_eq!(problems[0].reason, LoadReason::InvalidConfig);
            assert!(!problems[0].text().contains("pass@"), "{}", problems[0].text());
        }
    }

    #[test]
    fn what_is_no_list_is_said() {
        for text in ["trafficRouterPlugins:\n- name: a/b\n", "text", "[", "- {"] {
            let (wanted, problems) = read(text);
            assert!(wanted.is_empty());
            assert_eq!(problems.len(), 1, "{text}");
        }
        assert_eq!(read(""), (Vec::new(), Vec::new()));
        assert_eq!(parse(&json!({}), "x"), (Vec::new(), Vec::new()));
        let (wanted, problems) = parse(&json!({"data": {"stepPlugins": "- name: a/b"}}), "x");
        assert_eq!((wanted.len(), problems.len()), (0, 1));
    }
}
