//! What is known of an AnalysisRun, and what is decided about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tidegate_analysis::provider::{Provider, job};
use tidegate_analysis::{Decision, Effect as Wanted, Key, NoteKind as Kind, Outcome, World};
use tidegate_api::{ObjectKey, Operation, Preconditions, Request, builtin, object};
use tidegate_core::NoteKind;

use super::look::{Look, Plan, Waiting};
use crate::cache::State;
use crate::caches::JOBS;
use crate::effect::Effect;
use crate::job::MeasureJob;
use crate::name::Name;
use crate::observe::get;
use crate::shell::Shell;

/// What is known of Jobs may be news to the run so many times in one look: begun, ended, and the next one.
const ROUNDS: usize = 8;

/// Writes of a run, one for each object, with the measurement whose Job it makes.
type Writes = BTreeMap<ObjectKey, (Request, Option<Key>)>;

impl Shell {
    /// Decides about an AnalysisRun, and has measured what it asks for. `None`: something has to be read first.
    pub(super) fn plan_run(&mut self, look: &mut Look<'_>, run: Arc<Value>) -> Option<Plan> {
        let mut writes = Writes::new();
        for round in 1.. {
            let world = World {
                run: run.clone(),
                secrets: look.memory.measuring.secrets.clone(),
                answers: look.memory.measuring.answers.clone(),
            };
            let decision = (self.settings.deciders.run)(&world, look.now.wall);
            if self.read_secrets(look, &decision) {
                return None;
            }
            let needs_jobs = decision.effects.iter().any(is_about_a_job);
            self.need_jobs(look.name, needs_jobs);
            if self.caches.is_unknown(JOBS)
                && decision.effects.iter().any(|effect| matches!(effect, Wanted::DeleteJob { .. }))
            {
                // Once the status does not name it any more, nobody would.
                return None;
            }
            if self.look_at_jobs(look, &run, &decision, &mut writes) && round < ROUNDS {
                continue;
            }
            self.measure(look, &decision);
            return Some(plan(run, decision, writes, look.memory.measuring.answers.len()));
        }
        None
    }

    /// Reads the Secrets that are needed now. Whether there are any.
    fn read_secrets(&mut self, look: &mut Look<'_>, decision: &Decision) -> bool {
        let begins = decision.effects.iter().any(
            |effect| matches!(effect, Wanted::Measure { key, .. } if !look.memory.measuring.has_begun(key)),
        );
        let now = look.now.monotonic;
        let names = look.memory.measuring.lacks(decision.secrets.clone(), begins, now);
        for name in &names {
            let resource = builtin::secrets();
            let key = ObjectKey::new(&resource, &look.name.namespace, name);
            self.read_for(look, get(&key, &resource), Waiting::Secret(name.clone()));
        }
        !names.is_empty()
    }

    /// Makes, looks at and deletes Jobs. Whether something became known that the run should take in.
    fn look_at_jobs(
        &mut self,
        look: &mut Look<'_>,
        run: &Arc<Value>,
        decision: &Decision,
        writes: &mut Writes,
    ) -> bool {
        let mut is_news = false;
        for effect in &decision.effects {
            let (key, outcome) = match effect {
                Wanted::Measure { key, provider } => match &**provider {
                    Provider::Job(config) => {
                        let name = job::name(object::uid(run), &key.metric, key.number);
                        match self.job(look.name, &name) {
                            Known::Here(found) => (key, job::read(Some(&found), &name, run)),
                            Known::Never(why) => (key, Outcome::Error(why)),
                            Known::NotYet => continue,
                            Known::Absent if look.memory.measuring.has_begun(key) => continue,
                            Known::Absent => {
                                let object = config.object(run, &key.metric, key.number);
                                let request = Request {
                                    resource: builtin::jobs(),
                                    namespace: Some(look.name.namespace.to_string()),
                                    operation: Operation::Create { object },
                                };
                                writes.insert(job_key(look.name, &name), (request, Some(key.clone())));
                                continue;
                            }
                        }
                    }
                    _ => continue,
                },
                Wanted::Resume { key, job: name } => match self.job(look.name, name) {
                    Known::Here(found) => (key, job::read(Some(&found), name, run)),
                    Known::Absent => (key, job::read(None, name, run)),
                    Known::Never(why) => (key, Outcome::Error(why)),
                    Known::NotYet => continue,
                },
                Wanted::Terminate { key, job: name } => {
                    self.delete_job(look.name, name, run, writes);
                    (key, Outcome::Terminated)
                }
                Wanted::DeleteJob { job: name } => {
                    self.delete_job(look.name, name, run, writes);
                    continue;
                }
                Wanted::DeleteRun => {
                    let resource = builtin::analysis_runs();
                    let request = delete(resource, run);
                    writes.insert(look.name.key(&builtin::analysis_runs()), (request, None));
                    continue;
                }
            };
            // A measurement that is resumed is known to be under way.
            if matches!(effect, Wanted::Resume { .. }) && outcome == Outcome::Running {
                continue;
            }
            is_news |= look.memory.measuring.know(key, look.now.wall, outcome);
        }
        is_news
    }

