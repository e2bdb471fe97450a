//! What the leader writes and publishes: the status of each `RouterPlugin`, and events on whatever configured a plugin.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{ApiError, Body, Operation, Request, object};
use tidegate_artifact::LoadError;
use tidegate_core::NoteKind;
use tidegate_shell::{KubernetesEvent, Now, RequestId};

use crate::catalogue::{Catalogue, origin_of};
use crate::effect::{Effect, Report};
use crate::managed::{Managed, Which};
use crate::manager::Manager;
use crate::problem::ConfigProblem;
use crate::resource::router_plugins;
use crate::schedule::earlier;
use crate::status::{Facts, Kept, Progress, Serving, is_same, said, status};
use crate::wanted::{Origin, Wanted};

/// Writes that are under way, and those that failed.
#[derive(Debug, Default)]
pub(crate) struct Writing {
    under_way: BTreeMap<RequestId, String>,
    /// By the name of the resource: failures in a row, and when to try again.
    failed: BTreeMap<String, (u32, Duration)>,
    /// What was written last, without times. Controllers with other instance ids write statuses of the same resources; where they
    /// see it otherwise, the last word stands until somebody has something new to say.
    last: BTreeMap<String, Value>,
    /// Mistakes in the configuration of which there was an event.
    told_problems: Vec<ConfigProblem>,
}

/// The longest pause between two tries of writing a status.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

impl Writing {
    pub(crate) fn start_over(&mut self) {
        *self = Self { told_problems: std::mem::take(&mut self.told_problems), ..Self::default() };
    }

    fn may_write(&self, name: &str, now: Duration) -> bool {
        !self.under_way.values().any(|one| one == name)
            && self.failed.get(name).is_none_or(|(_, until)| *until <= now)
    }
}

impl Manager {
    /// Writes the statuses that do not say what is so.
    pub(crate) fn write(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let names: Vec<String> = self.resources.keys().cloned().collect();
        for name in names {
            if !self.writing.may_write(&name, now.monotonic) {
                continue;
            }
            let Some(resource) = self.resources.get(&name) else { continue };
            let before = resource.get("status");
            let generation = object::generation(resource).unwrap_or_default();
            let should = self.status_of(&name, resource, generation, Self::whole(now.wall));
            let said = without_times(&should);
            if is_same(before, &should) || self.writing.last.get(&name) == Some(&said) {
                continue;
            }
            self.writing.last.insert(name.clone(), said);
            let body = json!({"metadata": {"uid": object::uid(resource)}, "status": should});
            let id = self.request_id();
            let operation = Operation::Patch {
                name: name.clone(),
                subresource: Some("status".to_owned()),
                body: Body::Merge(body),
            };
            self.writing.under_way.insert(id, name);
            effects.push(Effect::Send {
                id,
                request: Request { resource: router_plugins(), namespace: None, operation },
            });
        }
    }

    fn status_of(&self, name: &str, resource: &Value, generation: i64, now: jiff::Timestamp) -> Value {
        let origin = Origin::Resource(name.to_owned());
        let entries = self.catalogue.entries.iter();
        let own = entries.into_iter().find(|(_, entry)| *origin_of(entry) == origin);
        let managed = own.and_then(|(key, _)| Some((key, self.plugins.get(key)?)));
        let before = resource.get("status");
        let Some((key, managed)) = managed else {
            // Another configuration of the name counts, or there is no name in it.
            let problem = self.catalogue.problems_of(&origin).next().map(ConfigProblem::to_error);
            let wanted = problem.as_ref().map_or(Progress::Loading, Progress::Failed);
            let facts = Facts {
                name: None,
                wanted,
                is_pinned: true,
                serving: None,
                access: None,
                kept: Kept::NotNeeded,
            };
            return status(&facts, generation, before, now);
        };
        let error = managed.error();
        let is_ready = managed.loadings.get(&Which::Target).is_some_and(|target| target.digest().is_some());
        let wanted = match &error {
            Some(error) => Progress::Failed(error),
            None if is_ready => Progress::Ready,
            None => Progress::Loading,
        };
        let current = managed.current.and_then(|digest| Some((digest, managed.versions.get(&digest)?)));
        // Of what is configured, not where this process got it from: all processes are to say the same.
        let source = managed.entry.as_ref().map(|wanted| wanted.source.to_string()).unwrap_or_default();
        let serving = current.map(|(digest, version)| Serving {
            digest,
            version: &version.router.description().version,
            size: version.size,
            features: &version.router.description().features,
            source: &source,
        });
        let facts = Facts {
            name: Some(key),
            wanted,
            is_pinned: managed.entry.as_ref().is_ok_and(Wanted::is_pinned),
            serving,
            access: managed.current.and_then(|digest| managed.review.answer(digest)),
            kept: self.kept(managed),
        };
        status(&facts, generation, before, now)
    }

