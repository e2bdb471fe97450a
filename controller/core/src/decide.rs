//! `decide`: the table of contents of the state machine.

use jiff::Timestamp;

use crate::analysis::Runs;
use crate::context::Context;
use crate::decision::{Decision, Note};
use crate::problems::Problem;
use crate::status::Reported;
use crate::steps::{self, Position};
use crate::world::World;
use crate::writes::Writes;
use crate::{
    experiment_step, features, metadata, problems, replicas, restart, revision, run_history, services,
    status, traffic, workload,
};

/// What should be done about a Rollout now, and what it should say about itself.
///
/// Total: whatever the world looks like, there is a decision, and it says what is wrong with the world.
///
/// Every write follows from what was observed, at the position that the status had; the status that comes with it says
/// the position that the next pass starts from. So a decision may be carried out in part, in any order, or not at all.
pub fn decide(world: &World, now: Timestamp) -> Decision {
    let context = Context::observe(world, now);
    let errors = problems::of(&context);
    let mut notes = Vec::new();
    let mut writes = Writes::default();

    if !errors.is_empty() {
        return invalid(&context, &errors);
    }
    if steps::is_restart(&context) || context.collides {
        let mut position = steps::restarted(&context, &mut notes);
        position.collision_count = revision::collision_count(&context);
        let reported = status::report(&context, position, None, &errors, &mut notes);
        return only_said(reported, notes);
    }

    let (runs, experiment) = (Runs::of(&context), experiment_step::follow(&context));
    if let Some(position) = steps::given_up(&context, &runs, &experiment, &mut notes) {
        // That is said before anything else is done: what would be done now is still for the update.
        let reported = status::report(&context, position, None, &errors, &mut notes);
        return only_said(reported, notes);
    }
    let traffic = traffic::desired(&context);
    revision::plan(&context, &mut writes, &mut notes);
    workload::note_generation(&context, &mut writes);
    let deadline = replicas::plan(&context, traffic.as_ref(), &mut writes, &mut notes);
    services::plan(&context, traffic.as_ref(), &mut writes, &mut notes);
    revision::collect_history(&context, &mut writes);
    run_history::plan(&context, &runs, &experiment, traffic.as_ref(), &mut writes, &mut notes);
    let mut position = steps::advanced(&context, traffic.as_ref(), &runs, &experiment, &mut notes);
    metadata::plan(&context, &mut writes);
    let restart = restart::plan(&context, &mut position, &mut writes);
    let reported = status::report(&context, position, traffic.as_ref(), &errors, &mut notes);
    workload::scale_down(&context, &reported.status, &mut writes, &mut notes);
    Decision {
        writes: writes.finish(&context),
        traffic,
        status: reported.status,
        notes,
        wake_at: [deadline, restart, reported.wake_at].into_iter().flatten().min(),
    }
}

/// Where everything else is left to the next pass.
fn only_said(reported: Reported, notes: Vec<Note>) -> Decision {
    Decision { writes: Vec::new(), traffic: None, status: reported.status, notes, wake_at: reported.wake_at }
}

/// An invalid spec leaves everything where it is, except that an abort is still carried out: what it needs is in the status
/// and in the objects. What was measured still is a reason for one.
fn invalid(context: &Context<'_>, errors: &[Problem]) -> Decision {
    let mut notes = Vec::new();
    let mut writes = Writes::default();
    let mut traffic = None;
    let mut position = Position::persisted(context);
    let (runs, experiment) = (Runs::of(context), experiment_step::follow(context));
    if context.is_aborted() && context.stable_set().is_some() {
        traffic = traffic::desired(context);
        replicas::plan_abort(context, &mut writes, &mut notes);
        services::plan(context, traffic.as_ref(), &mut writes, &mut notes);
        run_history::end_all(context, &mut writes);
        position = steps::advanced(context, traffic.as_ref(), &runs, &experiment, &mut notes);
    } else if context.status.abort && context.is_fully_promoted() {
        // The template is the stable one again, which cannot be noted before the spec is valid. What the abort asks for is the
        // same.
        traffic = traffic::desired(context);
        replicas::plan_abort(context, &mut writes, &mut notes);
        services::plan(context, traffic.as_ref(), &mut writes, &mut notes);
    } else if context.world.routing.is_none() && errors.iter().all(features::is_about_routers) {
        // So said the last process; the routers are asked whether it still holds.
        traffic = traffic::desired(context);
    }
    if let Some(given_up) = steps::given_up(context, &runs, &experiment, &mut notes) {
        position = given_up;
    }
    let reported = status::report(context, position, traffic.as_ref(), errors, &mut notes);
    Decision {
        writes: writes.finish(context),
        traffic,
        status: reported.status,
        notes,
        wake_at: [reported.wake_at, workload::retry_at(context)].into_iter().flatten().min(),
    }
}
