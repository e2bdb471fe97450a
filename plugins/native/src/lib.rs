//! A plugin that was written with the SDK, called directly instead of through a sandbox: what a plugin answers is the same, and a
//! question costs microseconds. For simulations and tests; the controller asks components only.
#![forbid(unsafe_code)]

use std::marker::PhantomData;

use tidegate_contract as host;
use tidegate_contract::{CallError, Fault, FaultReason};
use tidegate_router_sdk as guest;

/// The host's view of a guest's router.
pub struct Native<R> {
    description: host::Description,
    /// Every call of a session ends like this.
    fault: Option<FaultReason>,
    router: PhantomData<fn() -> R>,
}

impl<R: guest::Router> Native<R> {
    /// The plugin as it is.
    ///
    /// # Panics
    /// When it describes itself with a verb that the contract does not have, which no guest could.
    pub fn new() -> Self {
        Self { description: description(R::describe()), fault: None, router: PhantomData }
    }

    /// One whose `check` is right, and whose other calls end in a fault.
    pub fn failing(fault: FaultReason) -> Self {
        Self { fault: Some(fault), ..Self::new() }
    }
}

impl<R: guest::Router> Default for Native<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: guest::Router> host::Router for Native<R> {
    fn description(&self) -> &host::Description {
        &self.description
    }

    fn digest(&self) -> host::Digest {
        host::Digest([1; 32])
    }

    fn session(&self) -> Result<Box<dyn host::Session + '_>, Fault> {
        Ok(Box::new(Session { fault: self.fault, router: PhantomData::<fn() -> R> }))
    }
}

struct Session<R> {
    fault: Option<FaultReason>,
    router: PhantomData<fn() -> R>,
}

impl<R> Session<R> {
    fn fail(&self) -> Result<(), Fault> {
        match self.fault {
            Some(reason) => Err(Fault { reason, message: "it was told to".into(), last_words: "bye".into() }),
            None => Ok(()),
        }
    }
}

impl<R: guest::Router> host::Session for Session<R> {
    fn check(&mut self, target: &host::Target) -> Result<Vec<String>, CallError> {
        R::check(&ask(target)).map_err(problem)
    }

    fn locate(
        &mut self,
        target: &host::Target,
        wanted: &host::Traffic,
        seen: &[host::Observation],
    ) -> Result<Vec<host::Query>, CallError> {
        self.fail()?;
        let seen = seen.iter().map(observation).collect::<Vec<_>>();
        let queries = R::locate(&ask(target), &traffic(wanted), &seen);
        Ok(queries.map_err(problem)?.into_iter().map(query).collect())
    }

    fn route(
        &mut self,
        target: &host::Target,
        wanted: &host::Traffic,
        seen: &[host::Observation],
    ) -> Result<host::Outcome, CallError> {
        self.fail()?;
        let seen = seen.iter().map(observation).collect::<Vec<_>>();
        R::route(&ask(target), &traffic(wanted), &seen).map(outcome).map_err(problem)
    }

    fn release(
        &mut self,
        target: &host::Target,
        wanted: &host::Traffic,
        seen: &[host::Observation],
    ) -> Result<host::Outcome, CallError> {
        self.fail()?;
        let seen = seen.iter().map(observation).collect::<Vec<_>>();
        R::release(&ask(target), &traffic(wanted), &seen).map(outcome).map_err(problem)
    }
}

#[expect(clippy::panic, reason = "documented: it is the plugin's author who is told")]
fn description(description: guest::Description) -> host::Description {
    let verb = |word: String| match word.as_str() {
        "read" => host::Verb::Read,
        "update" => host::Verb::Update,
        "create" => host::Verb::Create,
        "delete" => host::Verb::Delete,
        other => panic!("no verb: {other}"),
    };
    let element = |usage: guest::ElementUse| host::ElementUse {
        at: usage.at,
        identity: usage.identity,
        references: usage.references,
    };
    let usage = |usage: guest::KindUse| host::KindUse {
        kind: kind(usage.kind),
        versions: usage.versions,
        verbs: usage.verbs.into_iter().map(verb).collect(),
        fields: usage.fields,
        elements: usage.elements.into_iter().map(element).collect(),
    };
    host::Description {
        name: description.name,
        version: description.version,
        features: description.features,
        kinds: description.kinds.into_iter().map(usage).collect(),
        config_schema: description.config_schema,
        settings_schema: description.settings_schema,
        annotations: description.annotations,
    }
}

fn ask(target: &host::Target) -> guest::Target {
    guest::Target {
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        uid: target.uid.clone(),
        config: target.config.clone(),
        settings: target.settings.clone(),
        stable_service: target.stable_service.clone(),
        canary_service: target.canary_service.clone(),
    }
}

