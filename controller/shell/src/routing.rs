//! How far each router of a Rollout is with the traffic that is desired: from its last answer, the objects as
//! they are now, and what became of our writes.

use std::time::Duration;

use serde_json::Value;
use tidegate_api::{Body, ObjectKey, Operation, Preconditions, Request};
use tidegate_contract::{Digest, ObjectRef, Target, Traffic, Verdict};
use tidegate_core::{RouterReport, RouterState, UNVERIFIED};
use tidegate_route::{Answer, ObjectWrite, Purpose, Routed, WriteAction};

use crate::cache::Edition;
use crate::caches::{Caches, WatchId};
use crate::choice::Choice;
use crate::fingerprint::Fingerprint;
use crate::memory::{Asked, Question, RouterKey, RouterMemory, WriteRefused};
use crate::name::Name;
use crate::plugins::{PluginVersion, Plugins};
use crate::settings::Settings;
use crate::sight::{Ask, Sight};

/// What is looked at besides the Rollout's own memory.
pub(crate) struct Surroundings<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) plugins: &'a Plugins,
    pub(crate) caches: &'a Caches,
    /// The Rollout.
    pub(crate) home: &'a Name,
    /// Its uid.
    pub(crate) uid: &'a str,
    /// What is desired.
    pub(crate) traffic: &'a Traffic,
    /// Whether that is to be expressed, or everything given back.
    pub(crate) purpose: Purpose,
    pub(crate) now: Duration,
    /// Whether its routers were asked too often already in this pass.
    pub(crate) give_up: bool,
}

/// How far one router is, and what to do about it.
pub(crate) struct View {
    pub(crate) report: RouterReport,
    /// When that changes by itself.
    pub(crate) wake: Option<Duration>,
    /// A question that must be asked before anything can be said about now.
    pub(crate) ask: Option<Box<Ask>>,
    /// Objects that are to be written.
    pub(crate) writes: Vec<RouteWrite>,
    /// Whether objects that it needs are being read for the first time.
    pub(crate) is_reading: bool,
    /// The version that is asked, if there is one.
    pub(crate) digest: Option<Digest>,
}

/// The router that is looked at.
pub(crate) struct Looked<'a> {
    pub(crate) key: &'a RouterKey,
    /// Its configuration.
    pub(crate) config: &'a Value,
    /// The version that is recorded for it.
    pub(crate) recorded: Option<Digest>,
}

/// A write of a routed object that is to be carried out.
#[derive(Clone, Debug)]
pub(crate) struct RouteWrite {
    pub(crate) router: RouterKey,
    pub(crate) write: ObjectWrite,
    pub(crate) request: Request,
    pub(crate) key: ObjectKey,
    pub(crate) intent: Fingerprint,
    pub(crate) edition: Edition,
    pub(crate) is_repair: bool,
}

/// State, time at which it changes by itself, writes to carry out.
type Stand = (RouterState, Option<Duration>, Vec<RouteWrite>);

