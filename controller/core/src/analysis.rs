//! The analyses of an update: that of its step, and the one beside the steps. Which runs there should be, and what they say.
//!
//! A run is noted in the status in the same pass in which it is made, under a name that follows from the position. So whichever of
//! the two is lost, the next pass finds the other: a name without a run is made again, and a run without a note, not over and made
//! of the same, is taken for the one that is due. A run that has ended counts as it was noted, also when it was deleted since (in
//! Argo Rollouts another one is made then).

use serde_json::Value;
use tidegate_analysis::{
    MergeError, Phase, ROLLOUT_TYPE_LABEL, Reference, RunKind, RunOf, STEP_INDEX_LABEL, merge,
    resolve_arguments,
};
use tidegate_api::object;
use tidegate_model::names::{HASH_LABEL, reason};
use tidegate_model::{NotedRun, ReplicaSet, Step};

use crate::context::Context;
use crate::verdict::{self, Verdict};

/// So many names are tried when others have the first.
const MOST_NAMES: u32 = 1000;

/// A run that there should be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followed {
    /// As the status should say it; none: there should be no run.
    pub(crate) run: Option<NotedRun>,
    /// The run, if it has to be made.
    pub(crate) new: Option<Value>,
    pub(crate) verdict: Verdict,
}

/// Both runs of an update.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    pub(crate) step: Followed,
    pub(crate) background: Followed,
    /// Whether they are only noted: the update is given up, or skips what is left.
    pub(crate) is_ending: bool,
}

impl Runs {
    /// What there should be now.
    pub(crate) fn of(context: &Context<'_>) -> Self {
        let (step, background) = (context.status.step_run.as_ref(), context.status.background_run.as_ref());
        let noted = |run: Option<&NotedRun>| Followed { run: run.cloned(), ..Followed::default() };
        if !context.world.evidence.is_known || (context.is_updating() && context.new_set().is_none()) {
            return Self { step: noted(step), background: noted(background), is_ending: false };
        }
        if !context.is_updating() {
            return Self::default();
        }
        if !is_measured(context) {
            // How far they have come stays noted, for whoever asks why.
            let last = |run: Option<&NotedRun>| Followed { run: last(context, run), ..Followed::default() };
            return Self { step: last(step), background: last(background), is_ending: true };
        }
        Self { step: of_step(context), background: in_background(context), is_ending: false }
    }

    /// Whether this run is one of them.
    pub(crate) fn has(&self, name: &str) -> bool {
        [&self.step, &self.background].iter().any(|one| one.run.as_ref().is_some_and(|run| run.name == name))
    }
}

/// Whether an update is under way that analyses say something about.
pub(crate) fn is_measured(context: &Context<'_>) -> bool {
    context.is_updating() && !context.status.abort && !context.skips_steps() && context.new_set().is_some()
}

/// A run that is noted, as far as it has come.
fn last(context: &Context<'_>, said: Option<&NotedRun>) -> Option<NotedRun> {
    let said = said?;
    let run = context.world.evidence.runs.get(&said.name).filter(|run| verdict::is_own(context, run));
    run.map_or_else(|| Some(said.clone()), |run| followed(run, "").run)
}

fn of_step(context: &Context<'_>) -> Followed {
    let index = context.index();
    if !matches!(context.steps().get(index), Some(Step::Analysis)) {
        // At a pause, the last one stays noted (as versions of Argo Rollouts have it).
        let is_paused = !context.status.pause_conditions.is_empty();
        let run = context.status.step_run.clone().filter(|_| is_paused);
        return Followed { run, ..Followed::default() };
    }
    let analysis = context.world.rollout.pointer(&format!("/spec/strategy/canary/steps/{index}/analysis"));
    let due = Due {
        context,
        kind: RunKind::Step(index),
        analysis: analysis.unwrap_or(&Value::Null),
        what: "Step-based analysis phase error/failed",
    };
    let is_paused = context.rollout.paused || !context.status.pause_conditions.is_empty();
    due.follow(context.status.step_run.as_ref(), !is_paused)
}

fn in_background(context: &Context<'_>) -> Followed {
    let has_begun = |start| context.steps().is_empty() || context.index() >= start;
    if !context.rollout.canary.background_from.is_some_and(has_begun) {
        return Followed::default();
    }
    let analysis = context.world.rollout.pointer("/spec/strategy/canary/analysis");
    let due = Due {
        context,
        kind: RunKind::Background,
        analysis: analysis.unwrap_or(&Value::Null),
        what: "Background analysis phase error/failed",
    };
    // At a step that pauses it may begin.
    let is_paused = context.rollout.paused || context.is_paused_for(reason::INCONCLUSIVE_ANALYSIS);
    due.follow(context.status.background_run.as_ref(), !is_paused)
}

/// A run that is due.
struct Due<'a, 'b> {
    context: &'b Context<'a>,
    kind: RunKind,
    /// What refers to its templates.
    analysis: &'b Value,
    /// What an abort because of it is called.
    what: &'static str,
}

impl Due<'_, '_> {
    /// The run that the status names, if it is still the right one; else one that was made and is not named yet; else a new one.
    fn follow(&self, said: Option<&NotedRun>, may_begin: bool) -> Followed {
        let runs = &self.context.world.evidence.runs;
        let said = said.filter(|said| self.is_meant(said));
        if let Some(said) = said
            && !self.is_replaced(said)
        {
            let run = runs.get(&said.name).filter(|run| verdict::is_own(self.context, run));
            let phase = Phase::read(&said.status);
            match run {
                Some(run) if !object::is_deleting(run) || verdict::is_over(run) => {
                    return followed(run, self.what);
                }
                None if phase.is_some_and(Phase::is_completed) => {
                    let verdict = Verdict::of(phase, self.what, &said.message);
                    return Followed { run: Some(said.clone()), new: None, verdict };
                }
                // Not made yet, or taken away while it went on.
                _ => {}
            }
        }
        if may_begin { self.begin(said) } else { Followed { run: said.cloned(), ..Followed::default() } }
    }

