//! What the API server lets the controller do for a plugin, and what `kubectl get` shows of one.

use serde_json::json;
use tidegate_hostile::{Description, Value, router};
use tidegate_tests::{Controller, Fixture, eventually, servers};

use super::{apply, digest, expect_condition, router_plugins, temporary};

/// A router that reads `LimitRange`s, which no role of ours has.
fn unusual(fixture: &Fixture) -> Vec<u8> {
    let kind = Value::Record(vec![Value::text(""), Value::text("LimitRange")]);
    let none = || Value::List(Vec::new());
    let uses = vec![kind, Value::texts(&["v1"]), Value::texts(&["read"]), none(), none()];
    let description = Description {
        name: Value::text(&fixture.namespace),
        kinds: Value::List(vec![Value::Record(uses)]),
        ..Description::default()
    };
    router().answers("describe", &description.value()).build()
}

#[test]
fn a_kind_that_is_not_permitted_is_said_with_its_rule_and_shown_in_the_table() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "plugin-rights").await;
        let bytes = unusual(&fixture);
        let file = servers.file(&format!("{}.wasm", fixture.namespace));
        std::fs::write(&file, &bytes).unwrap();
        let hash = digest(&bytes).to_string();
        let _removed = temporary(&fixture);
        apply(&fixture, json!({"source": {"file": {"path": file}}, "sha256": hash})).await;
        let _controller = Controller::start_ready(servers, &fixture.namespace, &[]).await;
        let rule = expect_condition(&fixture, "Permitted", "False", "Forbidden").await;
        let expected =
            "- apiGroups: [\"\"]\n  resources: [\"limitranges\"]\n  verbs: [\"get\", \"list\", \"watch\"]";
        assert!(rule.contains(expected), "{rule}");
        expect_condition(&fixture, "Compatible", "True", "Compatible").await;
        expect_condition(&fixture, "Ready", "False", "Forbidden").await;

        let path = format!("/apis/tidegate.dev/v1alpha1/{}/{}", router_plugins().plural, fixture.namespace);
        eventually("the table of kubectl has it", || async {
            let table = fixture.admin.table(&path).await.map_err(|error| error.to_string())?;
            let names = table["columnDefinitions"].as_array().into_iter().flatten();
            let names: Vec<&str> = names.filter_map(|column| column["name"].as_str()).collect();
            let cells = table["rows"][0]["cells"].as_array().cloned().unwrap_or_default();
            let row = [
                json!(fixture.namespace),
                json!("False"),
                json!("0.1.0"),
                json!(&hash[..12]),
                json!("Forbidden"),
            ];
            let is_so =
                names == ["Name", "Ready", "Version", "Digest", "Reason", "Age"] && cells.starts_with(&row);
            if is_so { Ok(()) } else { Err(table.to_string()) }
        })
        .await;
    });
}