impl Surroundings<'_> {
    /// Looks at one router.
    pub(crate) fn view(&self, looked: &Looked<'_>, memory: &mut RouterMemory) -> View {
        let Looked { key, recorded, .. } = *looked;
        let plugin = &*key.plugin;
        let (version, has_newer) = match self.plugins.choose(plugin, recorded, &memory.plugin_faults) {
            Choice::Use { version, has_newer, .. } => (version, has_newer),
            Choice::None(state) => return View::stuck(plugin, state),
        };
        let digest = version.router.digest();
        memory.plugin_faults.keep([recorded, Some(digest)]);
        let target = self.target(looked.config, version);
        let about = Fingerprint::of(&(plugin, digest, version.grant.as_deref(), &target));
        let intent = Fingerprint::of(&(about, self.traffic, self.purpose == Purpose::Release));
        let features = memory.features(about).cloned();
        let kinds = &version.router.description().kinds;
        let sight = Sight::new(self.caches, &memory.queries, kinds, &self.home.namespace);
        let question = Question { intent, seen: Fingerprint::of(&sight.known) };
        let since = memory.since(Fingerprint::of(&(intent, &sight.editions())), self.now);
        let ask_again = if has_newer {
            let timing = &self.settings.timing;
            memory.plugin_faults.ask_again(digest, memory.ask_again, timing)
        } else {
            memory.ask_again
        };
        let is_answered = memory.answered.as_ref().is_some_and(|(answered, _)| *answered == question)
            && ask_again.is_none_or(|at| at > self.now);
        let answer = memory.answered.as_ref().map(|(_, answer)| answer.clone());
        let Some(answer) = answer.clone().filter(|_| is_answered) else {
            let (shares, notes) = said(answer.as_ref());
            if self.give_up {
                let message = "The plugin asks for other objects each time it is asked which ones it needs.";
                let stuck = View::stuck(plugin, failed("TooManyRounds", message));
                let report = RouterReport { features, ..stuck.report };
                return View { report, digest: Some(digest), ..stuck };
            }
            let check = features.is_none() && self.purpose == Purpose::Route;
            let state = waiting("Asking", "The plugin is being asked about the objects as they are now.");
            let report = RouterReport { router: plugin.to_owned(), features, state, shares, notes };
            let asked = Asked {
                router: key.clone(),
                digest,
                intent,
                about,
                seen: sight.known.clone(),
                objects: sight.objects.keys().cloned().collect(),
            };
            let found = sight.into_found();
            let (traffic, purpose) = (self.traffic.clone(), self.purpose);
            let ask = Ask { asked, version: version.clone(), check, target, traffic, purpose, found };
            return View { ask: Some(Box::new(ask)), digest: Some(digest), ..View::new(report) };
        };
        let (shares, notes) = said(Some(&answer));
        let is_reading = matches!(answer, Answer::Needs(_)) && sight.is_reading();
        let (state, wake, writes) = match answer {
            Answer::Needs(_) => (sight.why_not_asked(), None, Vec::new()),
            Answer::Problem(problem) => {
                (failed(&camel_case(&problem.code), problem.message), None, Vec::new())
            }
            Answer::Fault(fault) => {
                let mut message = fault.message;
                if !fault.last_words.is_empty() {
                    message = format!("{message}; its last words: {}", shortened(&fault.last_words));
                }
                (failed(fault.reason.as_str(), message), ask_again, Vec::new())
            }
            Answer::Refused(refusal) => {
                let message = format!("Nothing was written, because plugin {plugin}: {}", refusal.message);
                (failed(refusal.reason, message), None, Vec::new())
            }
            Answer::Routed(routed) if routed.writes.is_empty() => self.in_force(routed, memory, since),
            Answer::Routed(routed) => self.to_write(key, &routed.writes, &sight, memory, intent),
        };
        let report = RouterReport { router: plugin.to_owned(), features, state, shares, notes };
        View { wake, writes, is_reading, digest: Some(digest), ..View::new(report) }
    }

    fn target(&self, config: &Value, version: &PluginVersion) -> Target {
        Target {
            namespace: self.home.namespace.to_string(),
            name: self.home.name.to_string(),
            uid: self.uid.to_owned(),
            config: config.to_string(),
            settings: version.settings.to_string(),
            stable_service: self.traffic.stable.service.clone(),
            canary_service: self.traffic.canary.service.clone(),
        }
    }

    /// The objects say what is desired; is it in force?
    fn in_force(&self, routed: Routed, memory: &mut RouterMemory, since: Duration) -> Stand {
        let window = self.settings.timing.repair_window;
        memory.repairs.retain(|_, repairs| {
            repairs.at_peace(self.now, window);
            !repairs.is_empty()
        });
        let state = match routed.verdict {
            Verdict::Verified => RouterState::Verified,
            Verdict::Unverifiable => RouterState::NotApplicable { warning: None },
            Verdict::Pending(what) => waiting(UNVERIFIED, what),
            Verdict::Rejected(what) => failed("RouteRejected", what),
            Verdict::Unreported(who) => {
                let until = since.saturating_add(self.settings.timing.unreported);
                if self.now < until {
                    return (waiting(UNVERIFIED, who), Some(until), Vec::new());
                }
                RouterState::NotApplicable { warning: Some(who) }
            }
        };
        (state, None, Vec::new())
    }

    /// The objects do not yet say what is desired; may they be written?
    ///
    /// One object that may not be written does not keep others from being written: on an abort, each route
    /// that goes back to stable counts.
    fn to_write(
        &self,
        router: &RouterKey,
        wanted: &[ObjectWrite],
        sight: &Sight,
        memory: &mut RouterMemory,
        intent: Fingerprint,
    ) -> Stand {
        let mut writes = Vec::new();
        let mut failure = None;
        let mut trouble = None;
        let mut wake: Option<Duration> = None;
        for write in wanted {
            let reference = &write.reference;
            let seen = sight.objects.get(reference);
            let watch = seen.map_or_else(|| sight.watch_of(reference), |(watch, _)| Some(*watch));
            let (Some(watch), true) = (watch, seen.is_some() != is_creation(write)) else {
                let message = format!("{reference} should be written, but is not as it was seen.");
                failure = failure.or(Some(failed("InternalError", message)));
                continue;
            };
            let edition = seen.map_or_else(Edition::default, |(_, facts)| facts.edition());
            let blocked = memory.refused.get(reference).filter(|one| one.blocks(intent, &edition, self.now));
            if let Some(refused) = blocked {
                wake = earlier(wake, refused.until);
                if refused.needs_help {
                    failure = failure.or_else(|| Some(failed(refused.reason, refused.message.clone())));
                } else {
                    trouble = trouble.or_else(|| Some(refused.message.clone()));
                }
                continue;
            }
            let is_repair = memory.is_repair(intent, reference);
            if is_repair && let Some(until) = self.contested_until(memory, reference) {
                wake = earlier(wake, Some(until));
                let manager = seen.and_then(|(_, facts)| facts.manager.as_deref());
                failure = failure.or_else(|| Some(self.contested(reference, manager)));
                continue;
            }
            match self.request(watch, write) {
                Some(Err(message)) => failure = failure.or_else(|| Some(failed("InvalidEdit", message))),
                Some(Ok(request)) => writes.push(RouteWrite {
                    router: router.clone(),
                    key: Name::new(reference.namespace.as_deref().unwrap_or_default(), &reference.name)
                        .key(&request.resource),
                    write: write.clone(),
                    request,
                    intent,
                    edition,
                    is_repair,
                }),
                None => trouble = trouble.or_else(|| Some(format!("{reference} is not watched yet."))),
            }
        }
        let message = trouble.unwrap_or_else(|| {
            let names: Vec<String> = wanted.iter().map(|write| write.reference.to_string()).collect();
            format!("{} must be written.", names.join(", "))
        });
        (failure.unwrap_or_else(|| waiting("WritePending", message)), wake, writes)
    }

    fn contested_until(&self, memory: &mut RouterMemory, object: &ObjectRef) -> Option<Duration> {
        let timing = &self.settings.timing;
        memory.repairs.get_mut(object)?.blocked_until(self.now, timing.repairs, timing.repair_window)
    }

    fn contested(&self, object: &ObjectRef, manager: Option<&str>) -> RouterState {
        let timing = &self.settings.timing;
        let (who, how_often) = (manager.unwrap_or("somebody"), timing.repairs);
        let minutes = timing.repair_window.as_secs() / 60;
        let message = format!(
            "{who} keeps changing the weights in {object}: they were put right {how_often} times in {minutes} \
             minutes. Make {who} leave them alone; until then one more try is made every {minutes} minutes."
        );
        failed("RouteContested", message)
    }

    /// The request that carries out a write; `None` when the kind is not watched yet, and why not when the API
    /// server would not take it.
    fn request(&self, watch: WatchId, write: &ObjectWrite) -> Option<Result<Request, String>> {
        let resource = self.caches.cache(watch)?.resource.clone()?;
        let name = write.reference.name.clone();
        let operation = match &write.action {
            WriteAction::Create(_) if !resource.namespaced => {
                let message = format!(
                    "Nothing was written, because {} would belong to the whole cluster: a plugin makes objects in \
                     the Rollout's namespace only.",
                    write.reference
                );
                return Some(Err(message));
            }
            WriteAction::Create(_) if resource.api_version() != write.api_version => {
                let message = format!(
                    "Nothing was written, because the plugin made {} in the version {}, and the API server's is {}.",
                    write.reference,
                    write.api_version,
                    resource.api_version()
                );
                return Some(Err(message));
            }
            WriteAction::Create(object) => Operation::CreateStrictly { object: object.clone() },
            WriteAction::Patch(patch) => {
                Operation::Patch { name, subresource: None, body: Body::Json(patch.clone().into()) }
            }
            WriteAction::Delete { uid } => {
                let preconditions = Preconditions { uid: Some(uid.clone()), resource_version: None };
                Operation::Delete { name, preconditions }
            }
        };
        Some(Ok(Request { resource, namespace: write.reference.namespace.clone(), operation }))
    }
}

