//! The socket: a server on loopback, and the handle of whoever has started it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::serve::ListenerExt;
use futures::{Stream, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tidegate_api::ApiError;
use tidegate_cluster::{Change, Cluster};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::answer;
use crate::fate::Fate;
use crate::server::{ApiServer, Reply};
use crate::watch::Watch;

/// The largest body that is read; API servers take 3 MiB.
const MOST_BYTES: usize = 3 * 1024 * 1024;
/// So often, at least, it is looked whether bookmarks are due, where time passes by itself.
const TICK: Duration = Duration::from_secs(1);

/// What becomes of requests.
type Fates = Box<dyn FnMut(&Request<Bytes>) -> Fate + Send>;

/// Who is shown all changes.
type Observer = Box<dyn FnMut(&Change) + Send>;

/// A server that runs, or is about to: to look into its cluster, to change it, and to make things go wrong.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    server: Mutex<ApiServer>,
    /// Where time passes by itself: the cluster's time at a moment of the runtime's.
    clock: Mutex<Option<(Instant, Timestamp)>>,
    fates: Mutex<Fates>,
    observer: Mutex<Option<Observer>>,
    /// Counts what watches have to look at.
    news: watch::Sender<u64>,
    state: watch::Sender<Streams>,
}

/// How the streams of watches are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Streams {
    /// How often they have been cut.
    cuts: u64,
    /// Whether they are silent.
    are_held: bool,
}

