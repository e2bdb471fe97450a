//! One controller: a shell, what it watches, and what it has under way. It can end at any time, and another begins in its place.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_api::{ObjectKey, Operation, Request, Resource, object};
use tidegate_shell::{Event, RequestId, Shell, WatchKey};

use crate::happening::{Fate, Which};
use crate::plugins::InUse;

/// One controller.
#[derive(Default)]
pub(crate) struct Process {
    /// Nothing: it has ended, or does not exist.
    pub(crate) shell: Option<Shell>,
    /// How many there have been; what is under way for an earlier one arrives nowhere.
    pub(crate) incarnation: u32,
    /// When it began.
    pub(crate) started: Duration,
    /// Whether whoever decides that lets it lead.
    pub(crate) lease: bool,
    /// Whether it has been told so.
    pub(crate) leads: bool,
    pub(crate) streams: BTreeMap<WatchKey, Stream>,
    pub(crate) wake_at: Option<Duration>,
    pub(crate) sent: BTreeMap<RequestId, Sent>,
    /// Measurements that it waits for: of which run, metric and number.
    pub(crate) measuring: BTreeMap<RequestId, (String, String, u64)>,
    /// Questions that it has put to routers: on objects as they were then or later.
    pub(crate) asked: BTreeMap<RequestId, Duration>,
    pub(crate) armed: Vec<Armed>,
    /// Versions of plugins that it says are in use.
    pub(crate) in_use: InUse,
    /// The version of the cluster up to which its watches have been read.
    pub(crate) read: u64,
}

/// How far a watch is.
pub(crate) struct Stream {
    pub(crate) resource: Resource,
    /// Which of the connections that it has had; what comes by an earlier one arrives nowhere.
    pub(crate) connection: u64,
    /// All changes up to this version are on their way.
    pub(crate) read: u64,
    /// All changes up to this version have arrived. Nothing: no list has yet.
    pub(crate) arrived: Option<u64>,
    /// Whether its first list is complete.
    pub(crate) is_listed: bool,
    /// Nothing is read before.
    pub(crate) interrupted_until: Duration,
    /// How late everything arrives.
    pub(crate) lag: Duration,
    /// When the last change arrives; nothing overtakes it.
    pub(crate) last: Duration,
}

/// A request that is under way.
pub(crate) struct Sent {
    /// What it changes; nothing for reads.
    pub(crate) key: Option<ObjectKey>,
    /// It was decided on objects as they were then or later.
    pub(crate) since: Duration,
    /// Whether it reports a pass, after which all is decided anew.
    pub(crate) is_report: bool,
}

/// A fate that waits for its request.
pub(crate) struct Armed {
    pub(crate) which: Which,
    pub(crate) after: u32,
    pub(crate) fate: Fate,
}

impl Process {
    /// Whether it runs.
    pub(crate) fn is_up(&self) -> bool {
        self.shell.is_some()
    }

    /// It ends; what it knew is gone.
    pub(crate) fn end(&mut self) {
        self.shell = None;
        self.incarnation = self.incarnation.wrapping_add(1);
        self.leads = false;
        self.streams.clear();
        self.wake_at = None;
        self.sent.clear();
        self.measuring.clear();
        self.asked.clear();
        self.in_use.clear();
    }

    /// It learns that objects are gone: what it has under way for them is not about those that may have their names now.
    pub(crate) fn sees(&mut self, watch: &WatchKey, event: &Event) {
        let is_gone = |key: &ObjectKey| match event {
            Event::Removed { object, .. } => *key.kind == *watch.kind && *key.name == *object::name(object),
            Event::Listed { .. } | Event::ListEnded { .. } => *key.kind == *watch.kind,
            _ => false,
        };
        for sent in self.sent.values_mut() {
            sent.key = sent.key.take().filter(|key| !is_gone(key));
        }
    }

    /// What becomes of a request that it sends now.
    pub(crate) fn fate(&mut self, request: &Request) -> Option<Fate> {
        let mut met = None;
        for (index, armed) in self.armed.iter_mut().enumerate() {
            if !armed.which.fits(request) {
                continue;
            }
            if armed.after > 0 {
                armed.after -= 1;
            } else if met.is_none() {
                met = Some(index);
            }
        }
        met.map(|index| self.armed.remove(index).fate)
    }
}

impl Which {
    fn fits(self, request: &Request) -> bool {
        match self {
            Self::Any => true,
            Self::Writes => is_write(request),
            Self::Of(kind) => is_write(request) && *request.resource.kind == *kind,
        }
    }
}

/// Whether it changes something.
pub(crate) fn is_write(request: &Request) -> bool {
    !matches!(request.operation, Operation::Get { .. } | Operation::List { .. })
}

/// Whether it writes a status.
pub(crate) fn is_report(request: &Request) -> bool {
    matches!(&request.operation, Operation::Patch { subresource: Some(name), .. } if name == "status")
}

/// The object that a request is about.
pub(crate) fn key_of(request: &Request) -> ObjectKey {
    let name = match &request.operation {
        Operation::Create { object } | Operation::CreateStrictly { object } => object::name(object),
        _ => request.name().unwrap_or_default(),
    };
    ObjectKey::new(&request.resource, request.namespace.as_deref().unwrap_or_default(), name)
}

/// A request in a few words.
pub(crate) fn describe(request: &Request) -> String {
    let body = match &request.operation {
        Operation::Patch {
            body: tidegate_api::Body::Merge(body) | tidegate_api::Body::Json(body), ..
        } => {
            let text = body.to_string();
            let short: String = text.chars().take(4000).collect();
            format!(" {short}")
        }
        _ => String::new(),
    };
    let part = match &request.operation {
        Operation::Patch { subresource: Some(part), .. } => format!("/{part}"),
        _ => String::new(),
    };
    format!("{} {}{part}{body}", request.verb(), key_of(request))
}
