//! Which changes a plugin may make: only of kinds, fields and list elements that are granted, and only in list
//! elements that have to do with this Rollout. Everything else of an object stays as it is, in its order.
//!
//! The judgement compares the object as it is with the object as it should be, place by place, and knows nothing
//! of how the plugin got from one to the other. In a list whose elements may come and go, the Rollout's own are
//! set apart first; the others must be the same ones in the same order, and each may differ only in granted fields.
//! In any other list an element stays at its place.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_contract::{Description, ObjectRef, Target, Verb};

use crate::difference::{Difference, difference_with};
use crate::edit::Edited;
use crate::equal::{added, equal, side_by_side};
use crate::ours::{Ours, Text, text_at, texts_at};
use crate::pass::{Pass, Refusal};
use crate::permission::{Elements, Permissions, Places};
use crate::pointer::{Pattern, Step, pointer};
use crate::refusal::reason;

/// What one plugin may change for one Rollout.
pub(crate) struct Guard<'a> {
    pub(crate) permissions: Permissions<'a>,
    pub(crate) target: &'a Target,
    ours: Ours<'a>,
}

impl<'a> Guard<'a> {
    /// What this plugin may change in this pass.
    pub(crate) fn new(description: &'a Description, pass: &'a Pass) -> Self {
        Self {
            permissions: Permissions::new(description, pass.grant.as_deref()),
            target: &pass.target,
            ours: Ours::new(pass),
        }
    }

    /// What an edit changes, if all of it is allowed; nothing for objects that come or go, which were judged when
    /// the edit was read.
    pub(crate) fn permitted<'e>(&self, edited: &'e Edited<'_>) -> Result<Vec<Difference<'e>>, Box<Refusal>> {
        let Edited::Changed { object, old, new, is_own } = edited else { return Ok(Vec::new()) };
        let reference = &object.reference;
        self.may_update(reference).map_err(|refusal| refusal.about(reference))?;
        if *is_own {
            // What is not the plugin's to say was compared when the edit was read.
            return Ok(difference_with(old, new, &|_| true));
        }
        let places = self.permissions.places(&reference.kind).map_err(|refusal| refusal.about(reference))?;
        let mut walk = Walk {
            places: &places,
            ours: &self.ours,
            home: reference.namespace.as_deref().unwrap_or_default(),
            path: Vec::new(),
            elements: Vec::new(),
        };
        walk.values(old, new).map_err(|denied| self.refusal(denied, &places, reference))?;
        Ok(difference_with(old, new, &|list| places.elements_of(list).next().is_some()))
    }

    fn may_update(&self, reference: &ObjectRef) -> Result<(), Box<Refusal>> {
        if !self.permissions.allows(&reference.kind, Verb::Update) {
            let message = format!("it changes {reference}, and it may not change objects of that kind");
            return Err(Refusal::new(reason::FORBIDDEN_KIND, message));
        }
        let refuse = |what: &str| {
            Err(Refusal::new(reason::FORBIDDEN_NAMESPACE, format!("it changes {reference}, {what}")))
        };
        match &reference.namespace {
            None => refuse("which is in no namespace and so belongs to the whole cluster"),
            Some(namespace)
                if *namespace != self.target.namespace
                    && !self.permissions.allows_elsewhere(&reference.kind, namespace) =>
            {
                refuse("which is in a namespace that it may not look into")
            }
            Some(_) => Ok(()),
        }
    }

    fn refusal(&self, denied: Denied, places: &Places, reference: &ObjectRef) -> Box<Refusal> {
        let Denied { place, why } = denied;
        let (reason, message) = match why {
            Why::NotGranted
                if places.is_empty() && self.permissions.allows(&reference.kind, Verb::Create) =>
            {
                (
                    reason::FOREIGN_OBJECT,
                    format!(
                        "it wants {reference} to be its own, and there is one already that this Rollout does not own: \
                     rename or remove that one"
                    ),
                )
            }
            Why::NotGranted => (
                reason::FORBIDDEN_CHANGE,
                format!(
                    "it changes {place} of {reference}; of this kind it may change: {}",
                    places.describe()
                ),
            ),
            Why::Foreign => (
                reason::FOREIGN_ELEMENT,
                format!(
                    "it changes {place} of {reference}, in a list element that names no Service of this Rollout and \
                     nothing from its configuration"
                ),
            ),
            Why::NotOwn => (
                reason::FOREIGN_ELEMENT,
                format!(
                    "it adds, removes or moves elements of {place} of {reference} that are not this Rollout's own"
                ),
            ),
            Why::Reference(text) => (
                reason::FOREIGN_REFERENCE,
                format!(
                    "it writes {place} of {reference}, which refers to {text:?}: that is neither this Rollout's nor \
                     named by its configuration or by its other elements there"
                ),
            ),
        };
        Refusal::new(reason, message).about(reference)
    }
}

