//! What is served, and what a server does about each kind beyond what it does for all: defaults, validation,
//! subresources, when the generation moves.

mod definition;
pub(crate) mod gateway_api;
mod ingress;
mod istio;
mod job;
pub(crate) mod network;
pub(crate) mod rollout;
pub(crate) mod workload;

use std::sync::{Arc, LazyLock};

pub(crate) use definition::read_definition;
use serde_json::{Map, Value, json};
use tidegate_api::{Cause, Resource, builtin, object};

use crate::answer::{value_forbidden, value_invalid};
use crate::json::{as_object, copy_field, object_at, text};
use crate::metadata;
use crate::names::NameRule;
use crate::schema::Schema;

/// How a further kind is served: what its `CustomResourceDefinition` would say.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// Whether it has the status subresource.
    pub status: bool,
    /// Where its scale subresource reads and writes, if it has one.
    pub scale: Option<ScalePaths>,
    /// Its structural schema: unknown fields are pruned, defaults filled in, and the rest validated. Without one
    /// everything is kept and accepted.
    pub schema: Option<Schema>,
    /// What a structural schema cannot say (CEL rules), checked after it.
    pub validate: Option<Validate>,
}

/// A validation in code: what is wrong with the new object, given the old one on a change.
pub type Validate = fn(new: &Value, old: Option<&Value>) -> Vec<Cause>;

/// Where the scale subresource of a kind reads and writes, as JSON pointers (`/spec/replicas`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// The replicas that should be.
    pub spec_replicas: String,
    /// The replicas that are.
    pub status_replicas: String,
    /// The label selector of the pods: an object, or its text form.
    pub selector: String,
}

impl ScalePaths {
    /// What is wrong with the counts of a custom resource: the scale subresource must be able to read them.
    fn validate(&self, object: &Value) -> Vec<Cause> {
        let problem = |pointer: &String| {
            let count = object.pointer(pointer).filter(|count| !count.is_null())?;
            let field = pointer.replace('/', ".");
            match count.as_i64() {
                None => {
                    let detail = format!("{field} accessor error: it is not of the type int64");
                    Some(value_invalid(&field, &Value::from(0), &detail))
                }
                Some(negative) if negative < 0 => {
                    Some(value_invalid(&field, count, "should be a non-negative integer"))
                }
                Some(_) => None,
            }
        };
        [&self.spec_replicas, &self.status_replicas].into_iter().filter_map(problem).collect()
    }
}

/// A served kind.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) resource: Resource,
    pub(crate) family: Family,
    pub(crate) options: ServeOptions,
}

/// The kinds whose rules are in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Served from a definition.
    Custom,
    /// Nothing special: `ConfigMap`, `Secret`.
    Plain,
    ServiceAccount,
    Namespace,
    Pod,
    ReplicaSet,
    Deployment,
    Job,
    PodTemplate,
    Service,
    Event,
    Lease,
}

impl Kind {
    /// A kind as a `CustomResourceDefinition` would serve it.
    pub(crate) fn custom(resource: Resource, options: ServeOptions) -> Self {
        Self { resource, family: Family::Custom, options }
    }

    fn built_in(resource: Resource, family: Family) -> Self {
        let status = matches!(
            family,
            Family::Namespace
                | Family::Pod
                | Family::ReplicaSet
                | Family::Deployment
                | Family::Job
                | Family::Service
        );
        let scale = matches!(family, Family::ReplicaSet | Family::Deployment).then(|| ScalePaths {
            spec_replicas: "/spec/replicas".into(),
            status_replicas: "/status/replicas".into(),
            selector: "/spec/selector".into(),
        });
        let options = ServeOptions { status, scale, ..ServeOptions::default() };
        Self { resource, family, options }
    }

    /// How its objects may be named.
    pub(crate) fn name_rule(&self) -> NameRule {
        match self.family {
            Family::Namespace | Family::Service => NameRule::Label,
            _ => NameRule::Subdomain,
        }
    }

    /// Whether a replacement of an object that is not there makes it.
    pub(crate) fn created_by_replacement(&self) -> bool {
        matches!(self.family, Family::Service | Family::Event | Family::Lease)
    }

    /// Whether a replacement may leave out which version it replaces.
    pub(crate) fn replaced_unconditionally(&self) -> bool {
        !matches!(self.family, Family::Custom | Family::Lease)
    }

    /// Whether a deletion is answered with the object, not with a `Status`.
    pub(crate) fn returns_deleted(&self) -> bool {
        matches!(self.family, Family::Pod | Family::Service | Family::ServiceAccount | Family::Namespace)
    }

