//! All checks, in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_api::object;
use tidegate_contract::Traffic;
use tidegate_core::{Routing, Workload, World};
use tidegate_model::{Rollout, names::condition};
use tidegate_shell::PluginState;
use tidegate_simulate::objects::put_namespace;

use crate::document::{self, Manifest};
use crate::finding::{Finding, Said, Severity, reason};
use crate::{analyses, fields, remarks, routers, trial};

/// A text with manifests.
#[derive(Clone, Debug)]
pub struct Text {
    /// What it is called in findings.
    pub name: String,
    /// The text, YAML or JSON.
    pub content: String,
}

/// Whether there may be more than the texts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What they refer to must be among them.
    Whole,
    /// What they refer to and is not among them may be in the cluster: that is a warning.
    Part,
}

/// Everything that there is to say about these texts, in their order; within one object, what is worst first.
pub fn lint(texts: &[Text], plugins: &BTreeMap<String, PluginState>, scope: Scope) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut manifests: Vec<Manifest> = Vec::new();
    for text in texts {
        let (read, wrong) = document::read(&text.name, &text.content);
        manifests.extend(read);
        findings.extend(wrong);
    }
    for manifest in &mut manifests {
        let is_workload = ["Deployment", "ReplicaSet"].iter().any(|kind| manifest.is_of("apps", kind))
            || manifest.is_of("", "PodTemplate");
        if manifest.is_rollout()
            || manifest.is_of("", "Service")
            || manifest.is_of("argoproj.io", "AnalysisTemplate")
            || is_workload
        {
            put_namespace(&mut manifest.object);
        }
    }
    let mut said: Vec<Vec<Said>> = manifests
        .iter()
        .map(|manifest| {
            if manifest.is_rollout() {
                of_rollout(manifest, &manifests, plugins, scope)
            } else {
                analyses::of_template(manifest).unwrap_or_else(|| unchecked(manifest).into_iter().collect())
            }
        })
        .collect();
    for (index, one) in tried(&manifests, &said, plugins) {
        let one = if scope == Scope::Part { in_part(one) } else { one };
        if let Some(said) = said.get_mut(index)
            // What a router has said when it was asked it says again.
            && !said.iter().any(|earlier| earlier.severity == Severity::Error && earlier.path == one.path)
        {
            said.push(one);
        }
    }
    for (manifest, mut said) in manifests.iter().zip(said) {
        said.sort_by_key(|one| one.severity);
        findings.extend(said.into_iter().map(|one| manifest.finding(one)));
    }
    let place = |finding: &Finding| {
        let file = texts.iter().position(|text| text.name == finding.file);
        (file, finding.document)
    };
    findings.sort_by_key(place);
    findings
}

/// What can be said of a Rollout without running anything but its routers' checks.
fn of_rollout(
    manifest: &Manifest,
    all: &[Manifest],
    plugins: &BTreeMap<String, PluginState>,
    scope: Scope,
) -> Vec<Said> {
    let rollout = &manifest.object;
    let asked = routers::ask(rollout, plugins);
    let routing = Routing { traffic: Traffic::default(), routers: asked.reports };
    let mut said: Vec<Said> = Vec::new();
    let services = services(rollout, all);
    let workload = workload(rollout, all);
    let is_elsewhere = workload == Workload::Missing;
    let world = World { services, workload, routing: Some(routing), ..World::of(Arc::new(rollout.clone())) };
    for problem in tidegate_core::problems(&world, Timestamp::UNIX_EPOCH) {
        let one = Said::new(Severity::Error, problem.reason, problem.path, problem.message);
        said.push(Said { condition: Some(condition::INVALID_SPEC), ..one });
    }
    if scope == Scope::Part {
        let named: Vec<String> = Rollout::read(rollout)
            .canary
            .services()
            .map(|(field, _)| format!("spec.strategy.canary.{field}"))
            .collect();
        // A Service that is not here is the one thing about these fields that more manifests could put right.
        let is_about_absence = |one: &Said| {
            named.contains(&one.path) && one.message.contains("does not exist")
                || is_elsewhere && one.path.is_empty()
        };
        for one in said.iter_mut().filter(|one| is_about_absence(one)) {
            (one.severity, one.condition) = (Severity::Warning, None);
        }
    }
    if said.is_empty() {
        let found = analyses::of_rollout(rollout, all).into_iter();
        let is_missing = |one: &Said| one.reason == reason::MISSING_TEMPLATE;
        said.extend(found.map(|one| {
            if scope == Scope::Part && is_missing(&one) {
                Said { severity: Severity::Warning, ..one }
            } else {
                one
            }
        }));
    }
    said.extend(asked.said);
    said.extend(fields::misspelled(rollout, &said));
    said.extend(remarks::remarks(rollout));
    said
}