/// A change that is not allowed.
struct Denied {
    place: String,
    why: Why,
}

enum Why {
    /// No pattern grants it.
    NotGranted,
    /// It is in an element that has nothing to do with the Rollout.
    Foreign,
    /// An element that is not the Rollout's own comes, goes or moves.
    NotOwn,
    /// An own element refers to somebody else.
    Reference(String),
}

impl Places {
    fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.elements.is_empty()
    }

    /// What is granted of the elements of this list.
    fn elements_of(&self, list: &[Step<'_>]) -> impl Iterator<Item = &Elements> {
        self.elements.iter().filter(move |elements| elements.at.names_children_of(list))
    }
}

/// The comparison of an object as it is with what it should be.
struct Walk<'w> {
    places: &'w Places,
    ours: &'w Ours<'w>,
    /// The object's namespace.
    home: &'w str,
    path: Vec<Step<'w>>,
    /// The list elements on the way, as they were.
    elements: Vec<&'w Value>,
}

type Judged = Result<(), Denied>;

impl<'w> Walk<'w> {
    fn values(&mut self, old: &'w Value, new: &'w Value) -> Judged {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                for (key, old, new) in side_by_side(old, new) {
                    self.inside(Step::Key(key), |walk| match new {
                        Some(new) => walk.values(old, new),
                        None => walk.comes_or_goes(old, false),
                    })?;
                }
                for (key, new) in added(old, new) {
                    self.inside(Step::Key(key), |walk| walk.comes_or_goes(new, true))?;
                }
                Ok(())
            }
            (Value::Array(old), Value::Array(new)) => self.lists(old, new),
            _ if equal(old, new) => Ok(()),
            _ => {
                self.comes_or_goes(old, false)?;
                self.comes_or_goes(new, true)
            }
        }
    }

    /// A map or list that comes or goes as a whole, such as the first label or the last one, is as much as all
    /// that is in it.
    fn comes_or_goes(&mut self, value: &'w Value, comes: bool) -> Judged {
        match value {
            Value::Object(fields) if !fields.is_empty() => fields.iter().try_for_each(|(key, value)| {
                self.inside(Step::Key(key), |walk| walk.comes_or_goes(value, comes))
            }),
            Value::Array(list) if !list.is_empty() => {
                if comes {
                    self.lists(&[], list)
                } else {
                    self.lists(list, &[])
                }
            }
            _ => self.field(matches!(value, Value::Object(_) | Value::Array(_))),
        }
    }

    /// A single value, or an empty container, that comes, goes or becomes another one.
    fn field(&self, is_container: bool) -> Judged {
        let may_change = !is_reserved(&self.path)
            && self.places.fields.iter().any(|pattern| {
                if pattern.covers(&self.path).is_some() {
                    self.may_be_keyed(pattern)
                } else {
                    is_container && pattern.lies_below(&self.path)
                }
            });
        let may_hold = || {
            is_container
                && !is_reserved(&self.path)
                && self.places.elements.iter().any(|elements| elements.at.lies_below(&self.path))
        };
        if may_change || may_hold() { self.has_to_do_with_us() } else { self.denied(Why::NotGranted) }
    }

    /// Labels and annotations are one map for everybody: whoever means any of them means those that the
    /// configuration names.
    fn may_be_keyed(&self, pattern: &Pattern) -> bool {
        match self.path.as_slice() {
            [Step::Key("metadata"), Step::Key("labels" | "annotations"), Step::Key(key), ..] => {
                pattern.spells_out(2) || self.ours.configures(key)
            }
            _ => true,
        }
    }

    /// Whether every list element on the way has to do with the Rollout.
    fn has_to_do_with_us(&self) -> Judged {
        // The innermost one is most often the one that has not.
        let mut inwards = self.elements.iter().rev();
        if inwards.all(|element| self.ours.are_mentioned(element, self.home)) {
            Ok(())
        } else {
            self.denied(Why::Foreign)
        }
    }

    fn lists(&mut self, old: &'w [Value], new: &'w [Value]) -> Judged {
        let places = self.places;
        let uses: Vec<&Elements> = places.elements_of(&self.path).collect();
        if uses.is_empty() || is_reserved(&self.path) {
            if old.len() != new.len() {
                let first = old.iter().zip(new).take_while(|(old, new)| equal(old, new)).count();
                return self.inside(Step::Index(first), |walk| walk.denied(Why::NotGranted));
            }
            let mut pairs = old.iter().zip(new).enumerate();
            return pairs.try_for_each(|(index, (old, new))| self.element(index, old, new));
        }
        let own = |element: &'w Value| {
            let is_own = |one: &&Elements| {
                text_at(element, &one.identity).is_some_and(|text| self.ours.owns(text, self.home))
            };
            uses.iter().copied().filter(is_own).collect::<Vec<_>>()
        };
        let old: Vec<_> = old.iter().map(|element| (element, own(element))).collect();
        let new: Vec<_> = new.iter().map(|element| (element, own(element))).collect();
        let is_others = |(_, (_, uses)): &(usize, &(&'w Value, Vec<&Elements>))| uses.is_empty();
        let others = |list: &[(&'w Value, Vec<&Elements>)]| {
            let others = list.iter().enumerate().filter(is_others);
            others.map(|(index, (element, _))| (index, *element)).collect::<Vec<_>>()
        };
        let (old_others, new_others) = (others(&old), others(&new));
        if old_others.len() != new_others.len() {
            return self.denied(Why::NotOwn);
        }
        if !is_same(&old, &new) {
            self.has_to_do_with_us()?;
            self.may_refer(&old, &new)?;
        }
        let mut pairs = old_others.into_iter().zip(new_others);
        pairs.try_for_each(|((index, old), (_, new))| self.element(index, old, new))
    }

    /// Whether new and changed own elements refer only to what they may.
    fn may_refer(
        &mut self,
        old: &[(&'w Value, Vec<&Elements>)],
        new: &[(&'w Value, Vec<&Elements>)],
    ) -> Judged {
        for (index, (element, uses)) in new.iter().enumerate() {
            if uses.is_empty() || old.iter().any(|(old, _)| equal(old, element)) {
                continue;
            }
            let mut strange = None;
            let is_fine = uses.iter().any(|one| {
                let found = self.stranger(one, element, old);
                strange = strange.or(found);
                found.is_none()
            });
            if let Some(stranger) = strange.filter(|_| !is_fine) {
                let why = Why::Reference(stranger.text.to_owned());
                return self.inside(Step::Index(index), |walk| walk.denied(why));
            }
        }
        Ok(())
    }

    /// Something to which an element may not refer.
    fn stranger(
        &self,
        one: &Elements,
        element: &'w Value,
        old: &[(&'w Value, Vec<&Elements>)],
    ) -> Option<Text<'w>> {
        one.references.iter().find_map(|pattern| {
            let mut named: Option<BTreeSet<Text<'_>>> = None;
            let mut is_named = |text: &Text<'_>| {
                named
                    .get_or_insert_with(|| {
                        old.iter()
                            .filter(|(element, _)| self.ours.are_mentioned(element, self.home))
                            .flat_map(|(element, _)| texts_at(element, pattern))
                            .collect()
                    })
                    .contains(text)
            };
            texts_at(element, pattern).into_iter().find(|text| {
                !self.ours.owns(*text, self.home) && !self.ours.configures_here(*text) && !is_named(text)
            })
        })
    }

    fn element(&mut self, index: usize, old: &'w Value, new: &'w Value) -> Judged {
        self.elements.push(old);
        let judged = self.inside(Step::Index(index), |walk| walk.values(old, new));
        self.elements.pop();
        judged
    }

    fn inside(&mut self, step: Step<'w>, judge: impl FnOnce(&mut Self) -> Judged) -> Judged {
        self.path.push(step);
        let judged = judge(self);
        self.path.pop();
        judged
    }

    fn denied(&self, why: Why) -> Judged {
        Err(Denied { place: pointer(&self.path), why })
    }
}

/// Whether the own elements of both lists are the same, and at the same places among the others.
fn is_same(old: &[(&Value, Vec<&Elements>)], new: &[(&Value, Vec<&Elements>)]) -> bool {
    old.len() == new.len()
        && old.iter().zip(new).all(|((old, uses), (new, new_uses))| {
            uses.is_empty() == new_uses.is_empty() && (uses.is_empty() || equal(old, new))
        })
}

/// What no router may change, whatever it describes: what an object is, and all of its metadata but labels and
/// annotations, and its status.
fn is_reserved(path: &[Step<'_>]) -> bool {
    match path {
        [Step::Key("metadata"), Step::Key("labels" | "annotations"), ..] => false,
        [] | [Step::Key("apiVersion" | "kind" | "metadata" | "status"), ..] => true,
        _ => false,
    }
}
