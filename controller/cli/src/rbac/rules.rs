//! What a controller needs, as rules of roles.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tidegate_contract::{Description, Verb};
use tidegate_plugins::{HeaderSource, KeyKind, KeyRef, Source};
use tidegate_route::{Grant, permitted, reaches_other_namespaces};
use tidegate_shell::guess_plural;

/// A rule of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    pub(crate) api_groups: Vec<String>,
    pub(crate) resources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource_names: Vec<String>,
    pub(crate) verbs: Vec<String>,
}

impl Rule {
    pub(crate) fn new(group: &str, resources: &[&str], verbs: &[&str]) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            api_groups: vec![group.to_owned()],
            resources: texts(resources),
            resource_names: Vec::new(),
            verbs: texts(verbs),
        }
    }

    fn covers(&self, group: &str, plural: &str, verbs: &BTreeSet<&str>) -> bool {
        let has = |texts: &[String], text: &str| texts.iter().any(|one| one == text);
        has(&self.api_groups, group)
            && has(&self.resources, plural)
            && self.resource_names.is_empty()
            && verbs.iter().all(|verb| has(&self.verbs, verb))
    }
}

const SECRETS: &str = "secrets";
const CONFIG_MAPS: &str = "configmaps";

const READ: [&str; 3] = ["get", "list", "watch"];
const WRITE: [&str; 6] = ["get", "list", "watch", "create", "patch", "delete"];

/// What a controller needs wherever it looks after Rollouts, whatever its plugins are.
pub(crate) fn of_rollouts() -> Vec<Rule> {
    vec![
        Rule::new("argoproj.io", &["rollouts"], &["get", "list", "watch", "patch"]),
        Rule::new("argoproj.io", &["rollouts/status"], &["patch"]),
        // Their status is no subresource.
        Rule::new("argoproj.io", &["analysisruns", "experiments"], &WRITE),
        Rule::new("argoproj.io", &["analysistemplates"], &READ),
        // For owner references that block their owner's deletion.
        Rule::new(
            "argoproj.io",
            &["rollouts/finalizers", "experiments/finalizers", "analysisruns/finalizers"],
            &["update"],
        ),
        // Those of analyses; watched only while one has some.
        Rule::new("batch", &["jobs"], &["get", "list", "watch", "create", "delete"]),
        Rule::new("apps", &["replicasets"], &WRITE),
        // What Rollouts take their template from (`workloadRef`), and Deployments that give their pods up (`scaleDown`).
        Rule::new("apps", &["deployments"], &READ),
        Rule::new("apps", &["deployments/scale"], &["patch"]),
        Rule::new("", &["podtemplates"], &READ),
        // Pods, only while they are being replaced (`restartAt`) or labelled (`canaryMetadata`, `stableMetadata`).
        Rule::new("", &["pods"], &["get", "list", "watch", "patch"]),
        Rule::new("", &["pods/eviction"], &["create"]),
        // The selectors of the stable and the canary Service, and the Services of experiments.
        Rule::new("", &["services"], &WRITE),
        // Whether a Rollout's namespace is being deleted, when the Rollout is.
        Rule::new("", &["namespaces"], &["get"]),
        Rule::new("", &["events"], &["create"]),
    ]
}

/// What it needs besides where it looks after the Rollouts of all namespaces.
pub(crate) fn of_all_namespaces() -> Vec<Rule> {
    vec![Rule::new("argoproj.io", &["clusteranalysistemplates"], &READ)]
}

/// What it needs of kinds that are in no namespace: its plugins' configuration, and what it may do itself.
pub(crate) fn of_the_cluster() -> Vec<Rule> {
    vec![
        Rule::new("tidegate.dev", &["routerplugins"], &READ),
        Rule::new("tidegate.dev", &["routerplugins/status"], &["patch"]),
        Rule::new("authorization.k8s.io", &["selfsubjectaccessreviews"], &["create"]),
    ]
}

/// What it needs in its own namespace: the lease, Argo's ConfigMap, and the last good bytes of plugins.
pub(crate) fn of_its_namespace() -> Vec<Rule> {
    vec![
        Rule::new("coordination.k8s.io", &["leases"], &["get", "create", "update"]),
        Rule::new("", &["configmaps"], &["get", "list", "watch", "create", "delete"]),
    ]
}

