//! The verdict about one measured value.

use tidegate_expression::{Condition, EvaluateError, Value};

use crate::metric::Metric;
use crate::phase::Phase;
use crate::provider::Observation;

/// What a measured value means, and why if that needs to be said.
///
/// Without conditions a value is good. One condition decides alone. With both, failure comes first, and a value of which neither
/// holds is inconclusive. What cannot be decided is an error.
pub fn judge(metric: &Metric, observed: &Observation) -> (Phase, String) {
    let conditions = || metric.success.iter().chain(&metric.failure);
    if is_nothing(&observed.result) && !conditions().any(Condition::provides_for_nothing) {
        let message = format!(
            "the provider gave no value ({}), and no condition says what that means; check the query, or provide for it, as in \
             len(result) > 0, default(result, 0) or isNil(result)",
            observed.text
        );
        return (Phase::Error, message);
    }
    if has_nan(&observed.result) && !conditions().any(Condition::provides_for_nan) {
        let message = "the provider gave NaN, and no condition says what that means; is there no traffic to measure? Provide for \
                       it with isNaN";
        return (Phase::Error, message.to_owned());
    }
    match verdict(metric, &observed.result) {
        Ok(phase) => (phase, String::new()),
        Err((field, error)) => (Phase::Error, format!("{field}: {error}")),
    }
}

fn verdict(metric: &Metric, result: &Value) -> Result<Phase, (&'static str, EvaluateError)> {
    let holds = |condition: &Option<Condition>, field| {
        condition
            .as_ref()
            .map(|condition| condition.evaluate(result))
            .transpose()
            .map_err(|error| (field, error))
    };
    let success = holds(&metric.success, "successCondition")?;
    let failure = holds(&metric.failure, "failureCondition")?;
    Ok(match (success, failure) {
        (_, Some(true)) | (Some(false), None) => Phase::Failed,
        (Some(false), Some(false)) => Phase::Inconclusive,
        (Some(true) | None, _) => Phase::Successful,
    })
}

fn is_nothing(result: &Value) -> bool {
    match result {
        Value::Nil => true,
        Value::List(elements) => elements.is_empty(),
        Value::Text(text) => text.is_empty(),
        _ => false,
    }
}

fn has_nan(result: &Value) -> bool {
    match result {
        Value::Float(number) => number.is_nan(),
        Value::List(elements) => {
            elements.iter().any(|one| matches!(one, Value::Float(number) if number.is_nan()))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn phase(success: &str, failure: &str, result: Value) -> Phase {
        let metric = json!({"name": "m", "successCondition": success, "failureCondition": failure,
            "provider": {"web": {"url": "http://x"}}});
        let metric = Metric::read("m", &metric).unwrap();
        judge(&metric, &Observation { result, text: String::new(), warnings: Vec::new() }).0
    }

    #[test]
    fn conditions_decide() {
        let number = |number: f64| Value::Float(number);
        for (success, failure, result, expected) in [
            ("", "", number(1.0), Phase::Successful),
            ("result > 1", "", number(2.0), Phase::Successful),
            ("result > 1", "", number(1.0), Phase::Failed),
            ("", "result > 1", number(2.0), Phase::Failed),
            ("", "result > 1", number(1.0), Phase::Successful),
            ("result > 5", "result < 1", number(9.0), Phase::Successful),
            ("result > 5", "result < 1", number(0.0), Phase::Failed),
            ("result > 5", "result < 1", number(3.0), Phase::Inconclusive),
            ("result > 1", "result > 1", number(2.0), Phase::Failed),
            ("result.a > 1", "", number(2.0), Phase::Error),
            ("true", "result.a > 1", number(2.0), Phase::Error),
        ] {
            assert_eq!(phase(success, failure, result.clone()), expected, "{success}, {failure}: {result:?}");
        }
    }

    #[test]
    fn no_evidence_is_an_error_unless_provided_for() {
        let nan = || Value::floats(&[1.0, f64::NAN]);
        for (success, failure, result, expected) in [
            ("", "", Value::Nil, Phase::Error),
            ("", "", Value::floats(&[]), Phase::Error),
            ("", "", nan(), Phase::Error),
            ("all(result, # < 1)", "", Value::floats(&[]), Phase::Error),
            ("result[0] > 1", "", Value::floats(&[]), Phase::Error),
            ("result == 1", "", Value::Nil, Phase::Error),
            ("result == nil", "", Value::Nil, Phase::Successful),
            ("default(result, 0) < 1", "", Value::Nil, Phase::Successful),
            ("", "len(result) > 0 and result[0] > 1", Value::floats(&[]), Phase::Successful),
            ("result[0] > 0", "", nan(), Phase::Error),
            ("", "result[1] > 0", nan(), Phase::Error),
            ("", "result[1] > 0", Value::Float(f64::NAN), Phase::Error),
            ("isNaN(result[1]) or result[1] > 0", "", nan(), Phase::Successful),
            ("result[0] > 0", "isNaN(result[1])", nan(), Phase::Failed),
        ] {
            assert_eq!(phase(success, failure, result.clone()), expected, "{success}, {failure}: {result:?}");
        }
    }
}
