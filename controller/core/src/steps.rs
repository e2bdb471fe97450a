//! Where the update stands, and where it stands after this pass.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate_contract::{ManagedRoute, Traffic};
use tidegate_model::names::reason;
use tidegate_model::{NotedRun, PauseCondition, PingOrPong, Step};

use crate::analysis::Runs;
use crate::context::Context;
use crate::decision::Note;
use crate::experiment_step::Followed;
use crate::traffic::{self, weight_after};
use crate::verdict::{self, Verdict};
use crate::{managed, promotion, replicas, restart, roles, time};

/// What the status says about the position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) index: Option<usize>,
    pub(crate) pauses: Vec<PauseCondition>,
    pub(crate) controller_pause: bool,
    pub(crate) abort: bool,
    pub(crate) aborted_at: Option<Timestamp>,
    pub(crate) promote_full: bool,
    pub(crate) stable_rs: String,
    pub(crate) stable_ping_pong: Option<PingOrPong>,
    pub(crate) current_pod_hash: String,
    pub(crate) current_step_hash: String,
    pub(crate) collision_count: Option<i64>,
    /// Why it was aborted in this pass, if not by a user.
    pub(crate) abort_cause: Option<String>,
    /// The AnalysisRun of the current step.
    pub(crate) step_run: Option<NotedRun>,
    /// The AnalysisRun beside the steps.
    pub(crate) background_run: Option<NotedRun>,
    /// The Experiment of the current step; empty: none.
    pub(crate) experiment: String,
    /// The restart that was carried out last.
    pub(crate) restarted_at: Option<String>,
    /// When to look again because of the position alone.
    pub(crate) wake_at: Option<Timestamp>,
}

impl Position {
    /// The position as the status has it.
    pub(crate) fn persisted(context: &Context<'_>) -> Self {
        let status = &context.status;
        Self {
            index: status.current_step_index,
            pauses: status.pause_conditions.clone(),
            controller_pause: status.controller_pause,
            abort: status.abort,
            aborted_at: status.aborted_at,
            promote_full: status.promote_full,
            stable_rs: status.stable_rs.clone(),
            stable_ping_pong: status.stable_ping_pong,
            current_pod_hash: status.current_pod_hash.clone(),
            current_step_hash: status.current_step_hash.clone(),
            collision_count: status.collision_count,
            abort_cause: None,
            step_run: status.step_run.clone(),
            background_run: status.background_run.clone(),
            experiment: status.current_experiment.clone(),
            restarted_at: restart::noted(context),
            wake_at: None,
        }
    }

    /// Notes how far analyses and experiments are.
    fn note(&mut self, context: &Context<'_>, runs: &Runs, experiment: &Followed, notes: &mut Vec<Note>) {
        self.step_run.clone_from(&runs.step.run);
        self.background_run.clone_from(&runs.background.run);
        self.experiment.clone_from(&experiment.name);
        let (step, background) = (context.status.step_run.as_ref(), context.status.background_run.as_ref());
        verdict::told("Step", step, self.step_run.as_ref(), notes);
        verdict::told("Background", background, self.background_run.as_ref(), notes);
    }

    fn clear_pauses(&mut self) {
        self.pauses.clear();
        self.controller_pause = false;
    }

    /// Ends the pause of a step; others have their own ends.
    fn end_step_pause(&mut self) {
        self.pauses.retain(|pause| pause.reason != reason::CANARY_PAUSE_STEP);
        self.controller_pause &= !self.pauses.is_empty();
    }

    fn step_pause(&mut self) -> Option<&mut PauseCondition> {
        self.pauses.iter_mut().find(|pause| pause.reason == reason::CANARY_PAUSE_STEP)
    }
}

/// Whether the template or the steps are not those that the status speaks of, so that the update starts anew.
pub(crate) fn is_restart(context: &Context<'_>) -> bool {
    context.status.current_pod_hash != context.new_hash
        || context.status.current_step_hash != context.step_hash
}

