//! Writing down on a Rollout what has to be known of it by its next look, by another process, and by whoever keeps the plugins:
//! which versions of its plugins it uses while it is in flight, and what its routers have written to that has to be given back
//! some day. The latter holds up the Rollout's deletion by a finalizer. No answer of a version is carried out before that version
//! is recorded, and nothing is written that gives the canary anything before it is recorded where.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tidegate_api::{Body, Operation, Request, builtin, object};
use tidegate_contract::{Destination, Traffic};
use tidegate_core::{Decision, Note, NoteKind};
use tidegate_model::interest::{self, RouterUse};
use tidegate_model::names::{RELEASE_FINALIZER, ROUTER_PLUGINS_ANNOTATION, STATE_ANNOTATION, reason};
use tidegate_model::plugin_record::is_in_flight;
use tidegate_model::routing_record::{finalizers, has_finalizer};
use tidegate_model::{PluginRecord, RoutedTarget, RoutingRecord};
use tidegate_route::WriteAction;

use crate::choice::{Choice, Faults, GivenUp};
use crate::memory::{Memory, RouterKey};
use crate::partings::{Parting, is_idle, is_skipped, services};
use crate::plugins::Plugins;
use crate::routing::View;

/// What has to be changed in what a Rollout records.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The versions of its plugins.
    versions: Change,
    /// Whether those that are recorded are of the last update.
    is_outdated: bool,
    /// What its routers have written to.
    state: Change,
    /// Whether something is written to that is not recorded yet.
    is_growing: bool,
    /// Its finalizers.
    finalizers: Option<Vec<String>>,
    notes: Vec<Note>,
}

/// What has to be done about an annotation.
#[derive(Debug, Default, PartialEq, Eq)]
enum Change {
    /// It is as it should be.
    #[default]
    Nothing,
    /// It should not be there.
    Remove,
    /// It should have this text.
    Write(String),
}

impl Change {
    /// To this text, or to none.
    fn to(text: Option<String>) -> Self {
        text.map_or(Self::Remove, Self::Write)
    }

