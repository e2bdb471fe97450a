//! The checks, one file each subject.

mod additional;
mod broken;
mod config;
mod description;
mod determinism;
mod expectations;
mod foreign;
mod history;
mod managed;
mod release;
mod weights;

use tidegate_contract::{ObjectRef, Traffic};
use tidegate_route::difference::{self, Difference};
use tidegate_route::pointer::Pattern;
use tidegate_route::{Answer, Purpose};

use crate::bench::{Bench, Broken, Case, End, Ended, answer_in_words, in_words};
use crate::check::Check;

/// How a check is run.
pub(crate) enum Kind {
    /// Once, without objects.
    Plugin(fn(&mut Bench<'_>) -> Ended),
    /// With each fixture.
    Fixture(fn(&mut Bench<'_>, &Case<'_>) -> Ended),
    /// By watching the others.
    Watch,
}

/// How this check is run.
pub(crate) fn kind(check: Check) -> Kind {
    match check {
        Check::Description => Kind::Plugin(description::description),
        Check::InvalidConfig => Kind::Plugin(config::invalid),
        Check::Features => Kind::Fixture(config::features),
        Check::BrokenConfig => Kind::Fixture(config::broken),
        Check::Deterministic => Kind::Fixture(determinism::deterministic),
        Check::Weights => Kind::Fixture(weights::weights),
        Check::MaxWeight => Kind::Fixture(weights::max_weight),
        Check::History => Kind::Fixture(history::history),
        Check::PodTemplateHashes => Kind::Fixture(history::pod_template_hashes),
        Check::HeaderRoutes => Kind::Fixture(managed::header_routes),
        Check::MirrorRoutes => Kind::Fixture(managed::mirror_routes),
        Check::Precedence => Kind::Fixture(managed::precedence),
        Check::AdditionalDestinations => Kind::Fixture(additional::additional_destinations),
        Check::Release => Kind::Fixture(release::release),
        Check::MissingObjects => Kind::Fixture(release::missing_objects),
        Check::Foreign => Kind::Fixture(foreign::foreign),
        Check::BrokenObjects => Kind::Fixture(broken::broken_objects),
        Check::Verify => Kind::Fixture(expectations::verify),
        Check::Expectations => Kind::Fixture(expectations::expectations),
        Check::Faults | Check::Locate | Check::Permitted | Check::Shares | Check::Idempotent => Kind::Watch,
    }
}

/// Whether a difference is a number in a field that the plugin may change: a weight.
fn is_number_of_a_field(bench: &Bench<'_>, reference: &ObjectRef, one: &Difference<'_>) -> bool {
    let is_number = match one.kind {
        difference::Kind::Set { old, new } => old.is_number() && new.is_number(),
        difference::Kind::Added { new: value } | difference::Kind::Removed { old: value } => {
            value.is_number()
        }
    };
    let kinds = &bench.router.description().kinds;
    let mut fields = kinds.iter().filter(|used| used.kind == reference.kind).flat_map(|used| &used.fields);
    is_number && fields.any(|pattern| covers(pattern, one))
}

/// Whether a pattern means the place that differs, or one around it.
fn covers(pattern: &str, one: &Difference<'_>) -> bool {
    Pattern::parse(pattern).is_ok_and(|pattern| pattern.covers(&one.path).is_some())
}

/// What becomes of a scenario whose feature the plugin does not have with this configuration. A host does not even ask,
/// because `check` answers without the feature; asked all the same, the plugin must not take it for done.
fn without_feature(bench: &mut Bench<'_>, case: &Case<'_>, feature: &str, traffic: &Traffic) -> Ended {
    let described = bench.router.description().features.iter().any(|other| other == feature);
    let why = if described { "not a feature of this configuration" } else { "not described by this plugin" };
    match bench.answer(case, traffic, Purpose::Route, &case.world())? {
        Answer::Problem(problem) => Ok(End::NotApplicable(format!(
            "`{feature}` is {why}; asked all the same, it answers `{}`",
            problem.code
        ))),
        answer @ (Answer::Routed(_) | Answer::Fault(_)) => Err(Broken::new(
            in_words(case, traffic, Purpose::Route),
            answer_in_words(&answer),
            format!("the problem `unsupported`, because `{feature}` is {why}: it must not be taken for done"),
        )),
        // Nothing of it is written, so nobody takes it for done.
        answer => Ok(End::NotApplicable(format!(
            "`{feature}` is {why}; asked all the same, the host refuses its answer: {}",
            answer_in_words(&answer)
        ))),
    }
}