/// The position at the start of an update.
pub(crate) fn restarted(context: &Context<'_>, notes: &mut Vec<Note>) -> Position {
    let steps = context.steps().len();
    let is_stable = context.is_fully_promoted();
    let was_updating = !context.status.current_pod_hash.is_empty() && !context.is_first();
    if was_updating && is_stable && steps > 0 && context.status.current_pod_hash != context.new_hash {
        notes.push(Note::normal(reason::SKIP_STEPS, "Rollback to stable ReplicaSets"));
    } else if context.is_fast_rollback && steps > 0 {
        let is_active = context.new_set().is_some_and(|new| new.desired > 0);
        let which = if is_active { "active ReplicaSets" } else { "ReplicaSets" };
        notes.push(Note::normal(reason::SKIP_STEPS, format!("Rollback to {which} within RollbackWindow")));
    }
    let is_over = is_stable || context.is_first() || context.is_fast_rollback;
    Position {
        index: (steps > 0).then_some(if is_over { steps } else { 0 }),
        current_pod_hash: context.new_hash.clone(),
        current_step_hash: context.step_hash.clone(),
        abort: false,
        aborted_at: None,
        promote_full: false,
        pauses: Vec::new(),
        controller_pause: false,
        step_run: None,
        background_run: None,
        experiment: String::new(),
        restarted_at: restart::superseded(context),
        ..Position::persisted(context)
    }
}

/// The position of an update that what was measured gives up, if it does.
pub(crate) fn given_up(
    context: &Context<'_>,
    runs: &Runs,
    experiment: &Followed,
    notes: &mut Vec<Note>,
) -> Option<Position> {
    let verdicts = [&runs.step.verdict, &runs.background.verdict, &experiment.verdict];
    let cause = verdicts.into_iter().find_map(|verdict| match verdict {
        Verdict::Bad(cause) => Some(cause.clone()),
        _ => None,
    })?;
    let mut position = Position::persisted(context);
    position.note(context, runs, experiment, notes);
    // One that would have been made now never will be.
    for (noted, followed, before) in [
        (&mut position.step_run, &runs.step, &context.status.step_run),
        (&mut position.background_run, &runs.background, &context.status.background_run),
    ] {
        if followed.new.is_some() {
            noted.clone_from(before);
        }
    }
    position.abort = true;
    position.aborted_at = Some(time::whole(context.now));
    position.index = position.index.map(|_| 0);
    position.clear_pauses();
    position.experiment = String::new();
    position.abort_cause = Some(cause);
    Some(position)
}

/// The position after this pass.
pub(crate) fn advanced(
    context: &Context<'_>,
    traffic: Option<&Traffic>,
    runs: &Runs,
    experiment: &Followed,
    notes: &mut Vec<Note>,
) -> Position {
    let mut position = Position::persisted(context);
    position.note(context, runs, experiment, notes);
    let steps = context.steps();
    let all = (!steps.is_empty()).then_some(steps.len());
    if context.is_first() {
        position.index = all;
        position.abort = false;
        position.aborted_at = None;
        position.promote_full = false;
        if promotion::is_complete(context, traffic) {
            position.stable_rs.clone_from(&context.new_hash);
            if context.status.stable_rs.is_empty() {
                // A promotion like any other, as far as the names go (Argo Rollouts).
                roles::exchange(context, &mut position);
            }
            let revision = context.new_revision();
            notes.push(completed(context, revision, "Initial deploy"));
        }
        return position;
    }
    if context.is_fully_promoted() {
        position.index = all;
        position.abort = false;
        position.aborted_at = None;
        position.promote_full = false;
        if !context.rollout.paused {
            position.clear_pauses();
        }
        return position;
    }
    // Both may be asked for; the later one holds. An abort that was carried out before has its time.
    let is_taken_back = context.status.promote_full && context.status.aborted_at.is_some();
    if context.is_fast_rollback {
        position.index = all;
        position.abort = false;
        position.clear_pauses();
    } else if is_taken_back {
        position.abort = false;
    } else if context.status.abort {
        position.index = all.map(|_| 0);
        position.clear_pauses();
        position.promote_full = false;
        position.aborted_at = position.aborted_at.or_else(|| Some(time::whole(context.now)));
        return position;
    }
    position.aborted_at = None;
    if context.status.controller_pause
        && context.status.pause_conditions.is_empty()
        && (runs.step.new.is_some() || experiment.new.is_some())
    {
        // A person has resumed after one without a conclusion, which is taken again.
        position.controller_pause = false;
    }
    without_conclusion(context, runs, experiment, &mut position, notes);
    if context.rollout.paused || context.waits_for_judgement(&position.pauses) {
        return position;
    }
    if promotion::is_complete(context, traffic) {
        let revision = context.new_revision();
        let why = if context.status.promote_full {
            "Full promotion requested".to_owned()
        } else if context.is_fast_rollback {
            "Rollback within window".to_owned()
        } else {
            format!("Completed all {} canary steps", steps.len())
        };
        notes.push(completed(context, revision, &why));
        position.clear_pauses();
        position.promote_full = false;
        position.index = all;
        position.stable_rs.clone_from(&context.new_hash);
        if promotion::is_by_exchange(context, traffic) {
            roles::exchange(context, &mut position);
        }
        return position;
    }
    if context.skips_steps() {
        position.clear_pauses();
        return position;
    }
    step_through(context, traffic, [&runs.step.verdict, &experiment.verdict], &mut position, notes);
    position
}

