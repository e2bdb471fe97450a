//! What a Rollout gets to know of experiments and analysis.

use serde_json::Value;
use tidegate_analysis::{Reference, Templates};
use tidegate_api::object;
use tidegate_core::Evidence;

use super::Kind;
use crate::caches::{ANALYSIS_TEMPLATES, CLUSTER_ANALYSIS_TEMPLATES};
use crate::name::Name;
use crate::shell::Shell;

impl Shell {
    /// Whether a Rollout needs to know what experiments and analyses there are, and that is not known yet.
    pub(crate) fn is_evidence_unknown(&self, rollout: &Name) -> bool {
        self.index.known(rollout).is_some_and(|known| known.has_evidence) && !self.is_evidence_known()
    }

    /// Whether it is known what experiments, analyses and templates there are.
    pub(crate) fn is_evidence_known(&self) -> bool {
        let is_known = |watch| !self.caches.is_unknown(watch);
        Kind::ALL.into_iter().all(|kind| is_known(kind.watch()))
            && is_known(ANALYSIS_TEMPLATES)
            && is_known(CLUSTER_ANALYSIS_TEMPLATES)
    }

    /// What a decision about a Rollout needs to know of its experiments and analyses.
    pub(crate) fn evidence_for(&mut self, name: &Name, rollout: &Value) -> Evidence {
        let has_evidence = self.index.known(name).is_some_and(|known| known.has_evidence);
        if !has_evidence && !self.owns_evidence(name, object::uid(rollout)) {
            return Evidence::none();
        }
        let mut of = |kind: Kind| {
            let objects = self.evidence_objects(kind.watch(), name, object::uid(rollout)).into_iter();
            objects.map(|(name, value)| (name.name.to_string(), value)).collect()
        };
        let (runs, experiments) = (of(Kind::AnalysisRun), of(Kind::Experiment));
        Evidence {
            runs,
            experiments,
            templates: self.templates(&name.namespace),
            is_known: self.is_evidence_known(),
        }
    }

    /// Whether there is still something of an earlier spec.
    fn owns_evidence(&self, rollout: &Name, uid: &str) -> bool {
        self.evidence.experiments.has_of_owner(&rollout.namespace, uid)
            || self.evidence.runs.has_of_owner(&rollout.namespace, uid)
    }

    /// The templates that something in this namespace may use.
    pub(crate) fn templates(&mut self, namespace: &str) -> Templates {
        let keep_parsed = self.settings.timing.parsed_objects;
        let mut templates = Templates::new();
        for (watch, namespace, cluster) in
            [(ANALYSIS_TEMPLATES, namespace, false), (CLUSTER_ANALYSIS_TEMPLATES, "", true)]
        {
            let Some(cache) = self.caches.cache_mut(watch) else { continue };
            let names: Vec<Name> = cache.in_namespace(namespace).map(|(name, _)| name.clone()).collect();
            templates.extend(names.into_iter().filter_map(|name| {
                let template = cache.value(&name, keep_parsed)?;
                Some((Reference { cluster, name: name.name.to_string() }, template))
            }));
        }
        templates
    }
}