/// Whether it makes an object that is not there.
const fn is_creation(write: &ObjectWrite) -> bool {
    matches!(write.action, WriteAction::Create(_))
}

impl WriteRefused {
    /// Whether it must not be tried again yet.
    fn blocks(&self, intent: Fingerprint, edition: &Edition, now: Duration) -> bool {
        self.intent == intent
            && self.edition.as_ref().is_none_or(|refused| refused == edition)
            && self.until.is_some_and(|until| until > now)
    }
}

impl RouterMemory {
    /// Since when the scene has been this one.
    fn since(&mut self, scene: Fingerprint, now: Duration) -> Duration {
        match self.scene {
            Some((last, since)) if last == scene => since,
            _ => {
                self.scene = Some((scene, now));
                now
            }
        }
    }
}

impl View {
    fn new(report: RouterReport) -> Self {
        Self { report, wake: None, ask: None, writes: Vec::new(), is_reading: false, digest: None }
    }

    /// Whether what is desired is in force, as far as anybody can tell.
    pub(crate) const fn is_settled(&self) -> bool {
        self.report.state.is_settled()
    }

    pub(crate) fn stuck(router: &str, state: RouterState) -> Self {
        let report = RouterReport {
            router: router.to_owned(),
            features: None,
            state,
            shares: Vec::new(),
            notes: Vec::new(),
        };
        Self::new(report)
    }
}