    fn kept<'a>(&self, managed: &'a Managed) -> Kept<'a> {
        let Some(digest) = managed.current else { return Kept::Pending };
        match (&managed.not_kept, self.keeping.has(digest)) {
            _ if managed.versions.get(&digest).is_some_and(|version| !version.is_far) => Kept::NotNeeded,
            (_, Some(true)) => Kept::Stored,
            (Some((about, reason, message, _)), _) if *about == digest => Kept::Not { reason, message },
            _ => Kept::Pending,
        }
    }

    /// A status was written, or not.
    pub(crate) fn written(&mut self, id: RequestId, result: Result<Value, ApiError>, now: Duration) {
        let Some(name) = self.writing.under_way.remove(&id) else { return };
        let Ok(object) = result else {
            self.writing.last.remove(&name);
            let (failures, until) = self.writing.failed.entry(name).or_default();
            *failures = failures.saturating_add(1);
            let pause = Duration::from_secs(1_u64 << (*failures).min(10)).min(LONGEST_PAUSE);
            *until = now.saturating_add(pause);
            return;
        };
        self.writing.failed.remove(&name);
        // The watch may be late: what the server has answered is how it is.
        if let Some(resource) = self.resources.get_mut(&name)
            && object::uid(resource) == object::uid(&object)
            && let (Some(fields), Some(status)) = (resource.as_object_mut(), object.get("status"))
        {
            // The rest may be older than what the watch has told since.
            fields.insert("status".to_owned(), status.clone());
        }
    }

    /// When the leader has something to do although nothing happens.
    pub(crate) fn wake_for_leader(&self, now: Duration) -> Option<Duration> {
        if !self.leading {
            return None;
        }
        let again = self.writing.failed.values().map(|(_, until)| *until).filter(|until| *until > now).min();
        earlier(again, self.wake_for_keeping(now))
    }

    /// Reports what is newly wrong with a configuration.
    pub(crate) fn report_problems(&self, catalogue: &Catalogue, effects: &mut Vec<Effect>) {
        for problem in catalogue.problems.iter().filter(|one| !self.catalogue.problems.contains(one)) {
            effects.push(Effect::Report(Report::BadConfig {
                origin: problem.origin.clone(),
                message: problem.text(),
            }));
        }
    }

    /// Publishes what is newly wrong with the configuration. Only the leader does: whoever becomes it tells what it learned
    /// before, which after a start is most of it.
    pub(crate) fn tell_problems(&mut self, effects: &mut Vec<Effect>) {
        let problems = self.catalogue.problems.clone();
        for problem in problems.iter().filter(|one| !self.writing.told_problems.contains(one)) {
            self.publish(
                &problem.origin,
                NoteKind::Warning,
                problem.reason.as_str(),
                problem.text(),
                effects,
            );
        }
        self.writing.told_problems = problems;
    }

    /// Publishes what is new about a plugin; only the leader does.
    pub(crate) fn tell_of(&mut self, name: &str, effects: &mut Vec<Effect>) {
        self.tell_switched(name, effects);
        self.tell_failed(name, effects);
    }

    /// Tells of a failure, unless it is the one that was told last.
    fn tell_failed(&mut self, name: &str, effects: &mut Vec<Effect>) {
        let Some(plugin) = self.plugins.get_mut(name) else { return };
        let error: Option<LoadError> = plugin.error().filter(|_| plugin.entry.is_ok());
        let Some(error) = error else {
            plugin.told.clear();
            return;
        };
        if !plugin.told.insert(error.reason) {
            return;
        }
        let mut message = format!("plugin {name}: {}", said(&error));
        if self.catalogue.built_in.contains_key(name)
            && error.reason == tidegate_artifact::LoadReason::NotWasm
        {
            message.push_str("; until then the plugin that is built in for this name serves");
        }
        self.publish_for(name, NoteKind::Warning, error.reason.as_str(), message, effects);
    }

    /// Tells that another version serves than the one that was told last.
    fn tell_switched(&mut self, name: &str, effects: &mut Vec<Effect>) {
        let Some(plugin) = self.plugins.get_mut(name).filter(|one| one.told_current != one.current) else {
            return;
        };
        let from = std::mem::replace(&mut plugin.told_current, plugin.current);
        let version = plugin.current.and_then(|digest| plugin.versions.get(&digest).map(|one| (digest, one)));
        let (kind, reason, message) = match (from, version) {
            (_, Some((digest, version))) => {
                let description = version.router.description();
                let message =
                    format!("plugin {name}: version {} serves, sha256:{digest}", description.version);
                (NoteKind::Normal, "PluginReady", message)
            }
            (Some(from), None) => {
                let message = format!("plugin {name}: sha256:{from} does not serve any more");
                (NoteKind::Warning, "PluginGone", message)
            }
            (None, None) => return,
        };
        self.publish_for(name, kind, reason, message, effects);
    }

    fn publish_for(
        &self,
        name: &str,
        kind: NoteKind,
        reason: &str,
        message: String,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(entry) = self.catalogue.entries.get(name) {
            self.publish(origin_of(entry), kind, reason, message, effects);
        }
    }

    fn publish(
        &self,
        origin: &Origin,
        kind: NoteKind,
        reason: &str,
        message: String,
        effects: &mut Vec<Effect>,
    ) {
        let regarding = match origin {
            Origin::Resource(name) => self.resources.get(name),
            Origin::ArgoConfig => self.config.as_ref(),
            Origin::Flag => None,
        };
        if let Some(regarding) = regarding {
            effects.push(Effect::Publish(KubernetesEvent {
                regarding: Arc::new(regarding.clone()),
                kind,
                reason: reason.to_owned(),
                message,
            }));
        }
    }
}

/// A status without the times at which conditions changed.
fn without_times(status: &Value) -> Value {
    let mut status = status.clone();
    let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten().filter_map(Value::as_object_mut) {
        condition.remove("lastTransitionTime");
    }
    status
}
