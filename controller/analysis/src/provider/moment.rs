//! The start and the end of a range query: `now()`, `now() - duration("5m")`, or a time as RFC 3339 writes it.
//!
//! Argo evaluates them as expressions. In its documentation and in use they are these forms, and only these are served.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidegate_model::duration::pause_duration;

/// A moment, relative to when the query is made or absolute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So many seconds after now; negative: before.
    FromNow(i64),
    /// Then.
    At(Timestamp),
}

/// A text that is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no moment; write now(), now() - duration(\"5m\") or date(\"2026-01-31T12:00:00Z\")")]
pub struct MomentError(pub String);

impl Moment {
    /// Reads a moment.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, MomentError> {
        let error = || MomentError(text.chars().take(80).collect());
        let compact: String = text.split_whitespace().collect();
        if let Some(after) = compact.strip_prefix("now()") {
            if after.is_empty() {
                return Ok(Self::FromNow(0));
            }
            let (sign, argument) = match after.split_at_checked(1) {
                Some(("-", argument)) => (-1, argument),
                Some(("+", argument)) => (1, argument),
                _ => return Err(error()),
            };
            let quoted = call(argument, "duration").ok_or_else(error)?;
            let seconds = pause_duration(&Value::from(quoted)).ok().flatten().ok_or_else(error)?;
            return Ok(Self::FromNow(sign * seconds));
        }
        let date = call(&compact, "date").unwrap_or(&compact);
        date.parse().map(Self::At).map_err(|_| error())
    }

    /// The time that it is.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::FromNow(seconds) => now
                .checked_add(SignedDuration::from_secs(seconds))
                .unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX }),
            Self::At(at) => at,
        }
    }
}

/// The text in quotes that a function is called with.
fn call<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    let argument = text.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')?;
    let inner = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.or_else(|| argument.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let noon = "2026-01-31T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("now()", Some(Moment::FromNow(0))),
            ("now() - duration(\"5m\")", Some(Moment::FromNow(-300))),
            (" now()-duration('1h30m') ", Some(Moment::FromNow(-5400))),
            ("now() + duration(\"5s\")", Some(Moment::FromNow(5))),
            ("date(\"2026-01-31T12:00:00Z\")", Some(Moment::At(noon))),
            ("2026-01-31T12:00:00Z", Some(Moment::At(noon))),
            ("now", None),
            ("", None),
            ("now() - 5", None),
            ("now() - duration(\"5\" )x", None),
            ("now() - duration(\"long\")", None),
            ("now()é", None),
            ("date(\"x\")", None),
        ] {
            assert_eq!(Moment::parse(text).ok(), expected, "{text}");
        }
        assert_eq!(Moment::FromNow(-60).at(noon), "2026-01-31T11:59:00Z".parse().unwrap());
        assert_eq!(Moment::FromNow(i64::MIN).at(noon), Timestamp::MIN);
    }
}