impl Handle {
    /// A handle of a server for this cluster, in which time stands still until it is let pass.
    pub fn new(cluster: Cluster) -> Self {
        let shared = Shared {
            server: Mutex::new(ApiServer::new(cluster)),
            clock: Mutex::new(None),
            fates: Mutex::new(Box::new(|_| Fate::Served)),
            observer: Mutex::new(None),
            news: watch::Sender::new(0),
            state: watch::Sender::new(Streams::default()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Looks into the cluster, or changes it; watches tell of that.
    pub fn with<T>(&self, work: impl FnOnce(&mut Cluster) -> T) -> T {
        self.within(|server| work(&mut server.cluster))
    }

    /// Lets time pass in the cluster up to this time.
    pub fn advance(&self, to: Timestamp) {
        self.with(|cluster| cluster.advance(to));
        self.look();
    }

    /// Lets time pass in the cluster as in the runtime, from its present time on, for as long as this is polled. In a runtime
    /// whose time is paused, this is virtual time.
    pub async fn follow_the_clock(self) {
        let now = self.with(|cluster| cluster.now());
        *lock(&self.shared.clock) = Some((Instant::now(), now));
        let mut news = self.shared.news.subscribe();
        loop {
            self.with(|_| ());
            news.borrow_and_update();
            let next =
                self.with(|cluster| cluster.next_event_at().map(|at| at.duration_since(cluster.now())));
            let next = next.and_then(|time| Duration::try_from(time).ok()).unwrap_or(TICK);
            if next >= TICK {
                // Nothing will happen by itself so soon, but somebody may write something that changes that.
                if timeout(TICK, news.changed()).await.is_err() {
                    self.look();
                }
            } else {
                sleep(next).await;
            }
        }
    }

    /// Decides from now on what becomes of requests, those for watches included.
    pub fn decide_fates(&self, fates: impl FnMut(&Request<Bytes>) -> Fate + Send + 'static) {
        *lock(&self.shared.fates) = Box::new(fates);
    }

    /// Shows all changes from now on, in order, as they are made.
    pub fn observe(&self, observer: impl FnMut(&Change) + Send + 'static) {
        *lock(&self.shared.observer) = Some(Box::new(observer));
    }

    /// Ends the connections of all watches that are open.
    pub fn cut_watches(&self) {
        self.shared.state.send_modify(|streams| streams.cuts += 1);
    }

    /// Makes all watches silent, or lets them tell what they have not told.
    pub fn hold_watches(&self, held: bool) {
        self.shared.state.send_modify(|streams| streams.are_held = held);
    }

    /// Works on the server in its time, and lets watches look when something has changed.
    fn within<T>(&self, work: impl FnOnce(&mut ApiServer) -> T) -> T {
        let clock = *lock(&self.shared.clock);
        let mut server = lock(&self.shared.server);
        let before = server.cluster.resource_version();
        if let Some((moment, time)) = clock {
            let passed = SignedDuration::try_from(moment.elapsed()).unwrap_or(SignedDuration::MAX);
            server.cluster.advance(time.checked_add(passed).unwrap_or(Timestamp::MAX));
        }
        let result = work(&mut server);
        let changed = server.cluster.resource_version() != before;
        if let Some(observer) = lock(&self.shared.observer).as_mut() {
            server.cluster.all_changes_since(before).for_each(observer);
        }
        drop(server);
        if changed {
            self.look();
        }
        result
    }

    fn look(&self) {
        self.shared.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, MOST_BYTES).await else {
            let error = ApiError::new(413, "RequestEntityTooLarge", "the body of the request is too large");
            return answer::refusal(&error).map(Body::from);
        };
        let request = Request::from_parts(head, body);
        let fate = (lock(&self.shared.fates))(&request);
        match fate {
            Fate::Served => {}
            Fate::Late(time) => sleep(time).await,
            Fate::Refused(error) => return answer::refusal(&error).map(Body::from),
            Fate::Lost => return broken(),
            Fate::Unanswered => {
                self.within(|server| server.respond(&request));
                return broken();
            }
        }
        match self.within(|server| server.respond(&request)) {
            Reply::Answer(answer) => answer.map(Body::from),
            Reply::Watch(watch) => {
                let mut answer = Response::new(Body::from_stream(self.tell(*watch)));
                answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                answer
            }
        }
    }

    /// What a watch tells, piece by piece.
    fn tell(self, watch: Watch) -> impl Stream<Item = io::Result<Vec<u8>>> {
        let (news, streams) = (self.shared.news.subscribe(), self.shared.state.subscribe());
        let cuts = streams.borrow().cuts;
        let telling = Telling { handle: self, watch, news, streams, cuts };
        stream::unfold(Some(telling), |telling| async {
            let mut telling = telling?;
            match telling.next().await {
                Some(Ok(text)) => Some((Ok(text), Some(telling))),
                Some(Err(error)) => Some((Err(error), None)),
                None => None,
            }
        })
    }
}

/// A watch whose connection is open.
struct Telling {
    handle: Handle,
    watch: Watch,
    news: watch::Receiver<u64>,
    streams: watch::Receiver<Streams>,
    /// How often watches had been cut when it was opened.
    cuts: u64,
}

impl Telling {
    async fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        loop {
            let streams = *self.streams.borrow_and_update();
            if streams.cuts != self.cuts {
                return Some(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            if !streams.are_held {
                // Before reading: what comes later is looked at again.
                self.news.borrow_and_update();
                let progress = self.watch.read(&lock(&self.handle.shared.server).cluster);
                if !progress.text.is_empty() {
                    return Some(Ok(progress.text));
                }
                if progress.ended {
                    return None;
                }
            }
            tokio::select! {
                news = self.news.changed() => news.ok()?,
                streams = self.streams.changed() => streams.ok()?,
            }
        }
    }
}

/// An answer that begins and then breaks off.
fn broken() -> Response<Body> {
    let error: io::Result<Bytes> = Err(io::ErrorKind::ConnectionAborted.into());
    Response::new(Body::from_stream(stream::iter([error])))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until the future is dropped.
///
/// # Errors
/// When the socket cannot be used any more.
pub async fn serve(listener: TcpListener, handle: Handle) -> io::Result<()> {
    let service = axum::Router::new().fallback(move |request: Request<Body>| {
        let handle = handle.clone();
        async move { Ok::<_, Infallible>(handle.answer(request).await) }
    });
    let listener = listener.tap_io(|stream| {
        // Without it, small answers only come later.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, service).await
}

/// A kubeconfig for a server at this address, with `default` as its namespace.
pub fn kubeconfig(address: SocketAddr) -> String {
    let name = "tidegate-server";
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "users": [{"name": name, "user": {}}],
    })
    .to_string()
}
