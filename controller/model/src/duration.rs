//! How long a `pause` step lasts: whole seconds, whole seconds in a string, or a duration as Go writes it.
//!
//! The rules are those of Argo Rollouts: a string is tried as a decimal integer first, then with Go's
//! `time.ParseDuration`, and fractions of a second are cut off.

use serde_json::Value;

/// The longest pause, in seconds: the API type is a 32-bit integer (68 years).
pub const LONGEST_PAUSE_SECONDS: i64 = i32::MAX as i64;

/// Why a pause duration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Neither a whole number nor a string.
    #[error("must be whole seconds (30) or a string like \"30s\", \"1h30m\", not {0}")]
    WrongType(&'static str),
    /// A string that is no duration.
    #[error("{0:?} is no duration; write whole seconds (30) or a string like \"30s\", \"1h30m\"")]
    Unreadable(String),
    /// Below zero.
    #[error("{0} is negative; write 0 or more, or leave it out to pause until promoted")]
    Negative(String),
    /// More than [`LONGEST_PAUSE_SECONDS`].
    #[error("{0} is longer than {LONGEST_PAUSE_SECONDS} seconds; leave it out to pause until promoted")]
    TooLong(String),
}

/// The seconds that a pause step's `duration` means; `None` when it is absent, which pauses until promoted.
///
/// # Errors
/// When it is no duration, or one that no pause can last.
pub fn pause_duration(duration: &Value) -> Result<Option<i64>, DurationError> {
    match duration {
        Value::Null => Ok(None),
        Value::Number(number) => {
            let seconds = match (number.as_i64(), number.as_u64()) {
                (Some(seconds), _) => seconds,
                (None, Some(_)) => return Err(DurationError::TooLong(number.to_string())),
                (None, None) => return Err(DurationError::WrongType("a fraction")),
            };
            within_range(seconds, &number.to_string()).map(Some)
        }
        Value::String(text) => {
            let seconds = match whole_seconds(text) {
                Some(seconds) => seconds,
                None => go_duration(text)?,
            };
            within_range(seconds, text).map(Some)
        }
        Value::Bool(_) => Err(DurationError::WrongType("a boolean")),
        Value::Array(_) => Err(DurationError::WrongType("a list")),
        Value::Object(_) => Err(DurationError::WrongType("an object")),
    }
}

/// Seconds that a pause can last.
fn within_range(seconds: i64, written: &str) -> Result<i64, DurationError> {
    if seconds < 0 {
        Err(DurationError::Negative(written.to_owned()))
    } else if seconds > LONGEST_PAUSE_SECONDS {
        Err(DurationError::TooLong(written.to_owned()))
    } else {
        Ok(seconds)
    }
}

/// A string without a unit: a decimal integer of 32 bits with an optional sign.
fn whole_seconds(text: &str) -> Option<i64> {
    text.parse::<i32>().ok().map(i64::from)
}

/// Go's `time.ParseDuration`, in whole seconds, cut off towards zero.
fn go_duration(text: &str) -> Result<i64, DurationError> {
    let unreadable = || DurationError::Unreadable(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(unreadable());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after_whole) = split_digits(rest);
        let (fraction, after_number) = match after_whole.strip_prefix('.') {
            Some(after_point) => split_digits(after_point),
            None => ("", after_whole),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(unreadable());
        }
        let unit_length = after_number
            .find(|letter: char| letter == '.' || letter.is_ascii_digit())
            .unwrap_or(after_number.len());
        let (unit, after_unit) = after_number.split_at(unit_length);
        let nanoseconds_per_unit = unit_nanoseconds(unit).ok_or_else(unreadable)?;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_long())? };
        let term = whole
            .checked_mul(nanoseconds_per_unit)
            .and_then(|term| term.checked_add(fraction_nanoseconds(fraction, nanoseconds_per_unit)))
            .ok_or_else(too_long)?;
        total = total.checked_add(term).ok_or_else(too_long)?;
        rest = after_unit;
    }
    let seconds = i64::try_from(total / 1_000_000_000).map_err(|_| too_long())?;
    Ok(if negative { -seconds } else { seconds })
}

