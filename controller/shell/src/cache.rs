//! What one watch has reported: every object once, small.
//!
//! Ten thousand Rollouts come with tens of thousands of other objects, and a parsed object takes ten times the
//! memory of its text. So an object is kept as packed text, and parsed as long as it is among those that were
//! used last. `metadata.managedFields`, half of many objects, is left out; of it only the name of the last
//! other manager is kept, which is what somebody needs who has to find out who edits a route.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tidegate_api::{Resource, object};

use crate::name::Name;
use crate::packed::{Packed, Packer};
use crate::version;

/// What is known of an object without parsing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) uid: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) generation: Option<i64>,
    pub(crate) labels: Box<[(Box<str>, Box<str>)]>,
    /// The uid of its controlling owner.
    pub(crate) owner: Option<Arc<str>>,
    /// Who last changed it, ourselves left out.
    pub(crate) manager: Option<Arc<str>>,
}

impl Facts {
    fn of(object: &Value, field_manager: &str) -> Self {
        let labels =
            object.get("metadata").and_then(|metadata| metadata.get("labels")).and_then(Value::as_object);
        let owner = object::controller_uid(object).map(Arc::from);
        Self {
            uid: object::uid(object).into(),
            version: object::resource_version(object).into(),
            generation: object::generation(object),
            labels: labels
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())))
                .collect(),
            owner,
            manager: last_other_manager(object, field_manager),
        }
    }

    /// What changes when somebody changes what the object should be, but not when its state is reported.
    pub(crate) fn edition(&self) -> Edition {
        let edition =
            self.generation.map_or_else(|| self.version.clone(), |number| number.to_string().into());
        (self.uid.clone(), edition)
    }
}

/// An object's uid, and its generation (or its version, for kinds without generations).
pub(crate) type Edition = (Arc<str>, Arc<str>);

/// How one object changed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) name: Name,
    /// What it was; `None`: it is new.
    pub(crate) before: Option<Arc<Facts>>,
    /// What it is; `None`: it is gone.
    pub(crate) after: Option<Arc<Facts>>,
}

#[derive(Debug)]
struct Stored {
    facts: Arc<Facts>,
    value: Option<Arc<Value>>,
    /// Whether the parsed form was asked for since it was last considered to give it up.
    is_used: bool,
    text: Option<Packed>,
    /// The listing in which it was last seen.
    listing: u32,
}

/// How much a cache says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing yet; absent is not unknown.
    Unknown,
    /// Everything that there is.
    Synced,
    /// The API server does not serve the kind.
    NotServed,
    /// We may not watch it; the server's message.
    Forbidden(String),
}

/// The objects of one watch.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) state: State,
    pub(crate) resource: Option<Resource>,
    objects: BTreeMap<Name, Stored>,
    /// Objects that are parsed, each once, those that are considered first at the front.
    parsed: VecDeque<Name>,
    listing: u32,
    is_listing: bool,
    keep: Keep,
    packer: Packer,
}

/// In which form a cache keeps its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Parsed, as long as they are among those that were used last: decisions read them.
    Parsed,
    /// The same, without what kubectl keeps in an annotation: the whole object a second time.
    ParsedWithoutLastApplied,
    /// As text: plugins read them.
    Text,
}