/// Pauses where what was measured says neither yes nor no.
fn without_conclusion(
    context: &Context<'_>,
    runs: &Runs,
    experiment: &Followed,
    position: &mut Position,
    notes: &mut Vec<Note>,
) {
    let is_open = |verdict: &Verdict| *verdict == Verdict::Inconclusive;
    let analysis = is_open(&runs.step.verdict) || is_open(&runs.background.verdict);
    for (is_open, reason) in [
        (analysis, reason::INCONCLUSIVE_ANALYSIS),
        (is_open(&experiment.verdict), reason::INCONCLUSIVE_EXPERIMENT),
    ] {
        if is_open && position.pauses.iter().all(|pause| pause.reason != reason) {
            let start_time = Some(time::whole(context.now));
            position.pauses.push(PauseCondition { reason: reason.to_owned(), start_time });
            position.controller_pause = true;
            notes.push(Note::normal(reason::PAUSED, format!("Rollout is paused ({reason})")));
        }
    }
}

fn completed(context: &Context<'_>, revision: i64, why: &str) -> Note {
    let hash = &context.new_hash;
    Note::normal(
        reason::COMPLETED,
        format!("Rollout completed update to revision {revision} ({hash}): {why}"),
    )
}

/// Completes the current step if it is done, and begins the next one if that is a pause.
fn step_through(
    context: &Context<'_>,
    traffic: Option<&Traffic>,
    [analysis, experiment]: [&Verdict; 2],
    position: &mut Position,
    notes: &mut Vec<Note>,
) {
    let steps = context.steps();
    let mut index = context.index();
    if !matches!(steps.get(index), Some(Step::Pause(_))) {
        position.end_step_pause();
    }
    let is_done = match steps.get(index) {
        None | Some(Step::Other(_)) => false,
        Some(Step::Pause(duration)) => is_pause_over(context, *duration, position, notes),
        // Paused for another reason, by a user or by an analysis.
        Some(_) if !position.pauses.is_empty() => false,
        Some(Step::Analysis) => *analysis == Verdict::Good,
        Some(Step::Experiment(_)) => *experiment == Verdict::Good,
        Some(Step::SetWeight(_)) => {
            replicas::at_desired(context) && is_weight_in_force(context, index, traffic)
        }
        Some(Step::SetCanaryScale(_)) => replicas::at_desired(context),
        Some(Step::SetHeaderRoute(route) | Step::SetMirrorRoute(route)) => {
            is_route_in_force(context, route, traffic)
        }
    };
    if is_done {
        if let Some(step) = steps.get(index) {
            notes.push(Note::normal(
                reason::STEP_COMPLETED,
                format!(
                    "Rollout step {}/{} completed ({})",
                    index + 1,
                    steps.len(),
                    describe(context, index, step)
                ),
            ));
        }
        index += 1;
        position.step_run = None;
        position.experiment = String::new();
        if let Some(Step::Pause(duration)) = steps.get(index) {
            begin_pause(context, *duration, position, notes);
        }
    }
    position.index = (!steps.is_empty()).then_some(index);
}

