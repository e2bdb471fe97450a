//! From a request to its answer.

use axum::body::Bytes;
use http::header::ACCEPT;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tidegate_api::{ApiError, Resource};
use tidegate_cluster::Cluster;

use crate::form::Form;
use crate::list::Lists;
use crate::query::Query;
use crate::target::Target;
use crate::watch::Watch;
use crate::{answer, discovery, objects, reviews};

/// A cluster that understands HTTP.
#[derive(Clone, Debug)]
pub struct ApiServer {
    /// What is served. Whoever changes it directly, or lets time pass in it, is seen by watches as any other.
    pub cluster: Cluster,
    lists: Lists,
}

/// What a request is answered with.
#[derive(Debug)]
pub enum Reply {
    /// At once.
    Answer(Response<Bytes>),
    /// As things happen, after the head of a successful answer: what [`Watch::read`] gives, again and again.
    Watch(Box<Watch>),
}

impl ApiServer {
    /// Serves a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, lists: Lists::default() }
    }

    /// Answers a request.
    pub fn respond(&mut self, request: &Request<Bytes>) -> Reply {
        self.answer(request).unwrap_or_else(|error| Reply::Answer(answer::refusal(&error)))
    }

    fn answer(&mut self, request: &Request<Bytes>) -> Result<Reply, ApiError> {
        let target = Target::read(&self.cluster, request.uri().path())?;
        let query = Query::read(request.uri().query().unwrap_or_default())?;
        let form = Form::read(text(request, ACCEPT.as_str()));
        let (status, value) = match target {
            Target::Collection(resource, namespace) => {
                return self.collection(resource, namespace, request, &query, form);
            }
            Target::Object(place) => {
                let (status, value) = objects::answer(&mut self.cluster, place, request, &query)?;
                let mut text = Vec::new();
                form.write(&value, true, &mut text);
                return Ok(Reply::Answer(answer::bytes(status, text)));
            }
            Target::Review(plural) => {
                of(request, &Method::POST)?;
                reviews::answer(&plural, objects::body(request)?)?
            }
            fixed => {
                of(request, &Method::GET)?;
                (StatusCode::OK, self.fixed(fixed)?)
            }
        };
        Ok(Reply::Answer(answer::json(status, &value)))
    }

    fn collection(
        &mut self,
        resource: Resource,
        namespace: Option<String>,
        request: &Request<Bytes>,
        query: &Query,
        form: Form,
    ) -> Result<Reply, ApiError> {
        let cluster = &mut self.cluster;
        match *request.method() {
            Method::GET if query.watch => {
                Ok(Reply::Watch(Box::new(Watch::open(cluster, resource, namespace, query, form)?)))
            }
            Method::GET => {
                let text = self.lists.answer(cluster, &resource, namespace.as_deref(), query, form)?;
                Ok(Reply::Answer(answer::bytes(StatusCode::OK, text)))
            }
            Method::POST => {
                let (status, value) = objects::create(cluster, resource, namespace, request, query)?;
                Ok(Reply::Answer(answer::json(status, &value)))
            }
            _ => Err(answer::method_not_allowed()),
        }
    }

    /// What is read only.
    fn fixed(&self, target: Target) -> Result<Value, ApiError> {
        let cluster = &self.cluster;
        match target {
            Target::Version => Ok(discovery::version()),
            Target::Health => Ok(Value::from("ok")),
            Target::CoreVersions => Ok(discovery::core_versions()),
            Target::Groups => Ok(discovery::groups(cluster)),
            Target::Group(name) => discovery::group(cluster, &name),
            Target::Resources(group, version) => discovery::resources(cluster, &group, &version),
            Target::Collection(..) | Target::Object(_) | Target::Review(_) => Err(answer::not_served()),
        }
    }
}

fn of(request: &Request<Bytes>, method: &Method) -> Result<(), ApiError> {
    if request.method() == method { Ok(()) } else { Err(answer::method_not_allowed()) }
}

fn text<'a>(request: &'a Request<Bytes>, header: &str) -> &'a str {
    request.headers().get(header).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
