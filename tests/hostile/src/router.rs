//! A guest that describes itself as routers do.

use crate::guest::Guest;
use crate::value::Value;

/// What a guest says of itself, any part of which may be something else than it should be.
#[derive(Clone, Debug)]
pub struct Description {
    /// Its name, a text.
    pub name: Value,
    /// Its features, a list of texts.
    pub features: Value,
    /// The kinds that it uses, a list.
    pub kinds: Value,
    /// A text with a JSON Schema.
    pub config_schema: Value,
}

impl Default for Description {
    /// What a router says that divides by weights, and needs no objects.
    fn default() -> Self {
        Self {
            name: Value::text("hostile"),
            features: Value::texts(&["weights"]),
            kinds: Value::List(Vec::new()),
            config_schema: Value::text("{}"),
        }
    }
}

impl Description {
    /// The answer of `describe`.
    pub fn value(self) -> Value {
        let Self { name, features, kinds, config_schema } = self;
        let (version, settings_schema) = (Value::text("0.1.0"), Value::text("{}"));
        let annotations = Value::List(Vec::new());
        Value::Record(vec![name, version, features, kinds, config_schema, settings_schema, annotations])
    }

    /// One that reads and changes these fields of `HTTPRoute`s, by these verbs.
    #[must_use]
    pub fn using(mut self, verbs: Value, fields: Value) -> Self {
        let kind = Value::Record(vec![Value::text("gateway.networking.k8s.io"), Value::text("HTTPRoute")]);
        let (versions, elements) = (Value::texts(&["v1"]), Value::List(Vec::new()));
        self.kinds = Value::List(vec![Value::Record(vec![kind, versions, verbs, fields, elements])]);
        self
    }
}

/// A guest that describes itself as a router, finds every configuration right, and needs no objects.
pub fn router() -> Guest {
    Guest::new()
        .answers("describe", &Description::default().value())
        .answers("check", &Value::ok(Value::texts(&["weights"])))
}
