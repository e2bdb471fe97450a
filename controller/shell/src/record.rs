//! Writing down which versions of its plugins a Rollout in flight uses, on the Rollout itself: so that its next look, another
//! process, and whoever keeps the plugins know it. No answer of a version is carried out before that version is recorded.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Request, builtin, object};
use tidegate_core::{Decision, Note, NoteKind};
use tidegate_model::PluginRecord;
use tidegate_model::interest::RouterUse;
use tidegate_model::names::{ROUTER_PLUGINS_ANNOTATION, reason};
use tidegate_model::plugin_record::is_in_flight;

use crate::choice::{Choice, Faults, GivenUp};
use crate::memory::Memory;
use crate::plugins::Plugins;

/// A record that has to be written.
#[derive(Debug)]
pub(crate) struct Record {
    /// What it should say; `None`: it should not be there.
    text: Option<String>,
    notes: Vec<Note>,
}

impl Record {
    /// What a Rollout should record and does not; `None`: its record is as it should be.
    pub(crate) fn due(
        rollout: &Value,
        used: &[RouterUse],
        plugins: &Plugins,
        memory: &Memory,
    ) -> Option<Self> {
        let written = PluginRecord::read(rollout);
        let mut notes: Vec<Note> = written.as_ref().and_then(ignored).into_iter().collect();
        if !is_in_flight(rollout) {
            return written.map(|_| Self { text: None, notes });
        }
        let PluginRecord { versions: written, ignored } = written.unwrap_or_default();
        let mut wanted = BTreeMap::new();
        for router in used.iter().map(|used| used.name.as_str()) {
            let recorded = written.get(router).copied();
            let none = Faults::default();
            let faults = memory.routers.get(router).map_or(&none, |memory| &memory.plugin_faults);
            let digest = match plugins.choose(router, recorded, faults) {
                Choice::Use { version, instead, .. } => {
                    let digest = version.router.digest();
                    notes.extend(instead.map(|instead| changed(router, &instead, &digest.to_string())));
                    Some(digest)
                }
                Choice::None(_) => recorded,
            };
            wanted.extend(digest.map(|digest| (router.to_owned(), digest)));
        }
        if wanted == written && ignored.is_empty() {
            return None;
        }
        Some(Self { text: (!wanted.is_empty()).then(|| PluginRecord::text(&wanted)), notes })
    }

    /// Whether it has to be there before anything that the routers answer is carried out.
    pub(crate) const fn comes_first(&self) -> bool {
        self.text.is_some()
    }

    /// Has it written with a decision.
    pub(crate) fn put_on(self, decision: &mut Decision, rollout: &Value) {
        let annotation = json!({ROUTER_PLUGINS_ANNOTATION: self.text});
        decision.notes.extend(self.notes);
        if let Some(fields) = decision.writes.iter_mut().find_map(metadata) {
            match fields.get_mut("annotations").and_then(Value::as_object_mut) {
                Some(annotations) => {
                    annotations.insert(ROUTER_PLUGINS_ANNOTATION.to_owned(), json!(self.text));
                }
                None => {
                    fields.insert("annotations".to_owned(), annotation);
                }
            }
            return;
        }
        let version = object::resource_version(rollout);
        let request = Request {
            resource: builtin::rollouts(),
            namespace: Some(object::namespace(rollout).to_owned()),
            operation: Operation::Patch {
                name: object::name(rollout).to_owned(),
                subresource: None,
                body: Body::Merge(
                    json!({"metadata": {"resourceVersion": version, "annotations": annotation}}),
                ),
            },
        };
        decision.writes.insert(0, request);
    }
}

/// The metadata in the patch of a Rollout, if a request is one.
fn metadata(request: &mut Request) -> Option<&mut serde_json::Map<String, Value>> {
    let is_rollout = request.resource == builtin::rollouts();
    match &mut request.operation {
        Operation::Patch { subresource: None, body: Body::Merge(body), .. } if is_rollout => {
            body.get_mut("metadata")?.as_object_mut()
        }
        _ => None,
    }
}

/// So much of what is ignored is told; an event has room for 1024 characters.
const TOLD: usize = 4;

fn ignored(record: &PluginRecord) -> Option<Note> {
    let told: Vec<&str> = record.ignored.iter().take(TOLD).map(String::as_str).collect();
    let message = format!(
        "What the annotation {ROUTER_PLUGINS_ANNOTATION} says is ignored in part: {}. It should be a JSON object of plugin names \
         and SHA-256 digests; take it away to go on with the current versions",
        told.join("; ")
    );
    let note = Note { kind: NoteKind::Warning, reason: reason::ROUTER_PLUGINS_IGNORED, message };
    (!record.ignored.is_empty()).then_some(note)
}

fn changed(router: &str, GivenUp { digest, why }: &GivenUp, now: &str) -> Note {
    let message = format!(
        "Goes on with version {now} of router plugin {router} instead of {digest}, with which this update began: {why}"
    );
    Note { kind: NoteKind::Warning, reason: reason::ROUTER_PLUGIN_CHANGED, message }
}
