//! The mark on a route while a canary is under way: a label, by which `GitOps` tools are told to leave the route alone.
//!
//! Several Rollouts can share a route, and none of them knows the others. So an annotation lists those that are under
//! way, as Argo's plugin does since it found its label to be fought about: each Rollout adds and removes itself,
//! and the label is there as long as the list is not empty.

use tidegate_router_sdk::json::{self, Reader, push_text};
use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Fields, Patch, Pointer, Problem, SelectorText, Target, Text, concat};

use crate::pieces::push_words;

const LABEL: &str = "rollouts.argoproj.io/gatewayapi-canary";
const VALUE: &str = "in-progress";
const ROLLOUTS: &str = "rollouts.argoproj.io/gatewayapi-active-rollouts";

/// Where the label is, unless the configuration says otherwise.
pub(crate) const LABEL_POINTER: &str = "/metadata/labels/rollouts.argoproj.io~1gatewayapi-canary";
/// Where the list of Rollouts is, unless the configuration says otherwise.
pub(crate) const ROLLOUTS_POINTER: &str =
    "/metadata/annotations/rollouts.argoproj.io~1gatewayapi-active-rollouts";

/// How routes are marked.
#[derive(Debug)]
pub(crate) struct Mark {
    label: Text<'static>,
    value: Text<'static>,
    rollouts: Text<'static>,
}

/// The mark as seen.
#[derive(Debug, Default)]
pub(crate) struct Seen<'a> {
    has_labels: bool,
    has_annotations: bool,
    label: Option<Text<'a>>,
    rollouts: Option<Text<'a>>,
}

impl Mark {
    /// From the configuration, with the operator's settings as defaults; `None` when routes are not marked.
    pub(crate) fn of(fields: &mut Fields<'_>, settings: &mut Fields<'_>) -> Result<Option<Self>, Problem> {
        let disabled = settings.flag("disableInProgressLabel")? | fields.flag("disableInProgressLabel")?;
        let mut text = |key, default| -> Result<Text<'static>, Problem> {
            let operators = settings.text(key)?;
            let own = fields.text(key)?;
            Ok(own.or(operators).map_or(Text::from(default), Text::from))
        };
        let (label, value) = (text("inProgressLabelKey", LABEL)?, text("inProgressLabelValue", VALUE)?);
        let rollouts = text("activeRolloutsAnnotationKey", ROLLOUTS)?;
        // The rules for labels are those of label selectors; keys of annotations are like those of labels.
        for (key, value, at) in
            [(&label, &*value, "inProgressLabelKey"), (&rollouts, "", "activeRolloutsAnnotationKey")]
        {
            if **key != *LABEL && **key != *ROLLOUTS || value != VALUE && !value.is_empty() {
                SelectorText::default().equals(key, value, &Pointer::root().key(at))?;
            }
        }
        Ok((!disabled).then_some(Self { label, value, rollouts }))
    }

    /// Reads the value of `metadata.labels` or `metadata.annotations`.
    pub(crate) fn read<'a>(
        &self,
        map: &str,
        reader: &mut Reader<'a>,
        seen: &mut Seen<'a>,
    ) -> json::Result<()> {
        let (wanted, has, value) = if map == "labels" {
            (&self.label, &mut seen.has_labels, &mut seen.label)
        } else {
            (&self.rollouts, &mut seen.has_annotations, &mut seen.rollouts)
        };
        reader.object(&mut |key, reader| {
            // Where it is empty or null, the patch adds it as a whole.
            *has = true;
            if *key == **wanted {
                *value = reader.text()?;
                return Ok(());
            }
            reader.skip()
        })
    }

    /// Marks the route or removes the mark, as far as it is this Rollout's.
    pub(crate) fn write(&self, seen: &Seen<'_>, is_under_way: bool, target: &Target, patch: &mut Patch) {
        let listed = seen.rollouts.as_deref().unwrap_or_default();
        // Nothing to do in most passes, found out without putting texts together.
        if !is_under_way && seen.label.is_none() && listed.is_empty() {
            return;
        }
        let this = concat(&[&target.namespace, "/", &target.name]);
        let mut rollouts: Vec<&str> =
            listed.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != this).collect();
        if is_under_way {
            let place = rollouts.iter().position(|other| **other > *this).unwrap_or(rollouts.len());
            rollouts.insert(place, &this);
        }
        let list = rollouts.join(",");
        let label = Pointer::root().key("metadata").key("labels");
        let annotation = Pointer::root().key("metadata").key("annotations");
        if list.is_empty() {
            if seen.rollouts.is_some() {
                patch.remove(&annotation.key(&self.rollouts));
            }
            if seen.label.as_deref() == Some(&*self.value) {
                patch.remove(&label.key(&self.label));
            }
            return;
        }
        if list != listed {
            set(patch, annotation, seen.has_annotations, &self.rollouts, &list);
        }
        if seen.label.as_deref() != Some(&*self.value) {
            set(patch, label, seen.has_labels, &self.label, &self.value);
        }
    }
}

/// Sets a member of a map that may not be there yet.
fn set(patch: &mut Patch, map: Pointer, exists: bool, key: &str, value: &str) {
    if exists {
        let mut text = String::new();
        push_text(&mut text, value);
        return patch.add_json(&map.key(key), &text);
    }
    let mut json = "{".to_owned();
    push_words(&mut json, key, value);
    json.push('}');
    patch.add_json(&map, &json);
}
