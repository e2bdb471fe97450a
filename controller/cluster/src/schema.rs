//! Structural schemas of custom resources: pruning, defaulting and validation.
//!
//! Understood of `openAPIV3Schema`: `type`, `properties`, `additionalProperties`, `items`, `required`, `default`,
//! `enum`, `minimum`, `maximum`, `minItems`, `maxItems`, `minLength`, `maxLength`, `minProperties`, `maxProperties`,
//! `nullable`, `x-kubernetes-preserve-unknown-fields`, `x-kubernetes-int-or-string`,
//! `x-kubernetes-embedded-resource`, and the keys of `x-kubernetes-list-type` `map` and `set`. Not understood, and so
//! never an error: `pattern`, `format`, `multipleOf`, `not`, `anyOf`, `oneOf`, `allOf` and CEL rules. What matters of
//! those is said in code ([`crate::ServeOptions::validate`]).

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tidegate_api::Cause;

use crate::answer::{duplicate, too_long, too_many, unsupported, value_invalid, value_required};

/// A compiled structural schema.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent flags of the schema language")]
pub struct Schema {
    kind: Option<Type>,
    properties: BTreeMap<String, Schema>,
    additional: Option<Box<Schema>>,
    items: Option<Box<Schema>>,
    required: Vec<String>,
    default: Option<Value>,
    enumeration: Vec<Value>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    least: Option<u64>,
    most: Option<u64>,
    nullable: bool,
    preserve_unknown: bool,
    int_or_string: bool,
    embedded: bool,
    list: ListType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

/// A schema that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema at {path:?}: {problem}")]
pub struct SchemaError {
    /// Where in the schema, as a path of property names.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl Schema {
    /// A schema that says nothing and keeps everything.
    pub fn anything() -> Self {
        Self { preserve_unknown: true, nullable: true, ..Self::default() }
    }

    /// From the `openAPIV3Schema` of a version in a `CustomResourceDefinition`.
    ///
    /// # Errors
    /// When it is no object or names an unknown type.
    pub fn from_openapi(schema: &Value) -> Result<Self, SchemaError> {
        Self::read(schema, "")
    }

    fn read(schema: &Value, path: &str) -> Result<Self, SchemaError> {
        let error = |problem: &str| SchemaError { path: path.to_owned(), problem: problem.to_owned() };
        if !schema.is_object() {
            return Err(error("it must be an object"));
        }
        let flag = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or_default();
        let texts = |key: &str| -> Vec<String> {
            let list = schema.get(key).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
        };
        let count = |keys: [&str; 3]| keys.iter().find_map(|key| schema.get(key).and_then(Value::as_u64));
        let kind = match schema.get("type").and_then(Value::as_str) {
            None => None,
            Some("object") => Some(Type::Object),
            Some("array") => Some(Type::Array),
            Some("string") => Some(Type::String),
            Some("integer") => Some(Type::Integer),
            Some("number") => Some(Type::Number),
            Some("boolean") => Some(Type::Boolean),
            Some(other) => return Err(error(&format!("unknown type {other:?}"))),
        };
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let properties = properties
            .map(|(name, one)| Ok((name.clone(), Self::read(one, &format!("{path}.{name}"))?)))
            .collect::<Result<_, SchemaError>>()?;
        let additional = match schema.get("additionalProperties") {
            None | Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(Box::new(Self::anything())),
            Some(one) => Some(Box::new(Self::read(one, &format!("{path}.*"))?)),
        };
        let items = match schema.get("items") {
            None => None,
            Some(one) => Some(Box::new(Self::read(one, &format!("{path}[*]"))?)),
        };
        let list = match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("map") => ListType::Map(texts("x-kubernetes-list-map-keys")),
            Some("set") => ListType::Set,
            _ => ListType::Atomic,
        };
        Ok(Self {
            kind,
            properties,
            additional,
            items,
            required: texts("required"),
            default: schema.get("default").cloned(),
            enumeration: schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            minimum: schema.get("minimum").and_then(Value::as_f64),
            maximum: schema.get("maximum").and_then(Value::as_f64),
            least: count(["minItems", "minLength", "minProperties"]),
            most: count(["maxItems", "maxLength", "maxProperties"]),
            nullable: flag("nullable"),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            int_or_string: flag("x-kubernetes-int-or-string"),
            embedded: flag("x-kubernetes-embedded-resource"),
            list,
        })
    }

    /// Removes what the schema does not know and nulls that it does not allow, and fills in defaults, as a server
    /// does when it reads an object. Whole numbers lose their fraction.
    pub fn admit(&self, object: &mut Value) {
        self.prune(object, true);
        self.fill(object);
    }