/// Where `kubectl apply` keeps what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Cache {
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            keep,
            state: State::Unknown,
            resource: None,
            objects: BTreeMap::new(),
            parsed: VecDeque::new(),
            listing: 0,
            is_listing: false,
            packer: Packer::default(),
        }
    }

    /// A list begins: whatever it does not name is gone at its end.
    pub(crate) fn begin_list(&mut self, resource: Resource) {
        self.resource = Some(resource);
        self.listing = self.listing.wrapping_add(1);
        self.is_listing = true;
    }

    /// The list is complete. Answers with what is gone.
    pub(crate) fn end_list(&mut self) -> Vec<Change> {
        self.is_listing = false;
        self.state = State::Synced;
        let listing = self.listing;
        self.objects
            .extract_if(.., |_, stored| stored.listing != listing)
            .map(|(name, stored)| Change { name, before: Some(stored.facts), after: None })
            .collect()
    }

    /// Nothing is known any more, for this reason. Answers with what was known.
    pub(crate) fn clear(&mut self, state: State) -> Vec<Change> {
        self.state = state;
        self.is_listing = false;
        self.parsed.clear();
        std::mem::take(&mut self.objects)
            .into_iter()
            .map(|(name, stored)| Change { name, before: Some(stored.facts), after: None })
            .collect()
    }

    /// Takes over the state of an object, unless it is one that was seen before. A late report of an older
    /// state is dropped, but for a list: that is where the server starts anew, so it counts as it is.
    pub(crate) fn put(
        &mut self,
        mut object: Value,
        field_manager: &str,
        keep_parsed: usize,
    ) -> Option<Change> {
        let name = Name::of(&object);
        let facts = Facts::of(&object, field_manager);
        let before = match self.objects.get_mut(&name) {
            Some(stored) => {
                let older = version::is_older(&facts.version, &stored.facts.version);
                let same = facts.uid == stored.facts.uid && facts.version == stored.facts.version;
                if same || (older && !self.is_listing) {
                    stored.listing = self.listing;
                    return None;
                }
                Some(stored.facts.clone())
            }
            None => None,
        };
        self.complete(&mut object);
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.shift_remove("managedFields");
            if self.keep == Keep::ParsedWithoutLastApplied
                && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
            {
                annotations.shift_remove(LAST_APPLIED);
            }
        }
        let facts = Arc::new(facts);
        let (value, text) = match self.keep {
            Keep::Text => (None, Some(self.packer.pack(&object.to_string()))),
            Keep::Parsed | Keep::ParsedWithoutLastApplied => (Some(Arc::new(object)), None),
        };
        let is_parsed = value.is_some();
        let stored = Stored { facts: facts.clone(), value, is_used: false, text, listing: self.listing };
        let was_parsed =
            self.objects.insert(name.clone(), stored).is_some_and(|before| before.value.is_some());
        if is_parsed && !was_parsed {
            self.keep_parsed(name.clone(), keep_parsed);
        }
        Some(Change { name, before, after: Some(facts) })
    }

    /// API servers leave `apiVersion` and `kind` out of the items of a list of a built-in kind.
    fn complete(&self, object: &mut Value) {
        let Some((resource, fields)) = self.resource.as_ref().zip(object.as_object_mut()) else { return };
        if !fields.contains_key("apiVersion") {
            fields.insert("apiVersion".to_owned(), resource.api_version().into());
        }
        if !fields.contains_key("kind") {
            fields.insert("kind".to_owned(), (*resource.kind).into());
        }
    }

    /// An object is gone; this was its last state. A late report about an earlier object of that name, or about
    /// a state older than the one that is known, says nothing.
    pub(crate) fn take(&mut self, object: &Value) -> Option<Change> {
        let name = Name::of(object);
        let stored = self.objects.get(&name)?;
        let same = stored.facts.uid.as_ref() == object::uid(object);
        if !same && !version::is_older(&stored.facts.version, object::resource_version(object)) {
            return None;
        }
        self.remove(&name)
    }

    /// An object is gone, as the API server says now.
    pub(crate) fn remove(&mut self, name: &Name) -> Option<Change> {
        let stored = self.objects.remove(name)?;
        Some(Change { name: name.clone(), before: Some(stored.facts), after: None })
    }

    pub(crate) fn facts(&self, name: &Name) -> Option<&Arc<Facts>> {
        self.objects.get(name).map(|stored| &stored.facts)
    }

    /// The objects of a namespace (of none, for cluster-scoped kinds), sorted by name.
    pub(crate) fn in_namespace<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Name, &'a Arc<Facts>)> {
        self.objects
            .range(Name::new(namespace, "")..)
            .take_while(move |(name, _)| &*name.namespace == namespace)
            .map(|(name, stored)| (name, &stored.facts))
    }

    /// The object, parsed.
    pub(crate) fn value(&mut self, name: &Name, keep_parsed: usize) -> Option<Arc<Value>> {
        let stored = self.objects.get_mut(name)?;
        if let Some(value) = &stored.value {
            stored.is_used = true;
            return Some(value.clone());
        }
        let value: Arc<Value> = Arc::new(parse(stored.text.as_ref()?)?);
        stored.value = Some(value.clone());
        self.keep_parsed(name.clone(), keep_parsed);
        Some(value)
    }

    /// The object, parsed for this once if it is not kept so.
    pub(crate) fn read(&self, name: &Name) -> Option<Arc<Value>> {
        let stored = self.objects.get(name)?;
        match &stored.value {
            Some(value) => Some(value.clone()),
            None => parse(stored.text.as_ref()?).map(Arc::new),
        }
    }

    /// The object, as text.
    pub(crate) fn text(&self, name: &Name) -> Option<Arc<str>> {
        let stored = self.objects.get(name)?;
        match &stored.text {
            Some(text) => Some(text.unpack().into()),
            None => stored.value.as_deref().map(|value| value.to_string().into()),
        }
    }

    /// Notes that an object is parsed, and gives up the parsed form of others that are too many: of the one that became so first,
    /// unless it was used since; then it gets another round.
    fn keep_parsed(&mut self, name: Name, at_most: usize) {
        self.parsed.push_back(name);
        while self.parsed.len() > at_most.max(1) {
            let Some(first) = self.parsed.pop_front() else { return };
            let Some(stored) = self.objects.get_mut(&first) else { continue };
            if std::mem::take(&mut stored.is_used) {
                self.parsed.push_back(first);
            } else if let Some(value) = stored.value.take()
                && stored.text.is_none()
            {
                stored.text = Some(self.packer.pack(&value.to_string()));
            }
        }
    }
}

fn parse(text: &Packed) -> Option<Value> {
    serde_json::from_str(&text.unpack()).ok()
}

/// The manager of the latest entry in `metadata.managedFields` that is neither ours nor about a subresource.
fn last_other_manager(object: &Value, field_manager: &str) -> Option<Arc<str>> {
    let text = |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
    object
        .get("metadata")?
        .get("managedFields")?
        .as_array()?
        .iter()
        .filter(|entry| entry.get("subresource").and_then(Value::as_str).is_none_or(str::is_empty))
        .filter_map(|entry| Some((text(entry, "time").unwrap_or_default(), text(entry, "manager")?)))
        .filter(|(_, manager)| manager != field_manager)
        .max_by(|(one, _), (other, _)| one.cmp(other))
        .map(|(_, manager)| manager.into())
}

#[cfg(test)]
mod tests;
