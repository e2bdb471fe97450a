//! A metric: how often something is measured, and what its measurements mean.

use serde_json::Value;
use tidegate_expression::Condition;
use tidegate_model::validate::SpecError;

use crate::field::{Field, Problems, brief};
use crate::provider::Provider;
use crate::substitute::has_placeholders;

/// How many errors in a row a metric may have, when it does not say (Argo Rollouts).
pub const DEFAULT_CONSECUTIVE_ERROR_LIMIT: i64 = 4;
/// The value of a limit that switches it off (Argo Rollouts).
const DISABLED: i64 = -1;

/// A metric, read.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Its name, by which its result is found.
    pub name: String,
    /// Seconds between the end of a measurement and the next; None: there is no next, except after errors.
    pub interval: Option<i64>,
    /// Seconds from the start of the run to the first measurement.
    pub initial_delay: i64,
    /// How many measurements are taken, without those in error; None: without end.
    pub count: Option<i64>,
    /// What a good measurement is like.
    pub success: Option<Condition>,
    /// What a bad measurement is like.
    pub failure: Option<Condition>,
    /// How many bad measurements are borne; None: any number.
    pub failure_limit: Option<i64>,
    /// How many measurements that are neither are borne; None: any number.
    pub inconclusive_limit: Option<i64>,
    /// How many errors in a row are borne.
    pub consecutive_error_limit: i64,
    /// With how many good measurements in a row the metric is done; None: that does not end it.
    pub consecutive_success_limit: Option<i64>,
    /// Where the measured values come from.
    pub provider: Provider,
}

impl Metric {
    /// Reads a metric whose arguments are in place.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(path: &str, value: &Value) -> Result<Self, Vec<SpecError>> {
        match Self::read_undecided(path, value) {
            Ok((metric, undecided)) if undecided.is_empty() => Ok(metric),
            Ok((_, problems)) | Err(problems) => Err(problems),
        }
    }

    /// Reads a metric that may have conditions which cannot be read: it can be measured, but nothing can be said about what is.
    /// Besides, what is wrong with its conditions.
    ///
    /// # Errors
    /// All that is wrong with it, when more than its conditions is.
    pub(crate) fn read_undecided(
        path: &str,
        value: &Value,
    ) -> Result<(Self, Vec<SpecError>), Vec<SpecError>> {
        let field = Field::new(path, Some(value));
        let (mut problems, mut undecided) = (Problems::default(), Problems::default());
        let metric = read(&field, &mut problems, &mut undecided);
        match metric {
            Some(metric) if problems.0.is_empty() => Ok((metric, undecided.0)),
            _ => {
                problems.0.append(&mut undecided.0);
                Err(problems.0)
            }
        }
    }

    /// One that cannot be read, as far as it can: whoever wrote it gets measurements in error up to its limit, and traffic stays where
    /// it was meanwhile.
    pub(crate) fn unreadable(value: &Value, index: usize) -> Self {
        let name = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let limit = value.get("consecutiveErrorLimit").and_then(Value::as_i64).filter(|limit| *limit >= 0);
        Self {
            name: name.map_or_else(|| format!("metrics[{index}]"), str::to_owned),
            interval: None,
            initial_delay: 0,
            count: Some(1),
            success: None,
            failure: None,
            failure_limit: Some(0),
            inconclusive_limit: Some(0),
            consecutive_error_limit: limit.unwrap_or(DEFAULT_CONSECUTIVE_ERROR_LIMIT),
            consecutive_success_limit: None,
            provider: Provider::Unreadable,
        }
    }

    /// Whether measuring ends by itself.
    pub const fn is_finite(&self) -> bool {
        self.count.is_some()
    }
}

const FIELDS: [&str; 11] = [
    "name",
    "interval",
    "initialDelay",
    "count",
    "successCondition",
    "failureCondition",
    "failureLimit",
    "inconclusiveLimit",
    "consecutiveErrorLimit",
    "consecutiveSuccessLimit",
    "provider",
];

