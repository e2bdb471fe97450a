//! Giving back everything of a Rollout that is being deleted, or whose controller is to go: all traffic to its stable pods, with
//! nothing of the routers' own left behind. Then nothing holds its deletion up any more.
//!
//! A deletion is never held up for good: past the deadline, in a namespace that is being deleted, and where somebody says so
//! by an annotation, what is there stays as it is.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate_api::{ObjectKey, builtin, object};
use tidegate_core::{Decision, Note, NoteKind, Routing};
use tidegate_model::interest::routers;
use tidegate_model::names::{SKIP_RELEASE_ANNOTATION, reason};
use tidegate_model::routing_record::has_finalizer;
use tidegate_model::{RoutedTarget, RoutingRecord};

use crate::apply::Decided;
use crate::effect::{Effect, Report};
use crate::guard::Turn;
use crate::memory::{Basis, UnderWay};
use crate::observe::get;
use crate::partings::{Back, Held, is_skipped};
use crate::pass::all;
use crate::record::Record;
use crate::routing::earlier;
use crate::settings::Ending;
use crate::shell::Shell;

impl Shell {
    /// Whether everything of a Rollout is to be given back, and nothing else done for it.
    pub(crate) fn is_to_be_given_back(&self, rollout: &Value) -> bool {
        let is_going = object::is_deleting(rollout);
        has_finalizer(rollout) && is_going || self.settings.ending.is_some() && !is_going
    }

    /// Gives everything back.
    pub(crate) fn give_back(&mut self, turn: &mut Turn<'_>, rollout: &Arc<Value>) {
        let deadline = self.release_deadline(rollout);
        match self.why_not(turn, rollout, deadline) {
            Err(Asking) => return,
            Ok(Some(why)) => return self.let_go(turn, rollout, Some(why)),
            Ok(None) => {}
        }
        let back = self.all_back(turn, rollout);
        self.remember_only(turn, &[], Some(&back));
        let mut partings = self.partings(turn, rollout, &back, None, &[]);
        if self.ask(turn, all(&mut [], &mut partings)) || self.waits(turn, false, all(&mut [], &mut partings))
        {
            return;
        }
        if partings.iter().all(|parting| parting.is_over) {
            return self.let_go(turn, rollout, None);
        }
        let wake = partings.iter().fold(None, |wake, parting| earlier(wake, parting.view.wake));
        let routers = partings.iter().map(|parting| parting.view.report.clone()).collect();
        let routing = Routing { traffic: back.traffic, routers };
        let writes = partings.into_iter().flat_map(|parting| parting.view.writes).collect();
        let basis =
            Basis { version: object::resource_version(rollout).into(), plugins_told: self.plugins_told };
        if self.write_next_route(turn, writes, basis) {
            return;
        }
        let world = self.world(turn.name, rollout, Some(routing));
        let mut decision = tidegate_core::release(&world, turn.now.wall);
        decision.wake_at = decision.wake_at.into_iter().chain(deadline).min();
        self.apply(turn, Decided { world, decision, wake });
    }

    /// Everything that was recorded; and, where all controllers are to go, what was not: it may be another controller's.
    fn all_back(&mut self, turn: &Turn<'_>, rollout: &Arc<Value>) -> Back {
        let record = RoutingRecord::read(rollout);
        let world = self.world(turn.name, rollout, None);
        let traffic = tidegate_core::released(&world, turn.now.wall);
        let mut back = Back {
            traffic,
            is_possible: tidegate_core::may_give_back(&world, turn.now.wall),
            is_skipped: false,
            targets: record.targets.iter().map(|target| Held::new(target, false)).collect(),
        };
        if self.settings.ending == Some(Ending::GiveBack) {
            let [stable, canary] = back.services().map(|service| service.map(str::to_owned));
            for used in routers(rollout) {
                let target = RoutedTarget::new(used.name, used.config, [stable.clone(), canary.clone()]);
                let is_new = back
                    .targets
                    .iter()
                    .all(|held| !held.target.is_for(&target.plugin, &target.config, back.services()));
                if is_new {
                    back.targets.push(Held::new(&target, false));
                }
            }
        }
        back
    }

    /// Until when a deletion waits.
    fn release_deadline(&self, rollout: &Value) -> Option<Timestamp> {
        let since: Timestamp = rollout.pointer("/metadata/deletionTimestamp")?.as_str()?.parse().ok()?;
        let wait = SignedDuration::try_from(self.settings.timing.release_deadline).ok()?;
        since.checked_add(wait).ok()
    }

    /// Why nothing is given back, if so.
    fn why_not(
        &mut self,
        turn: &mut Turn<'_>,
        rollout: &Value,
        deadline: Option<Timestamp>,
    ) -> Result<Option<String>, Asking> {
        if self.settings.ending == Some(Ending::LeaveTraffic) {
            return Ok(Some("another controller goes on with it".to_owned()));
        }
        if is_skipped(rollout) {
            return Ok(Some(format!("the annotation {SKIP_RELEASE_ANNOTATION} asks for that")));
        }
        let Some(deadline) = deadline else { return Ok(None) };
        if deadline <= turn.now.wall {
            let waited = Duration::from_secs(self.settings.timing.release_deadline.as_secs());
            return Ok(Some(format!("it was not possible within {waited:?} of the deletion")));
        }
        match turn.memory.is_namespace_ending {
            Some(true) => Ok(Some("its namespace is being deleted".to_owned())),
            Some(false) => Ok(None),
            None => {
                let namespaces = builtin::namespaces();
                let key = ObjectKey::new(&namespaces, "", &turn.name.namespace);
                let id = self.requests.start(turn.name);
                turn.effects.push(Effect::Send { id, request: get(&key, &namespaces) });
                turn.memory.under_way = Some(UnderWay::ReadingNamespace);
                Err(Asking)
            }
        }
    }

    /// Takes away what is held for a Rollout. `left`: why what is there stays as it is; otherwise everything was given back.
    fn let_go(&mut self, turn: &mut Turn<'_>, rollout: &Arc<Value>, left: Option<String>) {
        let record = Record::none(rollout);
        if !record.is_due() {
            let rollout = turn.name.rollout_key();
            turn.effects.push(Effect::Report(Report::GivenBack { rollout }));
        }
        let world = self.world(turn.name, rollout, None);
        let status = rollout.get("status").cloned().unwrap_or_default();
        let (kind, reason, message) = match left {
            Some(why) => {
                let what = "What its routers wrote is left as it is";
                (NoteKind::Warning, reason::RELEASE_SKIPPED, format!("{what}, because {why}"))
            }
            None => (NoteKind::Normal, reason::RELEASED, "All traffic was given back to stable".to_owned()),
        };
        let notes = if record.is_due() { vec![Note { kind, reason, message }] } else { Vec::new() };
        let mut decision = Decision { writes: Vec::new(), traffic: None, status, notes, wake_at: None };
        record.put_on(&mut decision, rollout, true);
        self.apply(turn, Decided { world, decision, wake: None });
    }
}

/// The namespace has to be looked at first.
struct Asking;