/// A step as Argo words it in events; a pause with its duration as it is written.
fn describe(context: &Context<'_>, index: usize, step: &Step) -> String {
    let pause = format!("/spec/strategy/canary/steps/{index}/pause/duration");
    match (step, context.world.rollout.pointer(&pause)) {
        (Step::Pause(Some(_)), Some(Value::String(duration))) => format!("pause: {duration}"),
        (Step::Pause(Some(_)), Some(duration)) => format!("pause: {duration}"),
        _ => step.describe(),
    }
}

/// Whether the routers have verified the weight of this step; not only some traffic, but the traffic that the step asks for.
fn is_weight_in_force(context: &Context<'_>, index: usize, traffic: Option<&Traffic>) -> bool {
    if !context.has_routers() {
        return true;
    }
    let max = context.rollout.canary.max_weight();
    let weight = weight_after(context.steps(), index + 1).min(max);
    // A canary that is to have no pods gets no weight, whatever the step says.
    let is_empty = replicas::wanted_of_new(context) == 0;
    // The canary role may still carry it for an earlier template.
    let has_it = |traffic: &Traffic| {
        traffic.canary.weight == weight && (weight == 0 || traffic::is_for_new_pods(context, traffic))
    };
    context.is_settled(traffic) && traffic.is_some_and(|traffic| is_empty || has_it(traffic))
}

/// Whether the routers have the managed route of this step, or have given it up. One for a canary that is to have no pods waits
/// for a later step to give it some, like its weight.
fn is_route_in_force(context: &Context<'_>, route: &ManagedRoute, traffic: Option<&Traffic>) -> bool {
    if !context.has_routers() {
        return true;
    }
    let is_empty = replicas::wanted_of_new(context) == 0;
    context.is_settled(traffic) && traffic.is_some_and(|traffic| is_empty || managed::is_in(traffic, route))
}

/// Whether the pause step at which the update stands is over; begins it when it has not begun.
fn is_pause_over(
    context: &Context<'_>,
    duration: Option<i64>,
    position: &mut Position,
    notes: &mut Vec<Note>,
) -> bool {
    let now = time::whole(context.now);
    let is_paused_by_others = !position.pauses.is_empty();
    let Some(pause) = position.step_pause() else {
        if is_paused_by_others {
            return false;
        }
        if position.controller_pause {
            // The controller paused and somebody took the pause away: the user resumes.
            position.controller_pause = false;
            notes.push(Note::normal(reason::RESUMED, "Rollout is resumed"));
            return true;
        }
        begin_pause(context, duration, position, notes);
        return false;
    };
    // One that does not say since when lasts from now on.
    let start = *pause.start_time.get_or_insert(now);
    let Some(duration) = duration else { return false };
    let end = end_of(start, duration);
    if end <= context.now {
        position.end_step_pause();
        return true;
    }
    position.wake_at = Some(end);
    false
}

fn begin_pause(context: &Context<'_>, duration: Option<i64>, position: &mut Position, notes: &mut Vec<Note>) {
    let start = time::whole(context.now);
    position.controller_pause = true;
    position.pauses =
        vec![PauseCondition { reason: reason::CANARY_PAUSE_STEP.to_owned(), start_time: Some(start) }];
    position.wake_at = duration.map(|duration| end_of(start, duration));
    notes.push(Note::normal(reason::PAUSED, "Rollout is paused (CanaryPauseStep)"));
}

fn end_of(start: Timestamp, seconds: i64) -> Timestamp {
    start.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
