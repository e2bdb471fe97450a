//! The analyses of an update: that of its step, and the one beside the steps. Which runs there should be, and what they say.

use std::sync::Arc;

use serde_json::Value;
use tidegate_analysis::{
    MergeError, ROLLOUT_TYPE_LABEL, Reference, RunKind, RunOf, STEP_INDEX_LABEL, merge, resolve_arguments,
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
}

impl Runs {
    /// What there should be now.
    pub(crate) fn of(context: &Context<'_>) -> Self {
        if !context.world.evidence.is_known {
            let keep = |run: &Option<NotedRun>| Followed { run: run.clone(), ..Followed::default() };
            return Self {
                step: keep(&context.status.step_run),
                background: keep(&context.status.background_run),
            };
        }
        if !is_measured(context) {
            return Self::default();
        }
        Self { step: of_step(context), background: in_background(context) }
    }

    /// Whether this run is one of them.
    pub(crate) fn has(&self, name: &str) -> bool {
        [&self.step, &self.background].iter().any(|one| one.run.as_ref().is_some_and(|run| run.name == name))
    }
}

/// Whether an update is under way that analyses say something about.
pub(crate) fn is_measured(context: &Context<'_>) -> bool {
    !context.is_first()
        && !context.is_fully_promoted()
        && !context.is_aborted()
        && !context.status.promote_full
        && !context.is_fast_rollback
        && context.new_set().is_some()
}

fn of_step(context: &Context<'_>) -> Followed {
    if !context.status.pause_conditions.is_empty() {
        return Followed { run: context.status.step_run.clone(), ..Followed::default() };
    }
    let index = context.index();
    if !matches!(context.steps().get(index), Some(Step::Analysis)) {
        return Followed::default();
    }
    let analysis = context.world.rollout.pointer(&format!("/spec/strategy/canary/steps/{index}/analysis"));
    let said = context.status.step_run.as_ref();
    follow(context, RunKind::Step(index), analysis, said, "Step-based analysis phase error/failed")
}

fn in_background(context: &Context<'_>) -> Followed {
    let Some(start) = context.rollout.canary.background_from else { return Followed::default() };
    let is_early = context.status.current_step_index.is_some() && context.index() < start;
    if is_early {
        return Followed::default();
    }
    let analysis = context.world.rollout.pointer("/spec/strategy/canary/analysis");
    let said = context.status.background_run.as_ref();
    let is_inconclusive =
        context.status.pause_conditions.iter().any(|pause| pause.reason == reason::INCONCLUSIVE_ANALYSIS);
    if is_inconclusive && said.is_some() {
        return Followed { run: said.cloned(), ..Followed::default() };
    }
    follow(context, RunKind::Background, analysis, said, "Background analysis phase error/failed")
}

/// The run that the status names, if it is still the right one; else one that was made and is not named yet; else a new one.
fn follow(
    context: &Context<'_>,
    kind: RunKind,
    analysis: Option<&Value>,
    said: Option<&NotedRun>,
    what: &str,
) -> Followed {
    let analysis = analysis.unwrap_or(&Value::Null);
    let current = said
        .and_then(|said| context.world.evidence.runs.get(&said.name))
        .filter(|run| is_for(context, kind, run) && !is_outdated(context, run));
    if let Some(run) = current {
        return followed(run, what);
    }
    let replaced = said.map(|said| said.name.as_str());
    for collisions in 0..MOST_NAMES {
        let of = RunOf {
            rollout: &context.world.rollout,
            kind,
            hash: &context.new_hash,
            revision: context.new_revision(),
            collisions,
            analysis,
        };
        match context.world.evidence.runs.get(&of.name()) {
            None => {
                let run = NotedRun { name: of.name(), ..NotedRun::default() };
                let new = Some(new_run(context, &of));
                return Followed { run: Some(run), new, verdict: Verdict::Open };
            }
            // Made before the status could say so.
            Some(run)
                if replaced != Some(object::name(run))
                    && is_for(context, kind, run)
                    && !verdict::is_over(run)
                    && !verdict::is_ending(run) =>
            {
                return followed(run, what);
            }
            Some(_) => {}
        }
    }
    Followed {
        verdict: Verdict::Bad(format!("{what}: all names are taken; delete old AnalysisRuns")),
        ..Followed::default()
    }
}

fn followed(run: &Value, what: &str) -> Followed {
    let phase = verdict::phase(run);
    let message = run.pointer("/status/message").and_then(Value::as_str).unwrap_or_default();
    let status = NotedRun {
        name: object::name(run).to_owned(),
        status: phase.map(|phase| phase.name().to_owned()).unwrap_or_default(),
        message: message.to_owned(),
    };
    Followed { run: Some(status), new: None, verdict: Verdict::of(phase, what, message) }
}

/// Whether a run is the Rollout's own, for this purpose and these pods.
fn is_for(context: &Context<'_>, kind: RunKind, run: &Arc<Value>) -> bool {
    let is_labelled = match kind {
        RunKind::Step(index) => {
            object::label(run, ROLLOUT_TYPE_LABEL) == Some("Step")
                && object::label(run, STEP_INDEX_LABEL) == Some(index.to_string().as_str())
        }
        RunKind::Background => object::label(run, ROLLOUT_TYPE_LABEL) == Some("Background"),
    };
    is_labelled
        && object::controller_uid(run) == Some(context.rollout.uid.as_str())
        && object::label(run, HASH_LABEL) == Some(context.new_hash.as_str())
        && !object::is_deleting(run)
}

/// Whether another run is needed: a person has resumed after one without a conclusion, or tries again after an abort.
fn is_outdated(context: &Context<'_>, run: &Value) -> bool {
    let status = &context.status;
    let is_resumed = status.controller_pause && status.pause_conditions.is_empty();
    let is_inconclusive = verdict::phase(run) == Some(tidegate_analysis::Phase::Inconclusive);
    (is_resumed && is_inconclusive) || status.aborted_at.is_some()
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