/// The leading decimal digits, and what follows them.
fn split_digits(text: &str) -> (&str, &str) {
    let length = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(length)
}

/// Nanoseconds in one unit, by the names that Go knows (both code points for micro).
fn unit_nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `0.<digits>` of a unit, in nanoseconds, cut off. Digits past the eighteenth are below a nanosecond of an hour.
fn fraction_nanoseconds(digits: &str, nanoseconds_per_unit: u64) -> u64 {
    let mut numerator: u128 = 0;
    let mut denominator: u128 = 1;
    for digit in digits.bytes().take(18) {
        numerator = numerator * 10 + u128::from(digit.saturating_sub(b'0'));
        denominator *= 10;
    }
    u64::try_from(numerator * u128::from(nanoseconds_per_unit) / denominator).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn reads_what_argo_reads() {
        for (written, seconds) in [
            (json!(0), 0),
            (json!(30), 30),
            (json!("30"), 30),
            (json!("+30"), 30),
            (json!("0"), 0),
            (json!("-0"), 0),
            (json!("30s"), 30),
            (json!("5m"), 300),
            (json!("1h30m"), 5400),
            (json!("30m1h"), 5400),
            (json!("1h1m1s"), 3661),
            (json!("1.5h"), 5400),
            (json!(".5m"), 30),
            (json!("5.m"), 300),
            (json!("500ms"), 0),
            (json!("1999ms"), 1),
            (json!("-500ms"), 0),
            (json!("0.9s600ms"), 1),
            (json!("1000000us"), 1),
            (json!("1000000\u{b5}s"), 1),
            (json!("1000000\u{3bc}s"), 1),
            (json!("1000000000ns"), 1),
            (json!(2_147_483_647), 2_147_483_647),
            (json!("596523h"), 2_147_482_800),
        ] {
            assert_eq!(pause_duration(&written), Ok(Some(seconds)), "{written}");
        }
    }

    #[test]
    fn no_duration_pauses_until_promoted() {
        assert_eq!(pause_duration(&Value::Null), Ok(None));
    }

    #[test]
    fn refuses_what_argo_refuses() {
        type Check = fn(&DurationError) -> bool;
        let unreadable: Check = |error| matches!(error, DurationError::Unreadable(_));
        let negative: Check = |error| matches!(error, DurationError::Negative(_));
        let too_long: Check = |error| matches!(error, DurationError::TooLong(_));
        let wrong_type: Check = |error| matches!(error, DurationError::WrongType(_));
        for (written, expected) in [
            (json!(""), unreadable),
            (json!("-"), unreadable),
            (json!(" 30s"), unreadable),
            (json!("30 s"), unreadable),
            (json!("1d"), unreadable),
            (json!("1hour"), unreadable),
            (json!("5M"), unreadable),
            (json!("."), unreadable),
            (json!(".s"), unreadable),
            (json!("1h30"), unreadable),
            (json!("3000000000"), unreadable),
            (json!("--5s"), unreadable),
            (json!(-1), negative),
            (json!("-1"), negative),
            (json!("-1m"), negative),
            (json!(2_147_483_648_i64), too_long),
            (json!(u64::MAX), too_long),
            (json!("600000h"), too_long),
            (json!("99999999999999999999h"), too_long),
            (json!(1.5), wrong_type),
            (json!(true), wrong_type),
            (json!(["30s"]), wrong_type),
            (json!({"seconds": 30}), wrong_type),
        ] {
            let error = pause_duration(&written).expect_err(&written.to_string());
            assert!(expected(&error), "{written}: {error:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[-+0-9.a-z\u{b5}\u{3bc} ]{0,40}") {
            if let Ok(Some(seconds)) = pause_duration(&Value::String(text)) {
                prop_assert!((0..=LONGEST_PAUSE_SECONDS).contains(&seconds));
            }
        }

        #[test]
        fn hours_minutes_and_seconds_add_up(hours in 0..1000_i64, minutes in 0..1000_i64, seconds in 0..1000_i64) {
            let written = Value::String(format!("{hours}h{minutes}m{seconds}s"));
            prop_assert_eq!(pause_duration(&written), Ok(Some(hours * 3600 + minutes * 60 + seconds)));
        }
    }
}