    /// The fields of an object that the schema does not know, as an API server names them: `spec.rules[0].name`.
    pub fn unknown(&self, object: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.look_for_unknown(object, true, "", &mut found);
        found.sort();
        found
    }

    fn look_for_unknown(&self, value: &Value, resource: bool, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                let resource = resource || self.embedded;
                for (key, member) in map.iter().filter(|(key, _)| !(resource && is_common(key))) {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    match self.properties.get(key).or(self.additional.as_deref()) {
                        Some(schema) => schema.look_for_unknown(member, false, &path, found),
                        None if self.preserve_unknown => {}
                        None => found.push(path),
                    }
                }
            }
            Value::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    if let Some(schema) = &self.items {
                        schema.look_for_unknown(item, false, &format!("{path}[{index}]"), found);
                    }
                }
            }
            _ => {}
        }
    }

    fn prune(&self, value: &mut Value, resource: bool) {
        match value {
            Value::Object(map) => {
                let resource = resource || self.embedded;
                if !self.preserve_unknown && self.additional.is_none() {
                    map.retain(|key, _| self.properties.contains_key(key) || (resource && is_common(key)));
                }
                map.retain(|key, member| {
                    if resource && is_common(key) {
                        return true;
                    }
                    let Some(schema) = self.properties.get(key).or(self.additional.as_deref()) else {
                        return true;
                    };
                    if member.is_null() {
                        return schema.nullable || schema.default.is_some();
                    }
                    schema.prune(member, false);
                    true
                });
            }
            Value::Array(list) => {
                if let Some(schema) = &self.items {
                    for item in list {
                        schema.prune(item, false);
                    }
                }
            }
            Value::Number(number) if number.is_f64() => {
                if let Some(whole) = number.as_f64().and_then(to_whole) {
                    *value = whole.into();
                }
            }
            _ => {}
        }
    }

    fn fill(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, schema) in &self.properties {
                    if let Some(default) = &schema.default {
                        let absent = match map.get(key) {
                            None => true,
                            Some(value) => value.is_null() && !schema.nullable,
                        };
                        if absent {
                            map.insert(key.clone(), default.clone());
                        }
                    }
                }
                for (key, member) in map.iter_mut() {
                    if let Some(schema) = self.properties.get(key).or(self.additional.as_deref()) {
                        schema.fill(member);
                    }
                }
            }
            Value::Array(list) => {
                if let Some(schema) = &self.items {
                    for item in list {
                        schema.fill(item);
                    }
                }
            }
            _ => {}
        }
    }

    /// What is wrong with an object. What was wrong in the old object already and did not change is let pass, as
    /// servers since 1.30 do.
    pub fn validate(&self, new: &Value, old: Option<&Value>) -> Vec<Cause> {
        let mut checks = Checks::default();
        self.check(new, old, &mut checks);
        checks.causes
    }

    fn check(&self, value: &Value, old: Option<&Value>, checks: &mut Checks) {
        if old == Some(value) {
            return;
        }
        if value.is_null() {
            if !(self.nullable || self.kind.is_none()) {
                checks.wrong_type(self.kind, "null");
            }
            return;
        }
        if !self.type_fits(value) {
            checks.wrong_type(self.kind, name_of(value));
            return;
        }
        if !self.enumeration.is_empty() && !self.enumeration.contains(value) {
            checks.push(|field| unsupported(field, value, &self.enumeration));
        }
        match value {
            Value::Object(map) => self.check_object(map, value, old, checks),
            Value::Array(list) => self.check_list(list, old, checks),
            Value::String(text) => self.check_text(text, value, checks),
            Value::Number(number) => self.check_number(number.as_f64().unwrap_or_default(), value, checks),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn type_fits(&self, value: &Value) -> bool {
        if self.int_or_string {
            return value.is_i64() || value.is_u64() || value.is_string();
        }
        match self.kind {
            None => true,
            Some(Type::Object) => value.is_object(),
            Some(Type::Array) => value.is_array(),
            Some(Type::String) => value.is_string(),
            Some(Type::Integer) => value.is_i64() || value.is_u64() || whole(value),
            Some(Type::Number) => value.is_number(),
            Some(Type::Boolean) => value.is_boolean(),
        }
    }

    fn check_object(
        &self,
        map: &Map<String, Value>,
        value: &Value,
        old: Option<&Value>,
        checks: &mut Checks,
    ) {
        for key in self.required.iter().filter(|key| !map.contains_key(*key)) {
            checks.within(&format!(".{key}"), |checks| checks.push(|field| value_required(field, "")));
        }
        let count = map.len() as u64;
        if let Some(least) = self.least.filter(|least| count < *least) {
            checks.push_in_body(value, &format!("should have at least {least} properties"));
        }
        if let Some(most) = self.most.filter(|most| count > *most) {
            checks.push(|field| too_many(field, map.len(), most));
        }
        for (key, member) in map {
            if let Some(schema) = self.properties.get(key).or(self.additional.as_deref()) {
                let old = old.and_then(|old| old.get(key));
                checks.within(&format!(".{key}"), |checks| schema.check(member, old, checks));
            }
        }
    }

    fn check_list(&self, list: &[Value], old: Option<&Value>, checks: &mut Checks) {
        let count = list.len() as u64;
        if let Some(most) = self.most.filter(|most| count > *most) {
            checks.push(|field| too_many(field, list.len(), most));
        }
        if let Some(least) = self.least.filter(|least| count < *least) {
            checks.push_in_body(&Value::from(count), &format!("should have at least {least} items"));
        }
        // Only the items of map lists can be told apart, so only they are compared with their old selves.
        let old = old.and_then(Value::as_array);
        let keys = match &self.list {
            ListType::Map(keys) => Some(keys),
            ListType::Atomic | ListType::Set => None,
        };
        let mut seen = Vec::<Value>::new();
        for (index, item) in list.iter().enumerate() {
            let identity = match &self.list {
                ListType::Atomic => None,
                ListType::Set => Some(item.clone()),
                ListType::Map(keys) => Some(identity(item, keys)),
            };
            checks.within(&format!("[{index}]"), |checks| {
                if let Some(identity) = identity.as_ref().filter(|identity| seen.contains(identity)) {
                    checks.push(|field| duplicate(field, identity));
                }
                if let Some(schema) = &self.items {
                    let old = keys.zip(old).zip(identity.as_ref()).and_then(|((keys, old), wanted)| {
                        old.iter().find(|item| identity_is(item, keys, wanted))
                    });
                    schema.check(item, old, checks);
                }
            });
            seen.extend(identity);
        }
    }

    fn check_text(&self, text: &str, value: &Value, checks: &mut Checks) {
        let length = text.chars().count() as u64;
        if let Some(most) = self.most.filter(|most| length > *most) {
            checks.push(|field| too_long(field, most));
        }
        if let Some(least) = self.least.filter(|least| length < *least) {
            checks.push_in_body(value, &format!("should be at least {least} chars long"));
        }
    }

    fn check_number(&self, number: f64, value: &Value, checks: &mut Checks) {
        if let Some(minimum) = self.minimum.filter(|minimum| number < *minimum) {
            checks.push_in_body(value, &format!("should be greater than or equal to {minimum}"));
        }
        if let Some(maximum) = self.maximum.filter(|maximum| number > *maximum) {
            checks.push_in_body(value, &format!("should be less than or equal to {maximum}"));
        }
    }
}

/// What every resource has, whatever its schema says.
fn is_common(key: &str) -> bool {
    matches!(key, "apiVersion" | "kind" | "metadata")
}

/// A number without a fraction that fits.
fn to_whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is in range")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

fn whole(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn identity(item: &Value, keys: &[String]) -> Value {
    let members = keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone())));
    Value::Object(members.collect())
}

