//! The conformance suite for router plugins: what holds for every router, whatever it routes with, and scenarios for
//! the features that a router has. `tidegate plugin test` runs it on a component; our own plugins pass it in our tests.
//!
//! Two kinds of checks: those that need no objects, and those that need [fixtures](Fixture), in which the author says
//! what a Rollout's objects look like. Every question goes through [`tidegate_route::run`], the host's own pass, with its
//! own guard: what the suite accepts is what a controller accepts.
//!
//! | module | what it holds |
//! |---|---|
//! | [`check`](Check) | which checks there are, and what each promises |
//! | `fixture`, `read` | the format of fixtures, and reading it |
//! | `world` | a fixture's objects, as a cluster would hold them |
//! | `bench` | asking the plugin, judging its answers |
//! | `sample` | what is asked: weights, traffic, broken JSON; the same for the same seed |
//! | `schema` | what can be said about JSON Schemas without knowing all of them |
//! | `checks` | the checks themselves, one file each subject |
//! | `scorecard`, `suite` | running all of them, and the result |
//!
//! The suite is deterministic: the same component, fixtures, seed and number of cases give the same scorecard.
#![forbid(unsafe_code)]

mod bench;
mod check;
mod checks;
mod fixture;
mod read;
mod sample;
mod schema;
mod scorecard;
mod suite;
mod world;

pub use check::Check;
pub use fixture::{
    Expectation, ExpectedValue, Fixture, FixtureDestination, FixtureMatch, FixtureRoute, FixtureTarget,
    FixtureText, ForeignElement, ObjectName, Situation,
};
pub use read::FixtureError;
pub use scorecard::{Failure, Line, Outcome, Scorecard, Totals, Verdict};
pub use suite::{Options, run};
pub use world::World;
