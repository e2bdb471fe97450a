//! Gets a plugin: bytes from their source, then through the loader's stages, off the asynchronous workers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use serde_json::Value;
use tidegate_artifact::{Artifact, Collector, Limits, LoadError, LoadReason, Location, Stage};
use tidegate_contract::{Digest, Router};
use tidegate_fetch::{FetchRequest, Fetcher};
use tidegate_plugins::{ConfigMapSource, HeaderSource, LoadJob, Loaded, Source, WebSource};

use super::references;
use crate::api::Api;

/// What makes plugins of bytes: the sandbox, which this crate does not know.
pub trait Loader: Send + Sync + 'static {
    /// A component that is part of this binary.
    fn builtin(&self, name: &str) -> Option<&'static [u8]>;

    /// Says what bytes are that must not run, because nothing is pinned.
    ///
    /// # Errors
    /// When they are no component.
    fn recognise(&self, artifact: &Artifact, limits: &Limits) -> Result<(), LoadError>;

    /// Takes bytes through all stages. Computes for tens of milliseconds and more.
    ///
    /// # Errors
    /// The first stage that fails.
    fn load(&self, artifact: &Artifact, limits: &Limits) -> Result<LoadedPlugin, LoadError>;
}

/// A plugin that is ready.
pub struct LoadedPlugin {
    /// The plugin.
    pub router: Arc<dyn Router>,
    /// How long each stage took.
    pub stages: Vec<(Stage, Duration)>,
}

/// Does what the manager of plugins asks for.
#[derive(Clone)]
pub(crate) struct PluginJobs {
    pub(super) api: Api,
    fetcher: Arc<Fetcher>,
    loader: Arc<dyn Loader>,
    /// The controller's own namespace, where bytes are kept.
    pub(super) namespace: Arc<str>,
    /// The only namespace that is looked after; `None`: all.
    pub(super) watched_namespace: Option<Arc<str>>,
    stopped: Arc<AtomicBool>,
}

impl PluginJobs {
    pub(crate) fn new(
        api: Api,
        fetcher: Fetcher,
        loader: Arc<dyn Loader>,
        namespace: &str,
        watched_namespace: Option<&str>,
    ) -> Self {
        Self {
            api,
            fetcher: Arc::new(fetcher),
            loader,
            namespace: namespace.into(),
            watched_namespace: watched_namespace.map(Into::into),
            stopped: Arc::default(),
        }
    }

    /// Nothing is loaded any more.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Gets a plugin. Always answers.
    pub(super) async fn load(self, job: LoadJob) -> Result<Loaded, LoadError> {
        // A task of its own, so that a panic in a library is an answer too.
        let jobs = self.clone();
        let (source, sha256, cap) = (job.source.clone(), job.sha256, job.limits.artifact_bytes);
        let artifact = tokio::spawn(async move { jobs.get(source, sha256, cap).await })
            .await
            .unwrap_or_else(|error| Err(panicked(Stage::Read, &error)))?;
        if self.stopped.load(Ordering::Relaxed) {
            return Err(fault(Stage::Read, "the controller is ending".to_owned()));
        }
        let checking = tokio::task::spawn_blocking(move || check(self.loader.as_ref(), artifact, &job));
        checking.await.unwrap_or_else(|error| Err(panicked(Stage::Compile, &error)))
    }

    async fn get(&self, source: Source, sha256: Option<Digest>, cap: u64) -> Result<Artifact, LoadError> {
        match source {
            Source::Web(web) => self.fetch(*web, sha256, cap).await,
            Source::ConfigMap(from) => self.assemble(&from, sha256, cap).await,
            Source::File(path) => read_file(path, sha256, cap).await,
            Source::Builtin(name) => match self.loader.builtin(&name) {
                Some(bytes) => Artifact::from_static(bytes, &format!("builtin:{name}"), sha256, cap),
                None => Err(LoadError::new(
                    Stage::Read,
                    LoadReason::Unreachable,
                    format!("no plugin named {name:?} is built into this binary"),
                    "name one that is: `tidegate controller --help` shows them",
                )),
            },
            Source::Stored(digest) => self.stored(digest, cap).await,
        }
    }