fn traffic(traffic: &host::Traffic) -> guest::Traffic {
    let destination = |destination: &host::Destination| guest::Destination {
        name: destination.name.clone(),
        service: destination.service.clone(),
        pod_template_hash: destination.pod_template_hash.clone(),
        weight: destination.weight,
    };
    guest::Traffic {
        max_weight: traffic.max_weight,
        stable: destination(&traffic.stable),
        canary: destination(&traffic.canary),
        additional: traffic.additional.iter().map(destination).collect(),
        retired: traffic.retired.iter().map(destination).collect(),
        managed_routes: traffic.managed_routes.iter().map(managed_route).collect(),
    }
}

fn managed_route(route: &host::ManagedRoute) -> guest::ManagedRoute {
    let text = |text: &host::TextMatch| match text.clone() {
        host::TextMatch::Exact(text) => guest::TextMatch::Exact(text),
        host::TextMatch::Prefix(text) => guest::TextMatch::Prefix(text),
        host::TextMatch::Regex(text) => guest::TextMatch::Regex(text),
    };
    let header =
        |one: &host::HeaderMatch| guest::HeaderMatch { name: one.name.clone(), value: text(&one.value) };
    let matches = |one: &host::RequestMatch| guest::RequestMatch {
        method: one.method.as_ref().map(text),
        path: one.path.as_ref().map(text),
        headers: one.headers.iter().map(header).collect(),
    };
    let rule = |rule: &host::Rule| guest::Rule {
        matches: rule.matches.iter().map(matches).collect(),
        action: match rule.action {
            host::RuleAction::ToCanary => guest::RuleAction::ToCanary,
            host::RuleAction::Mirror(percent) => guest::RuleAction::Mirror(percent),
        },
    };
    guest::ManagedRoute { name: route.name.clone(), rule: route.rule.as_ref().map(rule) }
}

fn observation(seen: &host::Observation) -> guest::Observation {
    let kind = |kind: &host::Kind| guest::Kind { group: kind.group.clone(), kind: kind.kind.clone() };
    let object = |object: &host::Object| guest::Object {
        ref_: guest::ObjectRef {
            kind: kind(&object.reference.kind),
            namespace: object.reference.namespace.clone(),
            name: object.reference.name.clone(),
        },
        api_version: object.api_version.clone(),
        json: object.json.to_string(),
    };
    guest::Observation {
        query: guest::Query {
            kind: kind(&seen.query.kind),
            namespace: seen.query.namespace.clone(),
            select: match &seen.query.select {
                host::Selection::Name(name) => guest::Selection::Name(name.clone()),
                host::Selection::Labels(labels) => guest::Selection::Labels(labels.clone()),
            },
            optional: seen.query.optional,
        },
        served: seen.served,
        objects: seen.objects.iter().map(object).collect(),
    }
}

fn kind(kind: guest::Kind) -> host::Kind {
    host::Kind { group: kind.group, kind: kind.kind }
}

fn reference(reference: guest::ObjectRef) -> host::ObjectRef {
    host::ObjectRef { kind: kind(reference.kind), namespace: reference.namespace, name: reference.name }
}

fn query(query: guest::Query) -> host::Query {
    host::Query {
        kind: kind(query.kind),
        namespace: query.namespace,
        select: match query.select {
            guest::Selection::Name(name) => host::Selection::Name(name),
            guest::Selection::Labels(labels) => host::Selection::Labels(labels),
        },
        optional: query.optional,
    }
}

fn outcome(outcome: guest::Outcome) -> host::Outcome {
    let change = |change: guest::Change| host::Change {
        reference: reference(change.ref_),
        edit: match change.edit {
            guest::Edit::Replace(json) => host::Edit::Replace(json),
            guest::Edit::JsonPatch(patch) => host::Edit::JsonPatch(patch),
            guest::Edit::Remove => host::Edit::Remove,
        },
    };
    let share = |share: guest::Share| host::Share {
        about: reference(share.about),
        at: share.at,
        destination: share.destination,
        weight: share.weight,
        total: share.total,
    };
    host::Outcome {
        changes: outcome.changes.into_iter().map(change).collect(),
        shares: outcome.shares.into_iter().map(share).collect(),
        verdict: match outcome.verdict {
            guest::Verdict::Verified => host::Verdict::Verified,
            guest::Verdict::Pending(what) => host::Verdict::Pending(what),
            guest::Verdict::Rejected(what) => host::Verdict::Rejected(what),
            guest::Verdict::Unreported(what) => host::Verdict::Unreported(what),
            guest::Verdict::Unverifiable => host::Verdict::Unverifiable,
        },
        notes: outcome.notes,
        facts: outcome.facts,
    }
}

fn problem(problem: guest::Problem) -> CallError {
    let problem = problem.into_record();
    let (code, message, pointer) = (problem.code, problem.message, problem.pointer);
    host::Problem { code, message, about: problem.about.map(reference), pointer }.into()
}
