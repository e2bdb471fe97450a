//! When to try again. Pure: times and chance come in.

use std::time::{Duration, SystemTime};

use http::HeaderValue;

/// The first wait; it doubles with each try.
const FIRST: Duration = Duration::from_millis(500);

/// No server makes anybody wait for longer, by mistake or not: an hour.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// How long to wait before the try after so many failures in a row, at least one: between half of it and all, so that many who
/// failed together do not come back together. `chance` is between 0 and 1.
pub(crate) fn backoff(failures: u32, chance: f64) -> Duration {
    let doubled = 1_u32 << failures.saturating_sub(1).min(8);
    FIRST.saturating_mul(doubled).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

/// How long `Retry-After` says to wait: seconds, or a date. At most an hour.
pub(crate) fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time, too.
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        // A date that is past: now.
        until.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, wait) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("86400", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun Nov  6 08:50:37 1994", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(3600)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            let found = retry_after(&HeaderValue::from_str(text).unwrap(), now);
            assert_eq!(found, wait.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderValue::from_bytes(b"\xff").unwrap(), now), None);
    }

    #[test]
    fn waits_double_and_are_spread() {
        for failures in 1..5 {
            let whole = FIRST * (1 << (failures - 1));
            assert_eq!(backoff(failures, 0.0), whole / 2);
            assert_eq!(backoff(failures, 1.0), whole);
        }
        assert!(backoff(u32::MAX, 1.0) < LONGEST && backoff(0, 7.0) == FIRST);
    }
}
