//! What a plugin may do: what it describes, less what its operator does not grant, less what no router gets.
//!
//! A pattern of the description counts where a granted pattern covers the same place, and the other way round,
//! so what is left of two patterns is the places that both mean.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_contract::{Description, ElementUse, Kind, KindUse, Verb};

use crate::kinds;
use crate::pass::Refusal;
use crate::pointer::{Pattern, PatternError};
use crate::refusal::reason;

/// What an operator lets a plugin do with one kind. What is left out is as the plugin describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Permission {
    /// API group, empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Kind, for example `HTTPRoute`.
    pub kind: String,
    /// Of `read`, `update`, `create`, `delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbs: Option<Vec<Verb>>,
    /// Patterns of fields that it may change in objects that the Rollout does not own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// Patterns of lists whose elements may come and go; each ends with the `*` of its list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elements: Option<Vec<String>>,
    /// Namespaces besides the Rollout's own; left out: all that refer to the Rollout's by a `ReferenceGrant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
}

/// What an operator lets one plugin do: nothing with a kind that is not named here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Grant {
    kinds: BTreeMap<Kind, Granted>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Granted {
    verbs: Option<BTreeSet<Verb>>,
    fields: Option<Vec<Pattern>>,
    elements: Option<Vec<Pattern>>,
    namespaces: Option<BTreeSet<String>>,
}

/// All that is described.
static ALL: Granted = Granted { verbs: None, fields: None, elements: None, namespaces: None };

/// Why permissions cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// A kind comes twice.
    #[error("{0} is named twice: write one permission for each kind")]
    Twice(Kind),
    /// No router gets to see such objects.
    #[error("{0} can never be granted: no router gets to see objects of this kind")]
    NeverRead(Kind),
    /// No router gets to write such objects.
    #[error(
        "{0} can be granted for reading only (`verbs: [read]`): no router may write objects of this kind"
    )]
    NeverWritten(Kind),
    /// A text is no pattern.
    #[error("{kind}: {text:?} is no pattern: {error}")]
    Pattern {
        /// Of which kind.
        kind: Kind,
        /// The text.
        text: String,
        /// Why.
        error: PatternError,
    },
    /// A pattern of elements does not end with the `*` of a list.
    #[error("{kind}: {text:?} names no elements of a list: such a pattern ends with `/*`")]
    NoElements {
        /// Of which kind.
        kind: Kind,
        /// The text.
        text: String,
    },
}

impl Grant {
    /// What these permissions grant.
    ///
    /// # Errors
    /// When they name a kind twice, one that no router gets, or a text that is no pattern.
    pub fn new(permissions: Vec<Permission>) -> Result<Self, GrantError> {
        let mut kinds = BTreeMap::new();
        for permission in permissions {
            let kind = Kind::new(permission.group, permission.kind);
            if !kinds::may_be_read(&kind) {
                return Err(GrantError::NeverRead(kind));
            }
            let writes = permission.verbs.iter().flatten().any(|verb| *verb != Verb::Read);
            if writes && !kinds::may_be_changed(&kind) {
                return Err(GrantError::NeverWritten(kind));
            }
            let granted = Granted {
                verbs: permission.verbs.map(|verbs| verbs.into_iter().collect()),
                fields: permission.fields.map(|texts| patterns(&kind, texts)).transpose()?,
                elements: permission.elements.map(|texts| element_patterns(&kind, texts)).transpose()?,
                namespaces: permission.namespaces.map(|names| names.into_iter().collect()),
            };
            if kinds.insert(kind.clone(), granted).is_some() {
                return Err(GrantError::Twice(kind));
            }
        }
        Ok(Self { kinds })
    }
}

fn patterns(kind: &Kind, texts: Vec<String>) -> Result<Vec<Pattern>, GrantError> {
    texts
        .into_iter()
        .map(|text| {
            Pattern::parse(&text).map_err(|error| GrantError::Pattern { kind: kind.clone(), text, error })
        })
        .collect()
}

fn element_patterns(kind: &Kind, texts: Vec<String>) -> Result<Vec<Pattern>, GrantError> {
    let wrong = texts.iter().find(|text| text.starts_with('/') && !text.ends_with("/*"));
    if let Some(text) = wrong {
        return Err(GrantError::NoElements { kind: kind.clone(), text: text.clone() });
    }
    patterns(kind, texts)
}

/// What may be done with each kind that a plugin describes, once its operator and what no router gets have been
/// taken off: what the controller needs for it. Kinds with which nothing may be done are left out.
pub fn permitted(description: &Description, grant: Option<&Grant>) -> BTreeMap<Kind, BTreeSet<Verb>> {
    let permissions = Permissions::new(description, grant);
    let mut permitted: BTreeMap<Kind, BTreeSet<Verb>> = BTreeMap::new();
    for KindUse { kind, verbs, .. } in &description.kinds {
        let verbs = verbs.iter().copied().filter(|verb| permissions.allows(kind, *verb));
        permitted.entry(kind.clone()).or_default().extend(verbs);
    }
    permitted.retain(|_, verbs| !verbs.is_empty());
    permitted
}

/// Whether a plugin may use objects outside the Rollout's namespace, as far as its operator is concerned.
pub fn reaches_other_namespaces(description: &Description, grant: Option<&Grant>) -> bool {
    let permissions = Permissions::new(description, grant);
    let elsewhere = |granted: &Granted| granted.namespaces.as_ref().is_none_or(|names| !names.is_empty());
    permitted(description, grant).keys().any(|kind| permissions.granted(kind).is_some_and(elsewhere))
}