    fn delete_job(&self, run_name: &Name, name: &str, run: &Value, writes: &mut Writes) {
        let Known::Here(found) = self.job(run_name, name) else { return };
        // The status says what somebody has written into it: only what is the run's own is deleted.
        if object::controller_uid(&found) == Some(object::uid(run)) && !object::is_deleting(&found) {
            writes.insert(job_key(run_name, name), (delete(builtin::jobs(), &found), None));
        }
    }

    fn job(&self, run: &Name, name: &str) -> Known {
        let Some(cache) = self.caches.cache(JOBS) else { return Known::NotYet };
        match &cache.state {
            State::Unknown => Known::NotYet,
            State::NotServed => Known::Never("the cluster serves no Jobs (batch/v1)".to_owned()),
            State::Forbidden(why) => Known::Never(format!("Jobs cannot be watched: {why}")),
            State::Synced => cache.read(&Name::new(&run.namespace, name)).map_or(Known::Absent, Known::Here),
        }
    }

    /// Has measured what is asked for and was not begun, and gives up what is not asked for any more.
    fn measure(&mut self, look: &mut Look<'_>, decision: &Decision) {
        let mut asked = BTreeSet::new();
        for effect in &decision.effects {
            let Wanted::Measure { key, provider } = effect else { continue };
            asked.insert(key);
            if matches!(**provider, Provider::Job(_)) || look.memory.measuring.has_begun(key) {
                continue;
            }
            let id = self.requests.number();
            self.evidence.under_way.insert(id, (look.kind, look.name.clone()));
            look.memory.measuring.ask(key.clone(), id, look.now.wall);
            let job = MeasureJob {
                run: look.name.key(&builtin::analysis_runs()),
                metric: key.metric.clone(),
                number: key.number,
                provider: (**provider).clone(),
                started_at: look.now.wall,
            };
            look.effects.push(Effect::Measure { id, job });
        }
        for id in look.memory.measuring.keep_only(&asked) {
            self.evidence.under_way.remove(&id);
            look.effects.push(Effect::Forget { id });
        }
    }
}

/// What is known of a Job.
enum Known {
    Here(Arc<Value>),
    Absent,
    NotYet,
    /// And why.
    Never(String),
}

fn is_about_a_job(effect: &Wanted) -> bool {
    match effect {
        Wanted::Measure { provider, .. } => matches!(**provider, Provider::Job(_)),
        Wanted::Resume { .. } | Wanted::Terminate { .. } | Wanted::DeleteJob { .. } => true,
        Wanted::DeleteRun => false,
    }
}

fn job_key(run: &Name, name: &str) -> ObjectKey {
    ObjectKey::new(&builtin::jobs(), &run.namespace, name)
}

/// Deleting exactly this object.
fn delete(resource: tidegate_api::Resource, object: &Value) -> Request {
    let preconditions = Preconditions { uid: Some(object::uid(object).to_owned()), resource_version: None };
    Request {
        resource,
        namespace: Some(object::namespace(object).to_owned()),
        operation: Operation::Delete { name: object::name(object).to_owned(), preconditions },
    }
}

fn plan(run: Arc<Value>, decision: Decision, writes: Writes, answers: usize) -> Plan {
    let kind = |kind| match kind {
        Kind::Normal => NoteKind::Normal,
        Kind::Warning => NoteKind::Warning,
    };
    Plan {
        object: run,
        writes: writes.into_values().collect(),
        status: decision.status,
        notes: decision.notes.into_iter().map(|note| (kind(note.kind), note.reason, note.message)).collect(),
        wake_at: decision.wake_at,
        answers,
    }
}
