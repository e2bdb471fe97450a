use serde::Deserializer;
use serde::de::{DeserializeOwned, Visitor, value::Error};
use serde::forward_to_deserialize_any;
use serde_json::json;

use super::*;

const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn parsed(spec: Value) -> Result<Wanted, ConfigProblem> {
    parse(&json!({"metadata": {"name": "one"}, "spec": spec}), "own")
}

#[test]
fn a_source_is_read_with_namespaces_that_are_the_controllers_own() {
    let https = json!({
        "url": "https://x.test/p.wasm",
        "headers": [{"name": "Authorization", "secretKeyRef": {"name": "s", "key": "token"}}],
        "headersFrom": [{"secretRef": {"name": "s", "namespace": "theirs"}}],
        "caRef": {"name": "ca"},
    });
    let wanted = parsed(json!({"name": "a/1", "source": {"https": https}, "sha256": HEX})).unwrap();
    let Source::Web(web) = wanted.source else { panic!("{:?}", wanted.source) };
    let key = |kind, name: &str, key: &str| KeyRef {
        kind,
        namespace: "own".to_owned(),
        name: name.to_owned(),
        key: key.to_owned(),
    };
    let one =
        HeaderSource::One { name: "Authorization".to_owned(), value: key(KeyKind::Secret, "s", "token") };
    let each = HeaderSource::Each { namespace: "theirs".to_owned(), name: "s".to_owned() };
    assert_eq!(web.headers, [one, each]);
    assert_eq!(web.ca, Some(key(KeyKind::ConfigMap, "ca", "ca.crt")));
    assert_eq!(wanted.sha256, HEX.parse().ok());
}

#[test]
fn digests_come_in_several_forms_and_may_be_missing() {
    let source = json!({"file": {"path": "/p.wasm"}});
    for text in [HEX.to_owned(), HEX.to_uppercase(), format!("sha256:{HEX}")] {
        let wanted = parsed(json!({"name": "a/1", "source": source, "sha256": text})).unwrap();
        assert_eq!(wanted.sha256, HEX.parse().ok(), "{text}");
    }
    // Said later, with what the bytes are and hash to.
    assert_eq!(parsed(json!({"name": "a/1", "source": source})).unwrap().sha256, None);
    assert_eq!(parsed(json!({"name": "a/1", "source": source, "sha256": ""})).unwrap().sha256, None);
}

#[test]
fn limits_are_quantities() {
    let limits = json!({"artifactSize": "32Mi", "memory": 1_000_000, "fuel": "2G", "callTimeout": "1500ms"});
    let wanted =
        parsed(json!({"name": "a/1", "source": {"builtin": {"name": "x"}}, "limits": limits})).unwrap();
    assert_eq!(wanted.limits.artifact_bytes, 32 << 20);
    assert_eq!(wanted.limits.memory_bytes, 1_000_000);
    assert_eq!(wanted.limits.fuel, 2_000_000_000);
    assert_eq!(wanted.limits.deadline, Duration::from_millis(1500));
}

#[test]
fn what_is_wrong_is_named_with_its_field_and_reason() {
    let cases = [
        (json!({"sorce": {}}), "spec", LoadReason::InvalidConfig),
        (json!({"source": {}}), "spec.source", LoadReason::InvalidConfig),
        (
            json!({"source": {"file": {"path": "/p"}, "builtin": {"name": "x"}}}),
            "spec.source",
            LoadReason::InvalidConfig,
        ),
        (json!({"source": {"file": {"path": "p"}}}), "spec.source.file.path", LoadReason::InvalidConfig),
        (
            json!({"source": {"https": {"url": "http://x.test"}}}),
            "spec.source.https.url",
            LoadReason::InvalidConfig,
        ),
        (
            json!({"source": {"configMap": {"name": "x", "names": ["y"], "key": "k"}}}),
            "spec.source.configMap",
            LoadReason::InvalidConfig,
        ),
        (json!({"sha256": "abc"}), "spec.sha256", LoadReason::InvalidConfig),
        (json!({"revoked": [HEX, "abc"]}), "spec.revoked[1]", LoadReason::InvalidConfig),
        (json!({"limits": {"memory": "much"}}), "spec.limits.memory", LoadReason::InvalidConfig),
        (json!({"limits": {"memory": "0"}}), "spec.limits.memory", LoadReason::InvalidConfig),
        (json!({"limits": {"artifactSize": "1Gi"}}), "spec.limits.artifactSize", LoadReason::InvalidConfig),
        (json!({"limits": {"callTimeout": "2m"}}), "spec.limits.callTimeout", LoadReason::InvalidConfig),
        (json!({"name": "a b"}), "spec.name", LoadReason::InvalidConfig),
        (json!({"failurePolicy": "strict"}), "spec.failurePolicy", LoadReason::InvalidConfig),
        (json!({"permissions": [{"kind": "Secret"}]}), "spec.permissions", LoadReason::Denied),
        (
            json!({"permissions": [{"kind": "Service"}, {"kind": "Service"}]}),
            "spec.permissions",
            LoadReason::InvalidConfig,
        ),
    ];
    for (change, field, reason) in cases {
        let mut spec = json!({"name": "a/1", "source": {"builtin": {"name": "x"}}});
        for (key, value) in change.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let problem = parsed(spec).expect_err(&change.to_string());
        assert_eq!(problem.reason, reason, "{problem:?}");
        assert!(problem.message.starts_with(field), "{field}: {problem:?}");
        assert!(!problem.hint.is_empty());
        assert_eq!(problem.origin, Origin::Resource("one".to_owned()));
    }
}