/// `undecided`: what is wrong with its conditions, apart from the rest.
fn read(field: &Field<'_>, problems: &mut Problems, undecided: &mut Problems) -> Option<Metric> {
    if !field.value.is_object() {
        problems
            .say(field, format!("must be an object with a name and a provider, not {}", brief(field.value)));
        return None;
    }
    problems.only(field, &FIELDS);
    let name = problems.needed_text(&field.get("name"), "a name that no other metric has");
    let interval_field = field.get("interval");
    let interval = problems.duration(&interval_field);
    if interval.is_some_and(|seconds| seconds < 1) {
        problems.say(&interval_field, "must be at least 1s");
    }
    let initial_delay = problems.duration(&field.get("initialDelay")).unwrap_or_default();
    let count_field = field.get("count");
    let given_count = problems.number(&count_field, 0).filter(|count| *count > 0);
    if given_count.is_some_and(|count| count > 1) && interval.is_none() {
        problems.say(&interval_field, "must be given when count is more than 1");
    }
    let failure_limit = limit(&field.get("failureLimit"), problems);
    let inconclusive_limit = limit(&field.get("inconclusiveLimit"), problems);
    for (name, limit) in [("failureLimit", failure_limit), ("inconclusiveLimit", inconclusive_limit)] {
        if let (Some(count), Some(limit)) = (given_count, limit)
            && count < limit
        {
            problems.say(
                &field.get(name),
                format!("must not be more than count ({count}): it would never be reached"),
            );
        }
    }
    let error_limit = problems.number(&field.get("consecutiveErrorLimit"), 0);
    let success_limit = problems.number(&field.get("consecutiveSuccessLimit"), 0);
    let success = condition(&field.get("successCondition"), undecided);
    let failure = condition(&field.get("failureCondition"), undecided);
    let provider = Provider::read(&field.get("provider"), problems)?;
    Some(Metric {
        name,
        interval,
        initial_delay,
        count: given_count.or_else(|| interval.is_none().then_some(1)),
        success,
        failure,
        failure_limit,
        inconclusive_limit,
        consecutive_error_limit: error_limit.unwrap_or(DEFAULT_CONSECUTIVE_ERROR_LIMIT),
        consecutive_success_limit: success_limit.filter(|limit| *limit > 0),
        provider,
    })
}

/// A limit; 0 when absent, none when switched off.
fn limit(field: &Field<'_>, problems: &mut Problems) -> Option<i64> {
    let limit = problems.number(field, DISABLED).unwrap_or_default();
    (limit != DISABLED).then_some(limit)
}

fn condition(field: &Field<'_>, problems: &mut Problems) -> Option<Condition> {
    let text = problems.text(field)?;
    match Condition::parse(&text) {
        Ok(condition) => Some(condition),
        Err(error) => {
            problems.say(field, error.to_string());
            None
        }
    }
}

/// A metric in a template: checked as far as it does not depend on arguments.
pub(crate) fn check(field: &Field<'_>, problems: &mut Problems) {
    let known = without_placeholders(field.value);
    let mut undecided = Problems::default();
    read(&Field::new(field.path.clone(), Some(&known)), problems, &mut undecided);
    problems.0.append(&mut undecided.0);
}

/// A metric without what depends on arguments, so that the rest can be read.
pub(crate) fn without_placeholders(metric: &Value) -> Value {
    let mut known = metric.clone();
    if let Some(fields) = known.as_object_mut() {
        for name in FIELDS.iter().filter(|name| !matches!(**name, "name" | "provider")) {
            if fields.get(*name).is_some_and(has_placeholders) {
                fields.remove(*name);
                // Its count may make it finite, and its interval may be why several measurements can be taken.
                if *name == "interval" {
                    fields.remove("count");
                }
            }
        }
    }
    known
}
