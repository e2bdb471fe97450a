//! Which requests meet which fate, and which there have been.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use http::header::USER_AGENT;
use http::{Method, Request};
use tidegate_explore::{Fate, Which, refusal};
use tokio::sync::mpsc;

use crate::controllers::CONTROLLERS;

/// What is known of requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// All of controllers.
    pub(crate) all: u64,
    /// Without watches, the lease, and looking whether kinds are served.
    pub(crate) loud: u64,
    /// What the last of these were.
    pub(crate) last: Vec<String>,
    armed: [Vec<Armed>; CONTROLLERS],
}

/// A fate that waits for its request.
#[derive(Clone, Copy, Debug)]
struct Armed {
    which: Which,
    after: u32,
    fate: Fate,
}

/// The same, for whoever asks.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Requests>>);

impl Shared {
    /// Looks at it, or changes it.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Requests) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What becomes of a request. A controller that ends by it is named to whoever ends it.
    pub(crate) fn decide(
        &self,
        request: &Request<Bytes>,
        ends: &mpsc::UnboundedSender<usize>,
    ) -> tidegate_server::Fate {
        let Some(controller) = controller(request) else { return tidegate_server::Fate::Served };
        let fate = self.with(|requests| {
            requests.note(request);
            requests.meet(controller, request)
        });
        let about = request.uri().path();
        let end = || {
            // Whoever ends controllers is there as long as requests are.
            let _ = ends.send(controller);
        };
        match fate {
            None => tidegate_server::Fate::Served,
            Some(Fate::Refused(code)) => tidegate_server::Fate::Refused(refusal(code, &about)),
            Some(Fate::Vanishes) => tidegate_server::Fate::Lost,
            Some(Fate::Unanswered) => tidegate_server::Fate::Unanswered,
            Some(Fate::Late(time)) => tidegate_server::Fate::Late(time),
            Some(Fate::CrashBefore) => {
                end();
                tidegate_server::Fate::Lost
            }
            Some(Fate::CrashAfter) => {
                end();
                tidegate_server::Fate::Unanswered
            }
        }
    }
}

impl Requests {
    /// Of the requests of a controller that fit, the next one but so many meets a fate.
    pub(crate) fn arm(&mut self, controller: usize, which: Which, after: u32, fate: Fate) {
        if let Some(armed) = self.armed.get_mut(controller) {
            armed.push(Armed { which, after, fate });
        }
    }

    /// All requests are served from now on.
    pub(crate) fn disarm(&mut self) {
        self.armed.iter_mut().for_each(Vec::clear);
    }

    fn note(&mut self, request: &Request<Bytes>) {
        self.all += 1;
        let path = request.uri().path();
        let is_discovery = path.trim_matches('/').split('/').count() < 4
            && *request.method() == Method::GET
            && !is_list(path);
        if is_watch(request) || is_about(path, "leases") || is_discovery {
            return;
        }
        self.loud += 1;
        if self.last.len() > 20 {
            self.last.remove(0);
        }
        self.last.push(format!("{} {path}", request.method()));
    }

    fn meet(&mut self, controller: usize, request: &Request<Bytes>) -> Option<Fate> {
        let armed = self.armed.get_mut(controller)?;
        let mut met = None;
        for (index, one) in armed.iter_mut().enumerate() {
            if !fits(one.which, request) {
                continue;
            }
            if one.after > 0 {
                one.after -= 1;
            } else if met.is_none() {
                met = Some(index);
            }
        }
        met.map(|index| armed.remove(index).fate)
    }
}

fn fits(which: Which, request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    let is_write = *request.method() != Method::GET && !is_about(path, "leases") && !is_about(path, "events");
    match which {
        Which::Any => true,
        Which::Writes => is_write,
        Which::Of(kind) => is_write && is_about(path, &format!("{}s", kind.to_lowercase())),
    }
}

fn is_about(path: &str, plural: &str) -> bool {
    path.split('/').any(|part| part == plural)
}

/// `/api/v1/PLURAL` is a list; `/apis/GROUP/VERSION` and all above is discovery.
fn is_list(path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    parts.next() == Some("api") && parts.count() == 2
}

fn is_watch(request: &Request<Bytes>) -> bool {
    request.uri().query().is_some_and(|query| query.split('&').any(|part| part == "watch=true"))
}

/// Whose request it is.
fn controller(request: &Request<Bytes>) -> Option<usize> {
    request.headers().get(USER_AGENT)?.to_str().ok()?.strip_prefix("controller-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn request(method: Method, uri: &str) -> Request<Bytes> {
        let request = Request::builder().method(method).uri(uri).header(USER_AGENT, "controller-1");
        request.body(Bytes::new()).unwrap()
    }

    const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status";

    #[test]
    fn the_right_request_meets_its_fate_once() {
        let mut requests = Requests::default();
        requests.arm(1, Which::Of("Rollout"), 1, Fate::Refused(409));
        requests.arm(0, Which::Any, 0, Fate::Vanishes);
        let patch = request(Method::PATCH, ROLLOUT);
        let others = [
            request(Method::GET, ROLLOUT),
            request(Method::PATCH, "/api/v1/namespaces/shop/services/web"),
            patch.clone(),
        ];
        for other in others {
            assert_eq!(requests.meet(1, &other), None, "{}", other.uri());
        }
        assert_eq!(requests.meet(1, &patch), Some(Fate::Refused(409)));
        assert_eq!(requests.meet(1, &patch), None);
    }

    #[test]
    fn fates_are_those_of_the_server() {
        let (ends, mut ended) = mpsc::unbounded_channel();
        let shared = Shared::default();
        let patch = request(Method::PATCH, ROLLOUT);
        for (fate, expected) in [
            (Fate::Vanishes, tidegate_server::Fate::Lost),
            (Fate::Unanswered, tidegate_server::Fate::Unanswered),
            (Fate::Late(Duration::from_secs(1)), tidegate_server::Fate::Late(Duration::from_secs(1))),
            (Fate::CrashAfter, tidegate_server::Fate::Unanswered),
        ] {
            shared.with(|requests| requests.arm(1, Which::Writes, 0, fate));
            assert_eq!(shared.decide(&patch, &ends), expected);
        }
        assert_eq!(ended.try_recv().ok(), Some(1));
        assert_eq!(shared.decide(&patch, &ends), tidegate_server::Fate::Served);
    }

    #[test]
    fn only_what_should_not_be_in_silence_is_loud() {
        for (method, uri, is_loud) in [
            (Method::GET, "/apis/argoproj.io/v1alpha1/rollouts?watch=true&resourceVersion=4", false),
            (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/default/leases/lock", false),
            (Method::GET, "/apis/argoproj.io/v1alpha1", false),
            (Method::GET, "/api/v1", false),
            (Method::GET, "/apis/argoproj.io/v1alpha1/rollouts?limit=500", true),
            (Method::GET, "/api/v1/services?limit=500", true),
            (Method::PATCH, ROLLOUT, true),
            (Method::POST, "/api/v1/namespaces/shop/events", true),
        ] {
            let mut requests = Requests::default();
            requests.note(&request(method, uri));
            assert_eq!(requests.loud > 0, is_loud, "{uri}");
        }
    }
}