fn said(answer: Option<&Answer>) -> (Vec<tidegate_contract::Share>, Vec<String>) {
    match answer {
        Some(Answer::Routed(routed)) => (routed.shares.clone(), routed.notes.clone()),
        _ => (Vec::new(), Vec::new()),
    }
}

pub(crate) fn failed(reason: &str, message: impl Into<String>) -> RouterState {
    RouterState::Failed { reason: reason.to_owned(), message: message.into() }
}

pub(crate) fn waiting(reason: &str, message: impl Into<String>) -> RouterState {
    RouterState::Waiting { reason: reason.to_owned(), message: message.into() }
}

/// The earlier of two times, where there is any.
pub(crate) fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A plugin's code as a condition's reason: `missing-object` as `MissingObject`. What cannot be part of a reason
/// is left out.
pub fn camel_case(code: &str) -> String {
    let mut reason = String::new();
    for word in code.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut characters = word.chars();
        reason.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        reason.extend(characters);
    }
    match reason.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => reason,
        _ => format!("Problem{reason}"),
    }
}

/// The end of a text, for a condition's message.
fn shortened(text: &str) -> &str {
    let text = text.trim();
    let from = text.char_indices().rev().nth(511).map_or(0, |(at, _)| at);
    text.get(from..).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_reasons() {
        for (code, reason) in [
            ("missing-object", "MissingObject"),
            ("unsupported", "Unsupported"),
            ("HTTP 500", "HTTP500"),
            ("", "Problem"),
            ("42", "Problem42"),
        ] {
            assert_eq!(camel_case(code), reason, "{code}");
        }
    }

    #[test]
    fn last_words_are_cut_at_their_beginning() {
        let text = format!("{}é{}", "a".repeat(600), "b".repeat(511));
        assert_eq!(shortened(&text).chars().count(), 512);
        assert!(shortened(&text).starts_with('é'));
        assert_eq!(shortened("  short\n"), "short");
    }
}
