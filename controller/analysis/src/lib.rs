//! Analysis: whether what is measured lets an update go on. Pure, like `decide`: no I/O, no clock, nothing remembered.
//!
//! - [`merge`] makes the spec of an AnalysisRun out of the templates that a Rollout or an Experiment refers to and of the arguments
//!   that it gives ([`resolve_arguments`]); [`RunOf`] names and labels the run of a Rollout. [`validate_template`] says what is wrong with a template before it is used.
//! - [`assess`] says what is to be measured now, and what the run's status should be, given the run as observed and what
//!   providers have answered. Whoever calls it carries out the effects and calls again with what came of them.
//! - [`provider`] reads the providers' configurations and what they answer.
//!
//! # How measurements go
//! A measurement has a [`Key`]: its metric and its number, which follows from the counters in the status. `assess` asks for it with
//! [`Effect::Measure`] as often as it is called, until the status that it was called with has the answer; the caller takes a
//! measurement once for each key, keeps its [`Answer`] until an observed status has taken it in, and drops what is no longer asked
//! for. So a process that ends in between measures again and loses nothing; a Job has the key in its name and is found again.
//!
//! # Where it differs from Argo Rollouts
//! For operators this is in `docs/analysis.md`, with the rest.
//!
//! - Numbers, patterns and providers that cannot be read end the run before anything is measured, with the path of each field. A
//!   condition that does not parse and an argument without a value put each measurement of their metric in error, and its limits
//!   decide; others go on. In Argo an argument without a value ends the run.
//! - A measurement of nothing (nil, or no elements) or of NaN is in error unless a condition of the metric says what that means to
//!   it ([`tidegate_expression::Condition::provides_for_nothing`], [`provides_for_nan`]). In Argo `all(result, # < 1)` holds for
//!   an empty vector, and `result[0] >= 0.95` fails for NaN: no evidence would decide.
//! - A secret that cannot be had makes a measurement in error, which is taken again, instead of ending the run.
//!
//! [`provides_for_nan`]: tidegate_expression::Condition::provides_for_nan
#![forbid(unsafe_code)]

mod answer;
mod argument;
mod assess;
mod decision;
mod field;
mod field_path;
mod judge;
mod metric;
mod phase;
pub mod provider;
mod record;
mod resolve;
mod rules;
mod run;
mod schedule;
mod status;
mod substitute;
mod template;
mod time;
mod validate;
mod verdict;

pub use answer::{Answer, Key, Outcome};
pub use argument::{ArgumentError, Secret, SecretKey, Secrets};
pub use assess::{World, assess};
pub use decision::{Decision, Effect, Note, NoteKind};
pub use field_path::resolve_arguments;
pub use judge::judge;
pub use metric::{DEFAULT_CONSECUTIVE_ERROR_LIMIT, Metric};
pub use phase::Phase;
pub use rules::dry_run_metrics;
pub use run::{ROLLOUT_TYPE_LABEL, RunKind, RunOf, STEP_INDEX_LABEL, UNRESOLVED_ANNOTATION};
pub use substitute::SubstituteError;
pub use template::{MergeError, Merged, Reference, Templates, merge};
pub use validate::validate_template;
