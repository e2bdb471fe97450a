//! A change of an object as an RFC 6902 patch that is compare and set.
//!
//! Lists of most routes are atomic to the API server: it merges nothing, and an index means whatever is there
//! when the patch arrives. So the patch first tests what the change was computed from, and only that, so that
//! somebody's change elsewhere in the object does not stand in its way:
//!
//! * the object's uid;
//! * for each list element on the way to a change the name by which it is known, or, when it has none that is
//!   unique in its list, the whole element;
//! * where elements come or go, all elements of that list in this way;
//! * the old value of everything that is set or removed;
//! * for a field that is added, the map that it is added to, because RFC 6902 cannot test that something is
//!   absent.
//!
//! Where that is not possible (a map that is too large, or all of `metadata`) the object's resourceVersion is
//! tested instead. All tests come before all changes: they speak of the object as it was seen.
//!
//! The API server compares tested scalars by their JSON text, so whoever sends a patch must write texts and
//! numbers as it does (`tidegate_api::json`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::difference::{Difference, Kind, difference, name_of};
use crate::equal::text_bytes;
use crate::limits::TESTED_BYTES;
use crate::pointer::{Step, pointer, resolve};

/// The patch that turns `old` into `new`, and fails where `old` is not what is there any more. Empty when
/// nothing differs.
pub fn patch(old: &Value, new: &Value) -> Vec<Value> {
    patch_of(old, &difference(old, new))
}

/// The same, given what differs.
pub(crate) fn patch_of(old: &Value, differences: &[Difference<'_>]) -> Vec<Value> {
    if differences.is_empty() {
        return Vec::new();
    }
    let mut tests = Tests { old, tested: BTreeMap::new(), listed: BTreeSet::new(), whole_object: false };
    for difference in differences {
        tests.add(difference);
    }
    let mut patch = tests.operations();
    patch.extend(differences.iter().map(|difference| {
        let place = pointer(&difference.path);
        match difference.kind {
            Kind::Set { new, .. } => json!({"op": "replace", "path": place, "value": new}),
            Kind::Added { new } => json!({"op": "add", "path": place, "value": new}),
            Kind::Removed { .. } => json!({"op": "remove", "path": place}),
        }
    }));
    patch
}

struct Tests<'a> {
    old: &'a Value,
    tested: BTreeMap<Vec<Step<'a>>, &'a Value>,
    /// Lists all of whose elements are tested already.
    listed: BTreeSet<Vec<Step<'a>>>,
    /// Something cannot be tested by itself.
    whole_object: bool,
}

impl<'a> Tests<'a> {
    fn add(&mut self, difference: &Difference<'a>) {
        let path = difference.path.as_slice();
        let Some((last, parent)) = path.split_last() else {
            self.whole_object = true;
            return;
        };
        let inside_list = matches!(last, Step::Index(_));
        for (depth, step) in parent.iter().enumerate() {
            if let (Step::Index(index), Some(list)) = (step, path.get(..depth)) {
                self.element(list, *index);
            }
        }
        match difference.kind {
            Kind::Set { old, .. } => {
                self.tested.insert(path.to_vec(), old);
            }
            Kind::Removed { old } => {
                self.tested.insert(path.to_vec(), old);
                if inside_list {
                    self.all_elements(parent);
                }
            }
            Kind::Added { .. } if inside_list => self.all_elements(parent),
            Kind::Added { .. } => match resolve(self.old, parent) {
                Some(map) if parent.len() > 1 || !matches!(parent, [] | [Step::Key("metadata")]) => {
                    self.small(parent.to_vec(), map);
                }
                _ => self.whole_object = true,
            },
        }
    }

    fn all_elements(&mut self, list: &[Step<'a>]) {
        if !self.listed.insert(list.to_vec()) {
            return;
        }
        match resolve(self.old, list).and_then(Value::as_array) {
            Some(elements) if !elements.is_empty() => {
                (0..elements.len()).for_each(|index| self.element(list, index));
            }
            _ => {
                if let Some(empty) = resolve(self.old, list) {
                    self.tested.insert(list.to_vec(), empty);
                }
            }
        }
    }

    /// That the element of that index is the one that was seen.
    fn element(&mut self, list: &[Step<'a>], index: usize) {
        let Some(elements) = resolve(self.old, list).and_then(Value::as_array) else { return };
        let Some(element) = elements.get(index) else { return };
        let path = list.iter().copied().chain([Step::Index(index)]);
        let name = name_of(element)
            .filter(|name| elements.iter().filter(|other| name_of(other) == Some(name)).count() == 1);
        match name.and_then(|_| element.get("name")) {
            Some(name) => {
                self.tested.insert(path.chain([Step::Key("name")]).collect(), name);
            }
            None => self.small(path.collect(), element),
        }
    }

    fn small(&mut self, path: Vec<Step<'a>>, value: &'a Value) {
        if text_bytes(value) <= TESTED_BYTES {
            self.tested.insert(path, value);
        } else {
            self.whole_object = true;
        }
    }

    fn operations(self) -> Vec<Value> {
        let test =
            |path: &[Step<'_>], value: &Value| json!({"op": "test", "path": pointer(path), "value": value});
        let metadata = |key| [Step::Key("metadata"), Step::Key(key)];
        let mut operations = Vec::new();
        for (key, wanted) in [("uid", true), ("resourceVersion", self.whole_object)] {
            if let Some(value @ Value::String(_)) = resolve(self.old, &metadata(key)).filter(|_| wanted) {
                operations.push(test(&metadata(key), value));
            }
        }
        let mut covering: Option<&[Step<'_>]> = None;
        for (path, value) in &self.tested {
            // In this order a path comes right before all that it contains.
            if !covering.is_some_and(|covering| path.starts_with(covering)) {
                operations.push(test(path, value));
                covering = Some(path);
            }
        }
        operations
    }
}
