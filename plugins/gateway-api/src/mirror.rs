//! Request mirrors: the filter that sends a part of the requests to canary, too, and the forms that part can have.

use tidegate_router_sdk::concat;
use tidegate_router_sdk::json::{self, elements, members, push_member, same};
use tidegate_router_sdk::prelude::*;

use crate::destinations::{CANARY, Ours, reference};
use crate::document::Rule;
use crate::pieces::{list, member, push_whole};

/// The filter that sends this percentage of a rule's requests to canary, too.
pub(crate) fn filter(ours: &Ours<'_>, rule: &Rule<'_>, percent: u32) -> String {
    let canary = rule.backends.iter().find(|backend| ours.role(backend) == Some(CANARY));
    let namespace = canary.and_then(|canary| canary.namespace.as_deref());
    let target = reference(ours.services.canary, namespace, canary.and_then(|canary| canary.port));
    filter_to(&target, percent.into())
}

fn filter_to(target: &str, percent: u64) -> String {
    let mut mirror = "{".to_owned();
    push_member(&mut mirror, "backendRef", target);
    // All is what is meant where nothing is said, and older definitions know nothing else.
    if percent < 100 {
        push_whole(&mut mirror, "percent", percent);
    }
    concat(&[r#"{"type":"RequestMirror","requestMirror":"#, &mirror, "}}"])
}

/// Whether a rule seen is this one. A request mirror may say its part as a fraction.
pub(crate) fn is_same_rule(seen: &str, desired: &str) -> bool {
    if same(seen, desired) {
        return true;
    }
    let plain = |rule: &str| -> json::Result<String> {
        let mut json = "{".to_owned();
        for (key, value) in members(rule)? {
            if key == "filters" {
                let filters: json::Result<Vec<_>> = elements(value)?.into_iter().map(in_percent).collect();
                push_member(&mut json, &key, &list(&filters?));
            } else {
                push_member(&mut json, &key, value);
            }
        }
        json.push('}');
        Ok(json)
    };
    matches!((plain(seen), plain(desired)), (Ok(seen), Ok(desired)) if same(&seen, &desired))
}

/// A filter with its fraction of requests, if it is a request mirror with one, in percent, if that is a whole number.
fn in_percent(filter: &str) -> json::Result<String> {
    let number = |json| json::Reader::document(json, json::Reader::integer::<i64>);
    let mirror = member(filter, "requestMirror")?;
    let fraction = member(mirror, "fraction")?;
    let percent = number(member(mirror, "percent")?)?;
    let percent = match (percent, number(member(fraction, "numerator")?)?) {
        (None, Some(numerator)) => {
            let of = number(member(fraction, "denominator")?)?.unwrap_or(100);
            let hundredfold = numerator.saturating_mul(100);
            hundredfold.checked_div(of).filter(|percent| percent.checked_mul(of) == Some(hundredfold))
        }
        (percent, _) => percent,
    };
    let percent = percent.and_then(|percent| u64::try_from(percent).ok());
    let Some(percent) = percent else { return Ok(filter.to_owned()) };
    Ok(filter_to(member(mirror, "backendRef")?, percent))
}