/// What plugins need.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// By group and resource, the verbs.
    resources: BTreeMap<(String, String), BTreeSet<&'static str>>,
    /// By namespace, resource and name: what is read by its name.
    references: BTreeSet<(String, &'static str, String)>,
}

impl Needs {
    /// Adds what a plugin needs that its operator grants this; without a grant, all that it describes and any plugin may.
    pub(crate) fn add(&mut self, description: &Description, grant: Option<&Grant>) {
        for (kind, verbs) in permitted(description, grant) {
            let verbs = verbs.into_iter().flat_map(|verb| match verb {
                Verb::Read => &READ[..],
                Verb::Update => &["patch"],
                Verb::Create => &["create"],
                Verb::Delete => &["delete"],
            });
            let plural = guess_plural(&kind.kind);
            self.resources.entry((kind.group, plural)).or_default().extend(verbs);
        }
        if reaches_other_namespaces(description, grant) {
            // Whether another namespace agrees.
            let grants = ("gateway.networking.k8s.io".to_owned(), "referencegrants".to_owned());
            self.resources.entry(grants).or_default().extend(READ);
        }
    }

    /// Adds what the controller reads to get a plugin.
    pub(crate) fn add_references(&mut self, source: &Source) {
        match source {
            Source::Web(web) => {
                for header in &web.headers {
                    match header {
                        HeaderSource::One { value, .. } => self.add_reference(value),
                        HeaderSource::Each { namespace, name } => {
                            self.references.insert((namespace.clone(), SECRETS, name.clone()));
                        }
                    }
                }
                web.ca.iter().for_each(|ca| self.add_reference(ca));
            }
            Source::ConfigMap(maps) => {
                let reference = |name: &String| (maps.namespace.clone(), CONFIG_MAPS, name.clone());
                self.references.extend(maps.names.iter().map(reference));
            }
            Source::File(_) | Source::Builtin(_) | Source::Stored(_) => {}
        }
    }

    fn add_reference(&mut self, key: &KeyRef) {
        let resource = match key.kind {
            KeyKind::Secret => SECRETS,
            KeyKind::ConfigMap => CONFIG_MAPS,
        };
        self.references.insert((key.namespace.clone(), resource, key.name.clone()));
    }

    /// Namespaces with objects that are read by their names.
    pub(crate) fn namespaces(&self) -> BTreeSet<&str> {
        self.references.iter().map(|(namespace, ..)| namespace.as_str()).collect()
    }

    /// Rules for what is read in a namespace by its name, besides those that are there anyway. Secrets are got; ConfigMaps are
    /// watched too, which a rule with names allows for a watch of one name.
    pub(crate) fn rules_of_names(&self, namespace: &str, anyway: &[Rule]) -> Vec<Rule> {
        let rule = |resource: &str, verbs: &[&str]| {
            let wanted: BTreeSet<&str> = verbs.iter().copied().collect();
            let names: Vec<String> = self
                .references
                .iter()
                .filter(|(found, of, _)| found == namespace && *of == resource)
                .map(|(.., name)| name.clone())
                .collect();
            let is_needed =
                !names.is_empty() && !anyway.iter().any(|rule| rule.covers("", resource, &wanted));
            is_needed.then(|| Rule { resource_names: names, ..Rule::new("", &[resource], verbs) })
        };
        [rule(CONFIG_MAPS, &READ), rule(SECRETS, &["get"])].into_iter().flatten().collect()
    }

    /// The fewest rules that say it, besides those that are there anyway: resources of one group with the same verbs are one
    /// rule.
    pub(crate) fn rules(&self, anyway: &[Rule]) -> Vec<Rule> {
        let mut rules: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
        for ((group, plural), verbs) in &self.resources {
            if anyway.iter().any(|rule| rule.covers(group, plural, verbs)) {
                continue;
            }
            // In the order in which people write them.
            let order = ["get", "list", "watch", "create", "patch", "delete"];
            let verbs: Vec<&str> = order.into_iter().filter(|verb| verbs.contains(verb)).collect();
            rules.entry((group, verbs)).or_default().push(plural);
        }
        rules.into_iter().map(|((group, verbs), resources)| Rule::new(group, &resources, &verbs)).collect()
    }
}