/// What a Rollout takes its template from, if that is among the manifests.
fn workload(rollout: &Value, all: &[Manifest]) -> Workload {
    let Some(reference) = tidegate_model::workload::workload_ref(rollout) else { return Workload::None };
    let resource = reference.kind.resource();
    let is_meant = |one: &&Manifest| {
        one.is_of(&resource.group, &resource.kind)
            && object::name(&one.object) == reference.name
            && object::namespace(&one.object) == object::namespace(rollout)
    };
    let found = all.iter().find(is_meant);
    found.map_or(Workload::Missing, |one| Workload::Found(Arc::new(one.object.clone())))
}

/// The Services in a Rollout's namespace.
fn services(rollout: &Value, all: &[Manifest]) -> BTreeMap<String, Arc<Value>> {
    let near = all.iter().filter(|one| {
        one.is_of("", "Service") && object::namespace(&one.object) == object::namespace(rollout)
    });
    near.map(|one| (object::name(&one.object).to_owned(), Arc::new(one.object.clone()))).collect()
}

/// Runs the controller over the manifests: as often as some Rollout has versions, each time with the next ones.
fn tried(
    manifests: &[Manifest],
    said: &[Vec<Said>],
    plugins: &BTreeMap<String, PluginState>,
) -> trial::ByManifest {
    let mut versions: BTreeMap<String, Vec<(usize, &Manifest)>> = BTreeMap::new();
    let mut others = Vec::new();
    for (index, manifest) in manifests.iter().enumerate() {
        if manifest.is_rollout() {
            versions.entry(manifest.name()).or_default().push((index, manifest));
        } else {
            others.push((index, manifest));
        }
    }
    let rounds = versions.values().map(Vec::len).max().unwrap_or(1);
    let mut found = trial::ByManifest::new();
    for round in 0..rounds {
        let mut these = others.clone();
        let current = versions.values().filter_map(|versions| versions.get(round).or(versions.last()));
        // An invalid one would be left alone by the controller: nothing more would be known.
        let is_valid = |(index, _): &(usize, &Manifest)| {
            said.get(*index).is_none_or(|said| said.iter().all(|one| one.condition.is_none()))
        };
        these.extend(current.copied().filter(is_valid));
        for one in trial::run(&these, plugins) {
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

/// What may be otherwise once all objects are there.
fn in_part(said: Said) -> Said {
    let is_final = said.reason == reason::REFUSED || said.severity != Severity::Error;
    if is_final { said } else { Said { severity: Severity::Warning, ..said } }
}

/// What is said of a kind that no check here is about.
fn unchecked(manifest: &Manifest) -> Option<Said> {
    let kind = manifest.object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let message = match (manifest.group(), kind) {
        ("argoproj.io", kind @ ("AnalysisRun" | "Experiment")) => {
            format!("{kind} is recognised and not checked: the controller makes those of a Rollout itself")
        }
        ("argoproj.io", kind) => format!("{kind} is recognised and not checked: it is none of a Rollout's"),
        ("", "Service" | "Namespace" | "PodTemplate")
        | ("apps", "Deployment" | "ReplicaSet")
        | ("gateway.networking.k8s.io" | "networking.istio.io" | "networking.k8s.io", _)
        | ("apiextensions.k8s.io", "CustomResourceDefinition") => return None,
        _ => format!("{kind} is not checked: no Rollout's traffic depends on it"),
    };
    Some(Said::new(Severity::Note, reason::NOT_CHECKED, "", message))
}