#[test]
fn no_name_reaches_into_another_path() {
    let secret = |name: &str, namespace: &str| json!({"name": name, "namespace": namespace, "key": "k"});
    let ways_out = ["../x", "a/b", "..", "", "A", "a%2fb", "a?b"];
    let sources = ways_out.iter().flat_map(|out| {
        let https = |field: &str, value: Value| json!({"https": {"url": "https://x.test", field: value}});
        [
            https("headers", json!([{"name": "X", "secretKeyRef": secret(out, "a")}])),
            https("headers", json!([{"name": "X", "secretKeyRef": secret("a", out)}])),
            https("headersFrom", json!([{"secretRef": {"name": out}}])),
            https("headersFrom", json!([{"secretRef": {"name": "a", "namespace": out}}])),
            https("caRef", secret(out, "a")),
            https("caRef", secret("a", out)),
            json!({"configMap": {"name": out, "key": "k"}}),
            json!({"configMap": {"names": ["a", out], "key": "k"}}),
            json!({"configMap": {"name": "a", "namespace": out, "key": "k"}}),
        ]
    });
    for source in sources {
        let problem = parsed(json!({"name": "a/1", "source": source})).expect_err(&source.to_string());
        assert_eq!(problem.reason, LoadReason::InvalidConfig, "{problem:?}");
        assert!(problem.message.starts_with("spec.source."), "{problem:?}");
    }
    let header = json!([{"name": "X: y\r\nZ", "secretKeyRef": secret("a", "a")}]);
    let source = json!({"https": {"url": "https://x.test", "headers": header}});
    assert!(parsed(json!({"name": "a/1", "source": source})).is_err());
}

/// The fields of a structure, as it names them when it is read.
struct Fields<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.extend(fields);
        Err(serde::de::Error::custom("only its fields are asked for"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("no structure"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<T: DeserializeOwned>() -> BTreeSet<String> {
    let mut fields = Vec::new();
    assert!(T::deserialize(Fields(&mut fields)).is_err());
    fields.into_iter().map(str::to_owned).collect()
}

#[test]
fn the_definition_has_the_fields_that_are_read() {
    let text = include_str!("../../../../deploy/helm/tidegate/crds/routerplugins.yaml");
    let definition: Value = serde_yaml_ng::from_str(text).unwrap();
    let version = &definition["spec"]["versions"][0];
    let resource = router_plugins();
    assert_eq!(definition["spec"]["group"], *resource.group);
    assert_eq!(definition["spec"]["names"]["kind"], *resource.kind);
    assert_eq!(definition["spec"]["names"]["plural"], *resource.plural);
    assert_eq!(version["name"], *resource.version);
    let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let defined = |path: &str| -> BTreeSet<String> {
        let mut schema = spec;
        for part in path.split('.').filter(|part| !part.is_empty()) {
            schema = if part == "[]" { &schema["items"] } else { &schema["properties"][part] };
        }
        schema["properties"].as_object().expect(path).keys().cloned().collect()
    };
    assert_eq!(defined(""), fields::<Spec>());
    assert_eq!(defined("source"), fields::<SourceSpec>());
    assert_eq!(defined("source.https"), fields::<HttpsSpec>());
    assert_eq!(defined("source.https.headers.[]"), fields::<HeaderSpec>());
    assert_eq!(defined("source.https.headers.[].secretKeyRef"), fields::<SecretKeyRef>());
    assert_eq!(defined("source.https.headersFrom.[]"), fields::<HeadersFrom>());
    assert_eq!(defined("source.https.headersFrom.[].secretRef"), fields::<SecretRef>());
    assert_eq!(defined("source.https.caRef"), fields::<CaRef>());
    assert_eq!(defined("source.configMap"), fields::<ConfigMapSpec>());
    assert_eq!(defined("source.file"), fields::<FileSpec>());
    assert_eq!(defined("source.builtin"), fields::<BuiltinSpec>());
    assert_eq!(defined("permissions.[]"), fields::<Permission>());
    assert_eq!(defined("limits"), fields::<LimitsSpec>());
}
