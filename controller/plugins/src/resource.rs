//! The `RouterPlugin` resource: from what somebody wrote to a plugin that is wanted.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use tidegate_api::{Resource, object};
use tidegate_artifact::{Limits, LoadReason, quantity};
use tidegate_contract::Digest;
use tidegate_route::{Grant, GrantError, Permission};
use url::Url;

use crate::names;
use crate::problem::{ConfigProblem, Wrong};
use crate::source::{ConfigMapSource, HeaderSource, KeyKind, KeyRef, Source, WebSource};
use crate::wanted::{FailurePolicy, Origin, Wanted};

/// Group, version, kind and plural of router plugins.
pub fn router_plugins() -> Resource {
    Resource::cluster_scoped("tidegate.dev", "v1alpha1", "RouterPlugin", "routerplugins")
}

/// The largest component that can be asked for: compiling takes some twenty times its size in memory.
const LARGEST_ARTIFACT: u64 = 256 << 20;

/// The largest memory that can be asked for: what 32-bit guests can address.
const LARGEST_MEMORY: u64 = 4 << 30;

/// The longest time that one call can be given.
const LONGEST_CALL: Duration = Duration::from_mins(1);

/// As it is written. Fields that are not here are errors, so that a misspelt one is not a default.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    name: String,
    source: SourceSpec,
    sha256: Option<String>,
    config: Option<Map<String, Value>>,
    #[serde(default)]
    failure_policy: Policy,
    permissions: Option<Vec<Permission>>,
    #[serde(default)]
    limits: LimitsSpec,
    #[serde(default)]
    revoked: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum Policy {
    #[default]
    Lenient,
    Strict,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SourceSpec {
    https: Option<HttpsSpec>,
    config_map: Option<ConfigMapSpec>,
    file: Option<FileSpec>,
    builtin: Option<BuiltinSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HttpsSpec {
    url: String,
    #[serde(default)]
    headers: Vec<HeaderSpec>,
    #[serde(default)]
    headers_from: Vec<HeadersFrom>,
    ca_ref: Option<CaRef>,
    proxy: Option<String>,
    #[serde(default, rename = "allowHTTP")]
    allow_http: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeaderSpec {
    name: String,
    secret_key_ref: SecretKeyRef,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecretKeyRef {
    namespace: Option<String>,
    name: String,
    key: String,
}

/// All keys of a Secret as headers; Argo's ConfigMap has the same.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HeadersFrom {
    pub(crate) secret_ref: SecretRef,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SecretRef {
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CaRef {
    #[serde(default)]
    kind: CaKind,
    namespace: Option<String>,
    name: String,
    key: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum CaKind {
    #[default]
    ConfigMap,
    Secret,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigMapSpec {
    namespace: Option<String>,
    name: Option<String>,
    #[serde(default)]
    names: Vec<String>,
    key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSpec {
    path: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuiltinSpec {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LimitsSpec {
    artifact_size: Option<Quantity>,
    memory: Option<Quantity>,
    fuel: Option<Quantity>,
    call_timeout: Option<String>,
}

/// A number, or a text like `32Mi`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a quantity, for example 32Mi")]
enum Quantity {
    Number(u64),
    Text(String),
}

/// What a `RouterPlugin` asks for. Namespaces that it does not name are the controller's own.
///
/// # Errors
/// When it cannot be understood, contradicts itself, or asks for what no plugin gets.
pub fn parse(resource: &Value, own_namespace: &str) -> Result<Wanted, ConfigProblem> {
    let origin = Origin::Resource(object::name(resource).to_owned());
    let name = resource.pointer("/spec/name").and_then(Value::as_str);
    let spec = resource.get("spec").unwrap_or(&Value::Null);
    let wanted = serde_path_to_error::deserialize(spec)
        .map_err(|error| {
            let path = error.path().to_string();
            let at = if path == "." { "spec".to_owned() } else { format!("spec.{path}") };
            Wrong::new(format!("{at}: {}", error.inner()), "see `kubectl explain routerplugin.spec`")
        })
        .and_then(|spec| wanted(spec, &origin, own_namespace));
    // Also of what is wrong otherwise: a controller that must not start without it must not start with a mistake in it.
    let is_strict = spec.get("failurePolicy").and_then(Value::as_str) == Some("Strict");
    let failure_policy = if is_strict { FailurePolicy::Strict } else { FailurePolicy::Lenient };
    wanted.map_err(|wrong| ConfigProblem { failure_policy, ..wrong.of(&origin, name) })
}

fn wanted(spec: Spec, origin: &Origin, own_namespace: &str) -> Result<Wanted, Wrong> {
    if spec.name.is_empty() || spec.name.len() > 253 || spec.name.chars().any(char::is_whitespace) {
        return Err(Wrong::new(
            format!("spec.name: {:?} is no name of a plugin", spec.name),
            "write the key that Rollouts have under trafficRouting.plugins, for example example.com/split",
        ));
    }
    let sha256 = spec.sha256.as_deref().filter(|hex| !hex.is_empty());
    let sha256 = sha256.map(|hex| digest("spec.sha256", hex)).transpose()?;
    let revoked = spec
        .revoked
        .iter()
        .enumerate()
        .map(|(index, hex)| digest(&format!("spec.revoked[{index}]"), hex))
        .collect::<Result<BTreeSet<_>, _>>()?;
    let grant = spec.permissions.map(Grant::new).transpose().map_err(|error| not_granted(&error))?;
    Ok(Wanted {
        name: spec.name,
        origin: origin.clone(),
        source: source(spec.source, own_namespace)?,
        sha256,
        limits: limits(&spec.limits)?,
        settings: Value::Object(spec.config.unwrap_or_default()).to_string().into(),
        grant: grant.map(Arc::new),
        failure_policy: match spec.failure_policy {
            Policy::Lenient => FailurePolicy::Lenient,
            Policy::Strict => FailurePolicy::Strict,
        },
        revoked,
    })
}

fn not_granted(error: &GrantError) -> Wrong {
    let (reason, hint) = match error {
        GrantError::NeverRead(_) | GrantError::NeverWritten(_) => (
            LoadReason::Denied,
            "grant only what a router may ever get; `tidegate plugin inspect` shows what the plugin asks for",
        ),
        _ => (LoadReason::InvalidConfig, "see `kubectl explain routerplugin.spec.permissions`"),
    };
    Wrong { reason, message: format!("spec.permissions: {error}"), hint: hint.to_owned() }
}

/// The digests that a `RouterPlugin` revokes, whatever else is wrong with it.
pub(crate) fn revoked(resource: &Value) -> impl Iterator<Item = Digest> {
    let texts = resource.pointer("/spec/revoked").and_then(Value::as_array);
    texts.into_iter().flatten().filter_map(|text| text.as_str()?.parse().ok())
}

pub(crate) fn digest(field: &str, hex: &str) -> Result<Digest, Wrong> {
    hex.parse().map_err(|error| {
        Wrong::new(
            format!("{field}: {hex:?}: {error}"),
            "write what `tidegate plugin digest` or `sha256sum` prints for the component",
        )
    })
}

/// The namespace that is named, or the controller's own.
fn namespace(field: &str, given: Option<String>, own: &str) -> Result<String, Wrong> {
    given.map_or_else(|| Ok(own.to_owned()), |name| names::object(&format!("{field}.namespace"), name))
}

fn key_ref(
    field: &str,
    kind: KeyKind,
    (given, name, key): (Option<String>, String, String),
    own: &str,
) -> Result<KeyRef, Wrong> {
    Ok(KeyRef {
        kind,
        namespace: namespace(field, given, own)?,
        name: names::object(&format!("{field}.name"), name)?,
        key: names::key(&format!("{field}.key"), key)?,
    })
}

fn source(spec: SourceSpec, own_namespace: &str) -> Result<Source, Wrong> {
    let SourceSpec { https, config_map, file, builtin } = spec;
    match (https, config_map, file, builtin) {
        (Some(https), None, None, None) => web(https, own_namespace),
        (None, Some(maps), None, None) => config_maps(maps, own_namespace).map(Source::ConfigMap),
        (None, None, Some(FileSpec { path }), None) if path.is_absolute() => Ok(Source::File(path)),
        (None, None, Some(FileSpec { path }), None) => Err(Wrong::new(
            format!("spec.source.file.path: {} is not absolute", path.display()),
            "write the path from the root, where the read-only volume is mounted",
        )),
        (None, None, None, Some(BuiltinSpec { name })) => Ok(Source::Builtin(name)),
        _ => Err(Wrong::new(
            "spec.source: exactly one of https, configMap, file and builtin must be there",
            "say once where the bytes are",
        )),
    }
}

fn config_maps(spec: ConfigMapSpec, own_namespace: &str) -> Result<ConfigMapSource, Wrong> {
    const FIELD: &str = "spec.source.configMap";
    let names = match (spec.name, spec.names) {
        (Some(name), names) if names.is_empty() => vec![name],
        (None, names) if !names.is_empty() => names,
        _ => {
            return Err(Wrong::new(
                format!("{FIELD}: exactly one of name and names must be there"),
                "write name for one ConfigMap, or names, in order, for bytes that are split over several",
            ));
        }
    };
    let named = |name| names::object(&format!("{FIELD}.names"), name);
    Ok(ConfigMapSource {
        namespace: namespace(FIELD, spec.namespace, own_namespace)?,
        names: names.into_iter().map(named).collect::<Result<_, _>>()?,
        key: names::key(&format!("{FIELD}.key"), spec.key)?,
    })
}

fn web(spec: HttpsSpec, own_namespace: &str) -> Result<Source, Wrong> {
    const FIELD: &str = "spec.source.https";
    let url = web_url(&format!("{FIELD}.url"), &spec.url, spec.allow_http)?;
    let one =
        spec.headers.into_iter().enumerate().map(|(index, HeaderSpec { name, secret_key_ref: from })| {
            let field = format!("{FIELD}.headers[{index}]");
            let place = (from.namespace, from.name, from.key);
            let value = key_ref(&format!("{field}.secretKeyRef"), KeyKind::Secret, place, own_namespace)?;
            Ok(HeaderSource::One { name: names::header(&format!("{field}.name"), name)?, value })
        });
    let each = spec.headers_from.into_iter().enumerate().map(|(index, HeadersFrom { secret_ref })| {
        let field = format!("{FIELD}.headersFrom[{index}].secretRef");
        Ok(HeaderSource::Each {
            namespace: namespace(&field, secret_ref.namespace, own_namespace)?,
            name: names::object(&format!("{field}.name"), secret_ref.name)?,
        })
    });
    let headers = one.chain(each).collect::<Result<_, _>>()?;
    let ca = spec.ca_ref.map(|ca| {
        let kind = match ca.kind {
            CaKind::ConfigMap => KeyKind::ConfigMap,
            CaKind::Secret => KeyKind::Secret,
        };
        let key = ca.key.unwrap_or_else(|| "ca.crt".to_owned());
        key_ref(&format!("{FIELD}.caRef"), kind, (ca.namespace, ca.name, key), own_namespace)
    });
    let ca = ca.transpose()?;
    let proxy = spec.proxy.map(|text| {
        Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(|| {
            Wrong::new("spec.source.https.proxy is no URL of a proxy", "write http://HOST:PORT")
        })
    });
    Ok(Source::Web(Box::new(WebSource {
        url,
        headers,
        ca,
        proxy: proxy.transpose()?,
        allow_http: spec.allow_http,
    })))
}

/// A URL of a plugin, as flags have it too: without what should not be read in a configuration.
pub(crate) fn web_url(field: &str, text: &str, allow_http: bool) -> Result<Url, Wrong> {
    let location = text.parse::<tidegate_artifact::Location>();
    let url = match location {
        Ok(tidegate_artifact::Location::Web(url)) => url,
        Ok(_) => {
            return Err(Wrong::new(format!("{field}: {text:?} is no URL"), "write https://HOST/PATH"));
        }
        Err(error) => return Err(Wrong::new(format!("{field}: {}", error.message), error.hint)),
    };
    if url.scheme() != "https" && !allow_http {
        return Err(Wrong::new(
            format!("{field}: plain http is not allowed for this plugin"),
            "write https://; or, where nobody else can be on the way, a RouterPlugin with spec.source.https.allowHTTP: true",
        ));
    }
    Ok(url)
}

fn limits(spec: &LimitsSpec) -> Result<Limits, Wrong> {
    let mut limits = Limits::default();
    if let Some(size) = &spec.artifact_size {
        limits.artifact_bytes = number("artifactSize", size, LARGEST_ARTIFACT)?;
    }
    if let Some(memory) = &spec.memory {
        limits.memory_bytes =
            usize::try_from(number("memory", memory, LARGEST_MEMORY)?).unwrap_or(usize::MAX);
    }
    if let Some(fuel) = &spec.fuel {
        limits.fuel = number("fuel", fuel, u64::MAX)?;
    }
    if let Some(text) = &spec.call_timeout {
        let timeout =
            text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
        limits.deadline =
            timeout.filter(|time| !time.is_zero() && *time <= LONGEST_CALL).ok_or_else(|| {
                Wrong::new(
                    format!("spec.limits.callTimeout: {text:?} is no time between 0 and 1 minute"),
                    "write for example 5s",
                )
            })?;
    }
    Ok(limits)
}

fn number(field: &str, value: &Quantity, most: u64) -> Result<u64, Wrong> {
    let (number, text) = match value {
        Quantity::Number(number) => (Some(*number), number.to_string()),
        Quantity::Text(text) => (quantity(text), text.clone()),
    };
    number.filter(|number| (1..=most).contains(number)).ok_or_else(|| {
        Wrong::new(
            format!("spec.limits.{field}: {text} is no number between 1 and {most}"),
            "write a whole number, with Ki, Mi, Gi, k, M or G behind it or without: 32Mi",
        )
    })
}

#[cfg(test)]
mod tests;
