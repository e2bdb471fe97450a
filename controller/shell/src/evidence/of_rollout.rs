//! What a Rollout gets to know of experiments and analysis.

use std::sync::Arc;

use serde_json::Value;
use tidegate_analysis::{Reference, Templates};
use tidegate_api::object;
use tidegate_core::Evidence;

use super::Kind;
use crate::caches::{ANALYSIS_TEMPLATES, CLUSTER_ANALYSIS_TEMPLATES, WatchId};
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
    pub(crate) fn evidence_for(&self, name: &Name, rollout: &Value) -> Evidence {
        let has_evidence = self.index.known(name).is_some_and(|known| known.has_evidence);
        if !has_evidence && !self.owns_evidence(name, object::uid(rollout)) {
            return Evidence::none();
        }
        let of = |kind: Kind| {
            let objects = self.evidence_objects(kind.watch(), name, object::uid(rollout)).into_iter();
            objects.map(|(name, value)| (name.name.to_string(), value)).collect()
        };
        Evidence {
            runs: of(Kind::AnalysisRun),
            experiments: of(Kind::Experiment),
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
    pub(crate) fn templates(&self, namespace: &str) -> Templates {
        let of = |watch: WatchId, namespace: &str, cluster: bool| {
            let cache = self.caches.cache(watch);
            let objects = cache.into_iter().flat_map(|cache| {
                cache.in_namespace(namespace).filter_map(|(name, _)| cache.read(name)).collect::<Vec<_>>()
            });
            let named = move |template: Arc<Value>| {
                (Reference { cluster, name: object::name(&template).to_owned() }, template)
            };
            objects.map(named).collect::<Vec<_>>()
        };
        let own = of(ANALYSIS_TEMPLATES, namespace, false);
        own.into_iter().chain(of(CLUSTER_ANALYSIS_TEMPLATES, "", true)).collect()
    }
}