    /// A run that was made and is not named yet; else a new one; none that is to be replaced.
    fn begin(&self, replaced: Option<&NotedRun>) -> Followed {
        for collisions in 0..MOST_NAMES {
            let of = self.run(collisions);
            let name = of.name();
            let Some(run) = self.context.world.evidence.runs.get(&name) else {
                let new = Some(new_run(self.context, &of));
                let run = Some(NotedRun { name, ..NotedRun::default() });
                return Followed { run, new, verdict: Verdict::Open };
            };
            let is_replaced = replaced.is_some_and(|replaced| replaced.name == name);
            if !is_replaced && self.is_labelled(run) && verdict::goes_on(self.context, run) {
                // Of an earlier spec it says nothing about this one.
                let new = new_run(self.context, &of);
                let is_same = ["metrics", "args"].iter().all(|field| {
                    let of = |run: &Value| run.get("spec").and_then(|spec| spec.get(*field)).cloned();
                    of(run) == of(&new)
                });
                if is_same {
                    return followed(run, self.what);
                }
            }
        }
        let verdict = Verdict::Bad(format!("{}: all names are taken; delete old AnalysisRuns", self.what));
        Followed { verdict, ..Followed::default() }
    }

    fn run(&self, collisions: u32) -> RunOf<'_> {
        RunOf {
            rollout: &self.context.world.rollout,
            kind: self.kind,
            hash: &self.context.new_hash,
            revision: self.context.new_revision(),
            collisions,
            analysis: self.analysis,
        }
    }

    /// Whether a run that is noted is for this very position.
    fn is_meant(&self, said: &NotedRun) -> bool {
        let run = self.context.world.evidence.runs.get(&said.name);
        if let Some(run) = run.filter(|run| verdict::is_own(self.context, run)) {
            return self.is_labelled(run);
        }
        said.name.strip_prefix(self.run(0).name().as_str()).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('.').is_some_and(|count| count.parse::<u32>().is_ok())
        })
    }

    /// Whether a run is for this purpose and these pods.
    fn is_labelled(&self, run: &Value) -> bool {
        let (kind, index) = match self.kind {
            RunKind::Step(index) => ("Step", Some(index.to_string())),
            RunKind::Background => ("Background", None),
        };
        object::label(run, ROLLOUT_TYPE_LABEL) == Some(kind)
            && (index.is_none() || object::label(run, STEP_INDEX_LABEL) == index.as_deref())
            && object::label(run, HASH_LABEL) == Some(self.context.new_hash.as_str())
    }

    /// Whether another run is needed: a person has resumed after one without a conclusion, or tries again after an abort. One that
    /// the update was not paused for yet is no reason.
    fn is_replaced(&self, said: &NotedRun) -> bool {
        let is_resumed = said.status == Phase::Inconclusive.name()
            && !self.context.is_paused_for(reason::INCONCLUSIVE_ANALYSIS);
        self.context.status.aborted_at.is_some() || is_resumed
    }
}

fn followed(run: &Value, what: &str) -> Followed {
    let phase = Phase::of(run);
    let message = run.pointer("/status/message").and_then(Value::as_str).unwrap_or_default();
    let status = NotedRun {
        name: object::name(run).to_owned(),
        status: phase.map(|phase| phase.name().to_owned()).unwrap_or_default(),
        message: message.to_owned(),
    };
    Followed { run: Some(status), new: None, verdict: Verdict::of(phase, what, message) }
}

/// The run to make. Templates or arguments that cannot be put together make one that says so.
fn new_run(context: &Context<'_>, of: &RunOf<'_>) -> Value {
    let hash = |set: Option<&ReplicaSet>| set.map(|set| set.hash.clone()).unwrap_or_default();
    let path = match of.kind {
        RunKind::Step(index) => format!("spec.strategy.canary.steps[{index}].analysis.args"),
        RunKind::Background => "spec.strategy.canary.analysis.args".to_owned(),
    };
    let given = of.analysis.get("args").unwrap_or(&Value::Null);
    let (stable, latest) = (hash(context.stable_set()), context.new_hash.clone());
    let arguments = match resolve_arguments(&path, given, of.rollout, &stable, &latest) {
        Ok(arguments) => arguments,
        Err(errors) => {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return of.unresolved(&texts.join("; "));
        }
    };
    let mut given = of.analysis.clone();
    if let Some(fields) = given.as_object_mut() {
        fields.insert("args".to_owned(), Value::from(arguments));
    }
    let references = Reference::read_all(of.analysis.get("templates").unwrap_or(&Value::Null));
    match merge(&references, &context.world.evidence.templates, &given) {
        Ok(merged) if matches!(of.kind, RunKind::Step(_)) && !merged.endless.is_empty() => of.unresolved(&format!(
            "the metrics {} have an interval and no count, so a step would never end; give them a count, or run the analysis in the \
             background",
            merged.endless.join(", ")
        )),
        Ok(merged) => of.object(&merged),
        Err(error) => of.unresolved(&text(&error)),
    }
}

fn text(error: &MergeError) -> String {
    format!("{}: {error}", error.reason())
}