    async fn fetch(&self, web: WebSource, sha256: Option<Digest>, cap: u64) -> Result<Artifact, LoadError> {
        let mut headers = Vec::new();
        for source in &web.headers {
            match source {
                HeaderSource::One { name, value } => {
                    headers.push(header(name, &references::key(&self.api, value).await?)?);
                }
                HeaderSource::Each { namespace, name } => {
                    for (name, value) in references::secret(&self.api, namespace, name).await? {
                        headers.push(header(&name, &value)?);
                    }
                }
            }
        }
        let ca_pem = match &web.ca {
            Some(ca) => Some(references::key(&self.api, ca).await?),
            None => None,
        };
        let request = FetchRequest {
            headers,
            ca_pem,
            proxy: web.proxy,
            allow_http: web.allow_http,
            sha256,
            ..FetchRequest::new(web.url, cap)
        };
        self.fetcher.fetch(&request).await
    }

    /// The bytes of one ConfigMap, or of several one after the other.
    async fn assemble(
        &self,
        from: &ConfigMapSource,
        sha256: Option<Digest>,
        cap: u64,
    ) -> Result<Artifact, LoadError> {
        let ConfigMapSource { namespace, names, key } = from;
        let mut collector = Collector::new(&format!("ConfigMap {namespace}/{}", names.join(", ")), cap);
        for name in names {
            let object = references::config_map(&self.api, namespace, name).await?;
            let text = object.get("binaryData").and_then(|data| data.get(key)).and_then(Value::as_str);
            let text = text.ok_or_else(|| {
                LoadError::new(
                    Stage::Read,
                    LoadReason::Unreachable,
                    format!("ConfigMap {namespace}/{name} has no key {key:?} in binaryData"),
                    "put the component there: `kubectl create configmap NAME --from-file=KEY=FILE`",
                )
            })?;
            let part = STANDARD.decode(text).map_err(|error| {
                LoadError::new(
                    Stage::Read,
                    LoadReason::Malformed,
                    format!("{key:?} of ConfigMap {namespace}/{name} is no base64: {error}"),
                    "make the ConfigMap again from the file",
                )
            })?;
            collector.push(&part)?;
        }
        collector.finish(sha256)
    }
}

fn check(loader: &dyn Loader, artifact: Artifact, job: &LoadJob) -> Result<Loaded, LoadError> {
    let is_builtin = matches!(job.source, Source::Builtin(_));
    if job.sha256.is_none() && !is_builtin {
        loader.recognise(&artifact, &job.limits)?;
        return Err(LoadError::new(
            Stage::Digest,
            LoadReason::DigestMissing,
            format!("{} is not pinned, so it does not run", artifact.origin()),
            format!("if it is the one that you mean, pin sha256: {}", artifact.digest()),
        ));
    }
    let LoadedPlugin { router, stages } = loader.load(&artifact, &job.limits)?;
    Ok(Loaded {
        router,
        size: u64::try_from(artifact.bytes().len()).unwrap_or(u64::MAX),
        stages,
        artifact: job.keep_bytes.then_some(artifact),
    })
}

async fn read_file(path: PathBuf, sha256: Option<Digest>, cap: u64) -> Result<Artifact, LoadError> {
    let source = tidegate_artifact::Source { location: Location::File(path), sha256 };
    let reading = tokio::task::spawn_blocking(move || tidegate_artifact::read(&source, cap, &|_| None));
    reading.await.unwrap_or_else(|error| Err(panicked(Stage::Read, &error)))
}

/// A header of a request. What is wrong with its value is not shown.
fn header(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), LoadError> {
    // Secrets that people write by hand tend to end with a new line.
    let value = value.trim_ascii();
    match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
        (Ok(name), Ok(mut value)) => {
            value.set_sensitive(true);
            Ok((name, value))
        }
        _ => Err(LoadError::new(
            Stage::Read,
            LoadReason::InvalidConfig,
            format!("{name:?}, or its value in the Secret, cannot be a header"),
            "keys are names of headers, values are one line of text",
        )),
    }
}

fn fault(stage: Stage, message: String) -> LoadError {
    LoadError::new(
        stage,
        LoadReason::HostFault,
        message,
        "not the plugin's fault: see the log of this process",
    )
}

fn panicked(stage: Stage, error: &tokio::task::JoinError) -> LoadError {
    fault(stage, format!("this process failed while it loaded the plugin: {error}"))
}