    const fn is_due(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

impl Record {
    /// What a Rollout should record of the versions of its plugins.
    pub(crate) fn due(
        rollout: &Value,
        used: &[RouterUse],
        plugins: &Plugins,
        memory: &Memory,
        decided: &Value,
    ) -> Self {
        let written = PluginRecord::read(rollout);
        let mut notes: Vec<Note> = written.as_ref().and_then(ignored_versions).into_iter().collect();
        if !is_in_flight(rollout) {
            let versions = if written.is_some() { Change::Remove } else { Change::Nothing };
            return Self { versions, notes, ..Self::default() };
        }
        let PluginRecord { versions: written, ignored } = written.unwrap_or_default();
        let mut wanted = BTreeMap::new();
        let begins = begins_anew(rollout, decided);
        for router in used.iter().map(|used| used.name.as_str()) {
            let recorded = written.get(router).copied();
            let none = Faults::default();
            let remembered = memory.routers.get(&RouterKey::of(router));
            let faults = remembered.map_or(&none, |memory| &memory.plugin_faults);
            let digest = match plugins.choose(router, recorded.filter(|_| !begins), faults) {
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
            return Self::default();
        }
        let text = (!wanted.is_empty()).then(|| PluginRecord::text(&wanted));
        let is_outdated = begins && !written.is_empty();
        Self { versions: Change::to(text), is_outdated, notes, ..Self::default() }
    }

    /// Nothing should be recorded.
    pub(crate) fn none(rollout: &Value) -> Self {
        let removal = |key: &str| match object::annotation(rollout, key) {
            Some(_) => Change::Remove,
            None => Change::Nothing,
        };
        let mut record = Self {
            versions: removal(ROUTER_PLUGINS_ANNOTATION),
            state: removal(STATE_ANNOTATION),
            ..Self::default()
        };
        record.finalize(rollout, false);
        record
    }

    /// What a Rollout should record of what its routers have written to, and whether its deletion has to wait for that.
    pub(crate) fn hold(
        &mut self,
        rollout: &Value,
        record: &RoutingRecord,
        used: &[RouterUse],
        traffic: Option<&Traffic>,
        (views, partings): (&[View], &[Parting]),
    ) {
        let leaving = partings.iter().filter(|parting| parting.is_under_way());
        let mut wanted: Vec<RoutedTarget> = leaving.map(|parting| parting.target.clone()).collect();
        match traffic {
            Some(traffic) if views.len() == used.len() => {
                for (used, view) in used.iter().zip(views) {
                    wanted.extend(held(rollout, record, used, traffic, view, partings));
                }
            }
            // Nothing is routed now.
            _ => wanted.extend(
                record
                    .targets
                    .iter()
                    .filter(|one| partings.iter().all(|parting| parting.target != **one))
                    .cloned(),
            ),
        }
        self.notes.extend(ignored_state(record));
        if !wanted.is_empty()
            && self.versions == Change::Remove
            && is_observed(rollout)
            && !views.iter().all(View::is_settled)
        {
            // At the end both records go in one write; but not so late that the next update takes the versions for its own.
            self.versions = Change::Nothing;
        }
        if wanted != record.targets || !record.ignored.is_empty() {
            self.is_growing = wanted.iter().any(|target| !is_covered(target, &record.targets));
            self.state = Change::to(RoutingRecord::text(&wanted));
        }
        self.finalize(rollout, !wanted.is_empty() && !is_skipped(rollout));
    }

    fn finalize(&mut self, rollout: &Value, should: bool) {
        if should == has_finalizer(rollout) {
            return;
        }
        let others = finalizers(rollout).filter(|one| *one != RELEASE_FINALIZER);
        let mut finalizers: Vec<String> = others.map(str::to_owned).collect();
        if should {
            finalizers.push(RELEASE_FINALIZER.to_owned());
            self.is_growing = true;
        }
        self.finalizers = Some(finalizers);
    }

    /// Whether anything has to be changed.
    pub(crate) const fn is_due(&self) -> bool {
        self.versions.is_due() || self.state.is_due() || self.finalizers.is_some()
    }

    /// Whether it has to be there before anything that the routers answer is carried out.
    pub(crate) const fn comes_first(&self, is_routing: bool) -> bool {
        self.is_growing || is_routing && matches!(self.versions, Change::Write(_))
    }

    /// Has it written with a decision.
    pub(crate) fn put_on(mut self, decision: &mut Decision, rollout: &Value, is_routing: bool) {
        if !is_routing && matches!(self.versions, Change::Write(_)) {
            // Where nothing is routed, no version needs to be recorded.
            self.versions = if self.is_outdated { Change::Remove } else { Change::Nothing };
        }
        decision.notes.append(&mut self.notes);
        if !self.is_due() {
            return;
        }
        let index = decision.writes.iter().position(is_of_rollout).unwrap_or_else(|| {
            decision.writes.insert(0, patch_of(rollout));
            0
        });
        let Some(fields) = decision.writes.get_mut(index).and_then(metadata) else { return };
        let annotations = [(ROUTER_PLUGINS_ANNOTATION, self.versions), (STATE_ANNOTATION, self.state)];
        for (key, change) in annotations {
            let text = match change {
                Change::Nothing => continue,
                Change::Remove => None,
                Change::Write(text) => Some(text),
            };
            let annotations = fields.entry("annotations").or_insert_with(|| json!({}));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.insert(key.to_owned(), json!(text));
            }
        }
        if let Some(finalizers) = self.finalizers {
            fields.insert("finalizers".to_owned(), json!(finalizers));
        }
    }
}

/// Whether an update begins, though the traffic of the last one, which is over, may still be on its way back.
fn begins_anew(rollout: &Value, decided: &Value) -> bool {
    let status = rollout.get("status");
    let of = |field: &str| status.and_then(|status| status.get(field)).and_then(Value::as_str);
    let current = of("currentPodHash");
    current == of("stableRS") && current != decided.get("currentPodHash").and_then(Value::as_str)
}

/// Whether the status is about the spec as it is.
fn is_observed(rollout: &Value) -> bool {
    let observed = rollout.pointer("/status/observedGeneration").and_then(Value::as_str);
    let generation = object::generation(rollout).map(|generation| generation.to_string());
    observed == generation.as_deref()
}

/// What is held for a router in use; `None`: giving back would change nothing.
fn held(
    rollout: &Value,
    record: &RoutingRecord,
    used: &RouterUse,
    traffic: &Traffic,
    view: &View,
    partings: &[Parting],
) -> Option<RoutedTarget> {
    let is_it = |target: &RoutedTarget| target.is_for(&used.name, &used.config, services(traffic));
    let known = record.targets.iter().find(|target| is_it(target));
    // What changes an object that is there, for the stable pods alone, is itself giving back.
    let makes = |write: &crate::routing::RouteWrite| !matches!(write.write.action, WriteAction::Patch(_));
    let carries = !is_idle(traffic) || view.writes.iter().any(makes);
    let is_over = |parting: &Parting| parting.is_used && parting.is_over && is_it(&parting.target);
    let mut target = match known {
        Some(_) if !carries && partings.iter().any(is_over) => return None,
        Some(known) => known.clone(),
        None if carries => {
            let services = services(traffic).map(|service| service.map(str::to_owned));
            RoutedTarget::new(used.name.clone(), used.config.clone(), services)
        }
        None => return None,
    };
    // Without a plugin nothing is written.
    let Some(digest) = view.digest else { return known.cloned() };
    target.digest = Some(digest);
    if carries {
        let written = view.writes.iter().map(|write| &write.write.reference);
        let shared = view.report.shares.iter().map(|share| &share.about);
        target.objects.extend(written.chain(shared).map(RoutedTarget::name_of));
    }
    let is_named = |name: &String| interest::managed_routes(rollout).any(|named| named == name);
    let is_settled = view.report.state.is_settled();
    target.managed_routes.retain(|name| is_named(name) || !is_settled);
    let ruled = traffic.managed_routes.iter().filter(|route| route.rule.is_some());
    target.managed_routes.extend(ruled.map(|route| route.name.clone()));
    let is_gone = |service: &String| {
        let is_it = |one: &&Destination| one.service.as_ref() == Some(service);
        traffic.retired.iter().find(is_it).is_some_and(|one| view.report.has_let_go(one))
    };
    target.destinations.retain(|service, _| !is_gone(service));
    let given = traffic.additional.iter();
    target
        .destinations
        .extend(given.filter_map(|one| one.service.clone().zip(one.pod_template_hash.clone())));
    Some(target)
}

/// Whether what a router writes to is recorded already.
fn is_covered(target: &RoutedTarget, recorded: &[RoutedTarget]) -> bool {
    recorded.iter().any(|one| {
        let services = [target.stable_service.as_deref(), target.canary_service.as_deref()];
        one.is_for(&target.plugin, &target.config, services)
            && one.objects.is_superset(&target.objects)
            && one.managed_routes.is_superset(&target.managed_routes)
            && target.destinations.iter().all(|(service, hash)| one.destinations.get(service) == Some(hash))
    })
}

fn patch_of(rollout: &Value) -> Request {
    let version = object::resource_version(rollout);
    Request {
        resource: builtin::rollouts(),
        namespace: Some(object::namespace(rollout).to_owned()),
        operation: Operation::Patch {
            name: object::name(rollout).to_owned(),
            subresource: None,
            body: Body::Merge(json!({"metadata": {"resourceVersion": version}})),
        },
    }
}

fn is_of_rollout(request: &Request) -> bool {
    request.resource == builtin::rollouts()
        && matches!(&request.operation, Operation::Patch { subresource: None, body: Body::Merge(_), .. })
}

/// The metadata in the merge patch of a Rollout.
fn metadata(request: &mut Request) -> Option<&mut Map<String, Value>> {
    match &mut request.operation {
        Operation::Patch { body: Body::Merge(body), .. } => {
            body.as_object_mut()?.entry("metadata").or_insert_with(|| json!({})).as_object_mut()
        }
        _ => None,
    }
}

/// So much of what is ignored is told; an event has room for 1024 characters.
const TOLD: usize = 4;

fn ignored_state(record: &RoutingRecord) -> Option<Note> {
    let told: Vec<&str> = record.ignored.iter().take(TOLD).map(String::as_str).collect();
    let message = format!(
        "What the annotation {STATE_ANNOTATION} says is ignored in part: {}. It should be as Tidegate wrote it",
        told.join("; ")
    );
    let note = Note { kind: NoteKind::Warning, reason: reason::STATE_IGNORED, message };
    (!record.ignored.is_empty()).then_some(note)
}

fn ignored_versions(record: &PluginRecord) -> Option<Note> {
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