fn identity_is(item: &Value, keys: &[String], wanted: &Value) -> bool {
    keys.iter().all(|key| item.get(key) == wanted.get(key))
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if whole(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The causes found so far, and the path of where the check is.
#[derive(Default)]
struct Checks {
    path: String,
    causes: Vec<Cause>,
}

impl Checks {
    fn within(&mut self, step: &str, check: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        check(self);
        self.path.truncate(length);
    }

    fn field(&self) -> &str {
        self.path.strip_prefix('.').unwrap_or(&self.path)
    }

    fn push(&mut self, cause: impl FnOnce(&str) -> Cause) {
        let cause = cause(self.field());
        self.causes.push(cause);
    }

    fn push_in_body(&mut self, value: &Value, problem: &str) {
        self.push(|field| value_invalid(field, value, &format!("{field} in body {problem}")));
    }

    fn wrong_type(&mut self, expected: Option<Type>, found: &str) {
        let expected = match expected {
            Some(Type::Object) => "object",
            Some(Type::Array) => "array",
            Some(Type::String) => "string",
            Some(Type::Integer) => "integer",
            Some(Type::Number) => "number",
            Some(Type::Boolean) => "boolean",
            None => "integer or string",
        };
        let problem = format!("must be of type {expected}: {found:?}");
        self.push_in_body(&Value::from(found), &problem);
    }
}
