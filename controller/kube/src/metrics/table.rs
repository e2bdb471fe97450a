//! What is shown of the objects of one kind: taken from what the API server sent last, and gone with the object.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use serde_json::Value;
use tidegate_api::object;

/// Namespace and name; of objects of the cluster the first is empty.
pub(super) type Key = (String, String);

pub(super) type Label<'a> = (&'a str, &'a str);

/// All objects of a kind.
#[derive(Debug)]
pub(super) struct Table<F> {
    facts: BTreeMap<Key, F>,
    /// While a list is read: those that it has not named so far.
    unlisted: BTreeSet<Key>,
}

impl<F> Default for Table<F> {
    fn default() -> Self {
        Self { facts: BTreeMap::new(), unlisted: BTreeSet::new() }
    }
}

impl<F> Table<F> {
    /// A list begins.
    pub(super) fn begin(&mut self) {
        self.unlisted = self.facts.keys().cloned().collect();
    }

    /// The list is complete; answers those that it did not name.
    pub(super) fn end(&mut self) -> BTreeSet<Key> {
        let gone = std::mem::take(&mut self.unlisted);
        self.facts.retain(|key, _| !gone.contains(key));
        gone
    }

    /// The facts of an object that is there.
    pub(super) fn put(&mut self, object: &Value) -> &mut F
    where
        F: Default,
    {
        let key = key_of(object);
        self.unlisted.remove(&key);
        self.facts.entry(key).or_default()
    }

    /// The facts of an object, if it is still there: what is told of one may come after its end.
    pub(super) fn get_mut(&mut self, namespace: &str, name: &str) -> Option<&mut F> {
        self.facts.get_mut(&(namespace.to_owned(), name.to_owned()))
    }

    pub(super) fn remove(&mut self, object: &Value) {
        self.facts.remove(&key_of(object));
    }

    /// Nobody knows of any object now.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn key_of(object: &Value) -> Key {
    (object::namespace(object).to_owned(), object::name(object).to_owned())
}

/// A family of gauges, of which `each` shows those of one object.
pub(super) fn family<F>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    tables: &[&Table<F>],
    each: impl Fn(&F, &mut dyn FnMut(&[Label<'_>], i64) -> fmt::Result) -> fmt::Result,
) -> fmt::Result {
    if tables.iter().all(|table| table.facts.is_empty()) {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for ((namespace, object), facts) in tables.iter().flat_map(|table| &table.facts) {
        each(facts, &mut |more, value| {
            let mut labels = vec![("namespace", namespace.as_str()), ("name", object.as_str())];
            labels.extend_from_slice(more);
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)
        })?;
    }
    Ok(())
}