/// Of the kinds that a description names, what may be done with them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permissions<'a> {
    description: &'a Description,
    grant: Option<&'a Grant>,
}

impl<'a> Permissions<'a> {
    pub(crate) fn new(description: &'a Description, grant: Option<&'a Grant>) -> Self {
        Self { description, grant }
    }

    /// The plugin's own short name.
    pub(crate) fn plugin(&self) -> &'a str {
        &self.description.name
    }

    fn described(&self, kind: &Kind) -> Option<&'a KindUse> {
        self.description.kinds.iter().find(|used| used.kind == *kind)
    }

    /// What the operator grants of a kind.
    fn granted(&self, kind: &Kind) -> Option<&'a Granted> {
        self.grant.map_or(Some(&ALL), |grant| grant.kinds.get(kind))
    }

    /// Whether the description names this kind with this verb.
    pub(crate) fn describes(&self, kind: &Kind, verb: Verb) -> bool {
        self.described(kind).is_some_and(|used| used.verbs.contains(&verb))
    }

    /// Whether this may be done with objects of a kind.
    pub(crate) fn allows(&self, kind: &Kind, verb: Verb) -> bool {
        let is_possible =
            if verb == Verb::Read { kinds::may_be_read(kind) } else { kinds::may_be_changed(kind) };
        let grants = |granted: &Granted| granted.verbs.as_ref().is_none_or(|verbs| verbs.contains(&verb));
        is_possible && self.describes(kind, verb) && self.granted(kind).is_some_and(grants)
    }

    /// Whether the operator lets the plugin look at objects of a kind in a namespace that is not the Rollout's.
    /// Whether that namespace agrees is another question.
    pub(crate) fn allows_elsewhere(&self, kind: &Kind, namespace: &str) -> bool {
        let grants = |granted: &Granted| {
            granted.namespaces.as_ref().is_none_or(|namespaces| namespaces.contains(namespace))
        };
        self.granted(kind).is_some_and(grants)
    }

    /// Whether the description names this version of a kind, given with its group as in manifests.
    pub(crate) fn describes_version(&self, kind: &Kind, api_version: &str) -> bool {
        let version = match api_version.rsplit_once('/') {
            Some((group, version)) if group == kind.group => version,
            None if kind.group.is_empty() => api_version,
            _ => return false,
        };
        self.described(kind).is_some_and(|used| used.versions.iter().any(|one| one == version))
    }

    /// Which parts of somebody else's objects of a kind may be changed.
    pub(crate) fn places(&self, kind: &Kind) -> Result<Places, Box<Refusal>> {
        let invalid = |what: &str, text: &str, error: &dyn std::fmt::Display| {
            let plugin = &self.description.name;
            let message = format!("plugin {plugin} describes {what} of {kind} as {text:?}: {error}");
            Refusal::new(reason::INVALID_DESCRIPTION, message)
        };
        let mut places = Places::default();
        let (Some(used), Some(granted)) = (self.described(kind), self.granted(kind)) else {
            return Ok(places);
        };
        for text in &used.fields {
            let described = Pattern::parse(text).map_err(|error| invalid("a field", text, &error))?;
            match &granted.fields {
                None => places.fields.push(described),
                Some(granted) => {
                    places.fields.extend(granted.iter().filter_map(|one| described.intersection(one)));
                }
            }
        }
        for ElementUse { at, identity, references } in &used.elements {
            let described = Pattern::parse(at).map_err(|error| invalid("elements", at, &error))?;
            if !described.ends_with_any() {
                return Err(invalid("elements", at, &"such a pattern ends with the `*` of a list"));
            }
            Pattern::parse_relative(identity)
                .map_err(|error| invalid("an element's identity", identity, &error))?;
            let references = references
                .iter()
                .map(|text| {
                    Pattern::parse_relative(text)
                        .map_err(|error| invalid("an element's reference", text, &error))
                })
                .collect::<Result<Arc<[_]>, _>>()?;
            let mut add = |at| {
                places.elements.push(Elements {
                    at,
                    identity: identity.clone(),
                    references: references.clone(),
                });
            };
            match &granted.elements {
                None => add(described),
                Some(granted) => granted
                    .iter()
                    .filter(|one| one.len() == described.len())
                    .filter_map(|one| described.intersection(one))
                    .for_each(add),
            }
        }
        Ok(places)
    }
}

/// The places of an object that may be changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Fields.
    pub fields: Vec<Pattern>,
    /// Elements of lists that may come and go.
    pub elements: Vec<Elements>,
}

/// Elements of a list that may come and go, if they are the Rollout's own.
#[derive(Clone, Debug)]
pub(crate) struct Elements {
    /// Which.
    pub at: Pattern,
    /// Where in one it is said whose it is, as a pointer from there.
    pub identity: String,
    /// Where in one it names others, as patterns from there.
    pub references: Arc<[Pattern]>,
}

impl Places {
    /// All patterns, for people.
    pub(crate) fn describe(&self) -> String {
        let fields = self.fields.iter().map(Pattern::to_string);
        let elements = self.elements.iter().map(|elements| format!("own elements of {}", elements.at));
        let all: Vec<_> = fields.chain(elements).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    }
}
