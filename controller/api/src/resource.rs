//! Resources (what the API server serves) and keys (which object of one).

use std::fmt;
use std::sync::Arc;

/// A served resource: a kind at one version, with the name that its URLs use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// API group, empty for the core group.
    pub group: Arc<str>,
    /// Version, for example `v1`.
    pub version: Arc<str>,
    /// Kind, for example `HTTPRoute`.
    pub kind: Arc<str>,
    /// Plural name in URLs, for example `httproutes`.
    pub plural: Arc<str>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// A namespaced resource.
    pub fn namespaced(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            plural: plural.into(),
            namespaced: true,
        }
    }

    /// A resource whose objects belong to the whole cluster.
    pub fn cluster_scoped(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        Self { namespaced: false, ..Self::namespaced(group, version, kind, plural) }
    }

    /// The `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The path of the collection, or of one object in it, without a query.
    pub fn path(&self, namespace: Option<&str>, name: Option<&str>, subresource: Option<&str>) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        for part in [name, subresource].into_iter().flatten() {
            path.push('/');
            path.push_str(part);
        }
        path
    }
}

/// Resources that every part of Tidegate knows without asking the server.
pub mod builtin {
    use super::Resource;

    /// `argoproj.io/v1alpha1` Rollout.
    pub fn rollouts() -> Resource {
        Resource::namespaced("argoproj.io", "v1alpha1", "Rollout", "rollouts")
    }
    /// `apps/v1` ReplicaSet.
    pub fn replica_sets() -> Resource {
        Resource::namespaced("apps", "v1", "ReplicaSet", "replicasets")
    }
    /// `apps/v1` Deployment.
    pub fn deployments() -> Resource {
        Resource::namespaced("apps", "v1", "Deployment", "deployments")
    }
    /// Core PodTemplate.
    pub fn pod_templates() -> Resource {
        Resource::namespaced("", "v1", "PodTemplate", "podtemplates")
    }
    /// Core Service.
    pub fn services() -> Resource {
        Resource::namespaced("", "v1", "Service", "services")
    }
    /// `argoproj.io/v1alpha1` Experiment.
    pub fn experiments() -> Resource {
        Resource::namespaced("argoproj.io", "v1alpha1", "Experiment", "experiments")
    }
    /// `argoproj.io/v1alpha1` AnalysisRun.
    pub fn analysis_runs() -> Resource {
        Resource::namespaced("argoproj.io", "v1alpha1", "AnalysisRun", "analysisruns")
    }
    /// `argoproj.io/v1alpha1` AnalysisTemplate.
    pub fn analysis_templates() -> Resource {
        Resource::namespaced("argoproj.io", "v1alpha1", "AnalysisTemplate", "analysistemplates")
    }
    /// `argoproj.io/v1alpha1` ClusterAnalysisTemplate.
    pub fn cluster_analysis_templates() -> Resource {
        let (kind, plural) = ("ClusterAnalysisTemplate", "clusteranalysistemplates");
        Resource::cluster_scoped("argoproj.io", "v1alpha1", kind, plural)
    }
    /// `batch/v1` Job.
    pub fn jobs() -> Resource {
        Resource::namespaced("batch", "v1", "Job", "jobs")
    }
    /// Core Secret.
    pub fn secrets() -> Resource {
        Resource::namespaced("", "v1", "Secret", "secrets")
    }
    /// Core Namespace.
    pub fn namespaces() -> Resource {
        Resource::cluster_scoped("", "v1", "Namespace", "namespaces")
    }
    /// Core Pod.
    pub fn pods() -> Resource {
        Resource::namespaced("", "v1", "Pod", "pods")
    }
    /// Core Event.
    pub fn events() -> Resource {
        Resource::namespaced("", "v1", "Event", "events")
    }
    /// `coordination.k8s.io/v1` Lease.
    pub fn leases() -> Resource {
        Resource::namespaced("coordination.k8s.io", "v1", "Lease", "leases")
    }
}

/// One object: kind by group (whatever the version), namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// API group, empty for the core group.
    pub group: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// The key of an object of this resource.
    pub fn new(resource: &Resource, namespace: &str, name: &str) -> Self {
        Self {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            namespace: if resource.namespaced { namespace.into() } else { "".into() },
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}