    /// Whether its objects count generations.
    pub(crate) fn counts_generations(&self) -> bool {
        matches!(
            self.family,
            Family::Custom
                | Family::Pod
                | Family::ReplicaSet
                | Family::Deployment
                | Family::Job
                | Family::PodTemplate
        )
    }

    /// What a server does as soon as it has read an object: prune, and fill in defaults.
    pub(crate) fn admit(&self, object: &mut Value) {
        if let Some(schema) = &self.options.schema {
            schema.admit(object);
        }
        match self.family {
            Family::ReplicaSet => workload::default_replica_set(object),
            Family::Deployment => workload::default_deployment(object),
            Family::Job => job::default_job(object),
            Family::PodTemplate => workload::default_pod_template(object),
            Family::Pod => workload::default_pod(object),
            Family::Service => network::default_service(object),
            Family::Namespace => default_namespace(object),
            Family::Event => {
                let event = as_object(object);
                for (key, value) in [
                    ("eventTime", Value::Null),
                    ("reportingComponent", "".into()),
                    ("reportingInstance", "".into()),
                ] {
                    event.entry(key).or_insert(value);
                }
            }
            _ => {}
        }
    }

    /// The first field of an object that its Go type cannot hold, which makes the object unreadable. Only looked for
    /// where this server itself reads the field.
    pub(crate) fn mistyped(&self, object: &Value) -> Option<String> {
        match self.family {
            Family::ReplicaSet | Family::Deployment => workload::mistyped(object),
            Family::Job => job::mistyped(object),
            _ => None,
        }
    }

    /// What a server does to a new object before it validates it.
    pub(crate) fn prepare_create(&self, object: &mut Value, sequence: u64) {
        if self.options.status {
            as_object(object).shift_remove("status");
        }
        if self.counts_generations() {
            metadata::set(object, "generation", 1);
        }
        match self.family {
            Family::ReplicaSet => {
                as_object(object).insert("status".into(), json!({"replicas": 0}));
            }
            Family::Job => job::prepare(object),
            Family::Deployment | Family::Service => {
                let status =
                    if self.family == Family::Service { json!({"loadBalancer": {}}) } else { json!({}) };
                as_object(object).insert("status".into(), status);
            }
            Family::Pod => {
                workload::admit_pod(object);
                let class = workload::quality_of_service(object);
                as_object(object).insert("status".into(), json!({"phase": "Pending", "qosClass": class}));
            }
            Family::Namespace => {
                as_object(object).insert("status".into(), json!({"phase": "Active"}));
            }
            _ => {}
        }
        if self.family == Family::Service {
            network::allocate(object, sequence);
        }
    }

    /// What a server does to a changed object before it validates it: a change of the status leaves everything
    /// else as it was, a change of the rest leaves the status as it was, and the generation follows.
    pub(crate) fn prepare_update(&self, new: &mut Value, old: &Value, status: bool) {
        if status {
            self.prepare_status(new, old);
            return;
        }
        if self.options.status {
            copy_field(old, new, "status");
        }
        if self.family == Family::Service {
            network::keep_allocated(new, old);
        }
        let moved = match self.family {
            Family::Custom => differs_outside_metadata(new, old),
            Family::Pod | Family::ReplicaSet | Family::Job => new.get("spec") != old.get("spec"),
            Family::PodTemplate => new.get("template") != old.get("template"),
            Family::Deployment => {
                let annotations = |object: &Value| {
                    object.get("metadata").and_then(|metadata| metadata.get("annotations")).cloned()
                };
                new.get("spec") != old.get("spec") || annotations(new) != annotations(old)
            }
            _ => false,
        };
        match object::generation(old) {
            // What others than the server wrote there stays, but is never changed.
            Some(generation) => metadata::set(new, "generation", generation + i64::from(moved)),
            None => metadata::unset(new, "generation"),
        }
    }

    fn prepare_status(&self, new: &mut Value, old: &Value) {
        if self.family == Family::Custom {
            // Nothing but the status, not even labels.
            let version = object::resource_version(new).to_owned();
            let status = as_object(new).shift_remove("status");
            *new = old.clone();
            match status {
                Some(status) => as_object(new).insert("status".into(), status),
                None => as_object(new).shift_remove("status"),
            };
            metadata::set(new, "resourceVersion", version);
            return;
        }
        copy_field(old, new, "spec");
        metadata::copy(old, new, "generation");
        if self.family == Family::ReplicaSet {
            workload::normalise_status(new);
        }
        if self.family == Family::Pod {
            metadata::copy(old, new, "ownerReferences");
        }
    }

    /// What is wrong with an object, metadata aside.
    pub(crate) fn validate(&self, new: &Value, old: Option<&Value>) -> Vec<Cause> {
        let mut causes = match &self.options.schema {
            Some(schema) => schema.validate(new, old),
            None => Vec::new(),
        };
        causes.extend(match self.family {
            Family::ReplicaSet => {
                let mut causes = workload::validate(new, old);
                causes.extend(workload::validate_status(new));
                causes
            }
            Family::Deployment => workload::validate(new, old),
            Family::Job => job::validate(new, old),
            Family::Pod => workload::validate_pod(new, old),
            Family::Service => network::validate_service(new),
            Family::Event => validate_event(new),
            Family::Lease => validate_lease(new),
            _ => Vec::new(),
        });
        if self.family == Family::Custom {
            causes.extend(self.options.scale.iter().flat_map(|paths| paths.validate(new)));
        } else {
            causes.extend(metadata::validate_standard_finalizers(new));
        }
        if let (true, Some(validate)) = (causes.is_empty(), self.options.validate) {
            causes = validate(new, old);
        }
        causes
    }
}

fn differs_outside_metadata(new: &Value, old: &Value) -> bool {
    let (Some(new), Some(old)) = (new.as_object(), old.as_object()) else { return new != old };
    let others = |map: &Map<String, Value>| map.len() - usize::from(map.contains_key("metadata"));
    others(new) != others(old)
        || new.iter().any(|(key, value)| key != "metadata" && old.get(key) != Some(value))
}

fn default_namespace(object: &mut Value) {
    let name = object::name(object).to_owned();
    let labels = object_at(object, "metadata").entry("labels").or_insert(Value::Null);
    as_object(labels).insert("kubernetes.io/metadata.name".into(), name.into());
    crate::json::default(object_at(object, "spec"), "finalizers", || json!(["kubernetes"]));
}

fn validate_event(event: &Value) -> Vec<Cause> {
    let about = text(event, &["involvedObject", "namespace"]);
    let here = object::namespace(event);
    // An event about something in the whole cluster is kept in the namespace `default`.
    if about == here || (about.is_empty() && here == "default") {
        return Vec::new();
    }
    vec![value_invalid("involvedObject.namespace", &Value::from(about), "does not match event.namespace")]
}

fn validate_lease(lease: &Value) -> Vec<Cause> {
    let number = |key: &str| crate::json::number(lease, &["spec", key]);
    let mut causes = Vec::new();
    if let Some(seconds) = number("leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
        causes.push(value_invalid("spec.leaseDurationSeconds", &seconds.into(), "must be greater than 0"));
    }
    if let Some(count) = number("leaseTransitions").filter(|count| *count < 0) {
        let problem = "must be greater than or equal to 0";
        causes.push(value_invalid("spec.leaseTransitions", &count.into(), problem));
    }
    causes
}

/// Everything that is served from the beginning. It never changes, and reading the schemas takes longer than a whole
/// short simulation, so it is read once.
pub(crate) fn built_in() -> &'static [Arc<Kind>] {
    static KINDS: LazyLock<Vec<Arc<Kind>>> =
        LazyLock::new(|| read_built_in().into_iter().map(Arc::new).collect());
    &KINDS
}

fn read_built_in() -> Vec<Kind> {
    let core = |kind: &str, plural: &str, family| {
        Kind::built_in(Resource::namespaced("", "v1", kind, plural), family)
    };
    let mut kinds = vec![
        Kind::built_in(builtin::pods(), Family::Pod),
        Kind::built_in(builtin::services(), Family::Service),
        core("ConfigMap", "configmaps", Family::Plain),
        core("Secret", "secrets", Family::Plain),
        core("ServiceAccount", "serviceaccounts", Family::ServiceAccount),
        Kind::built_in(Resource::cluster_scoped("", "v1", "Namespace", "namespaces"), Family::Namespace),
        Kind::built_in(builtin::events(), Family::Event),
        Kind::built_in(builtin::replica_sets(), Family::ReplicaSet),
        Kind::built_in(builtin::deployments(), Family::Deployment),
        Kind::built_in(Resource::namespaced("batch", "v1", "Job", "jobs"), Family::Job),
        Kind::built_in(builtin::pod_templates(), Family::PodTemplate),
        Kind::built_in(builtin::leases(), Family::Lease),
    ];
    kinds.extend(rollout::kinds());
    kinds.extend(gateway_api::kinds());
    kinds.extend(istio::kinds());
    kinds.push(ingress::kind());
    kinds
}

/// A selector that may not change.
fn immutable(field: &str, new: &Value, old: &Value, path: &[&str]) -> Option<Cause> {
    let (new, old) = (crate::json::at(new, path), crate::json::at(old, path));
    (new != old).then(|| value_invalid(field, new.unwrap_or(&Value::Null), "field is immutable"))
}

/// A field that may not change, where the server answers `Forbidden`.
fn unchangeable(field: &str, detail: &str) -> Cause {
    value_forbidden(field, detail)
}
