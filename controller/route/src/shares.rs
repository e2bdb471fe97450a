//! Whether the objects give each destination what it should get, by what the plugin reads from them.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_contract::{ObjectRef, Observation, Share, Traffic};

use crate::limits;
use crate::pass::{Pass, Purpose, Refusal};
use crate::refusal::reason;

/// The shares of one place: what each destination gets, of which total.
struct Place<'a> {
    about: &'a ObjectRef,
    at: &'a str,
    total: u32,
    weights: BTreeMap<&'a str, u64>,
}

/// Shares that do not contradict themselves or the question.
pub(crate) struct Shares<'a> {
    places: Vec<Place<'a>>,
}

impl<'a> Shares<'a> {
    /// Reads them: each is about an object that was seen and a destination that was named, and those of one
    /// place have one total, which is their sum.
    pub(crate) fn read(shares: &'a [Share], seen: &[Observation], pass: &Pass) -> Result<Self, Box<Refusal>> {
        if shares.len() > limits::SHARES {
            let message =
                format!("it answers with {} shares; at most {} are allowed", shares.len(), limits::SHARES);
            return Err(Refusal::new(reason::INVALID_SHARES, message));
        }
        let mut places: Vec<Place<'a>> = Vec::new();
        for share in shares {
            let refuse = |what: &str| {
                let message = format!(
                    "its share of {:?} at {:?} of {} {what}",
                    share.destination, share.at, share.about
                );
                Err(Refusal::new(reason::INVALID_SHARES, message).about(&share.about))
            };
            if !seen.iter().flat_map(|seen| &seen.objects).any(|object| object.reference == share.about) {
                return refuse("is about an object that it did not see");
            }
            if !(share.at.is_empty() || share.at.starts_with('/')) {
                return refuse("does not name its place by a JSON pointer");
            }
            // Shares are kept as long as the answer is.
            if share.at.len() > limits::PLACE_BYTES {
                return refuse("has too long a place");
            }
            if !destinations(&pass.traffic).any(|(name, _)| name == share.destination)
                && !pass.traffic.retired.iter().any(|retired| retired.name == share.destination)
            {
                return refuse("is of a destination that was not named to it");
            }
            // Places come one after the other, so the last one is nearly always the right one.
            let known =
                places.iter_mut().rev().find(|place| place.at == share.at && *place.about == share.about);
            if let Some(place) = known {
                if place.total != share.total {
                    return refuse("has another total than others of the same place");
                }
                if place.weights.insert(&share.destination, share.weight.into()).is_some() {
                    return refuse("is told twice");
                }
            } else {
                let weights = BTreeMap::from([(share.destination.as_str(), share.weight.into())]);
                places.push(Place { about: &share.about, at: &share.at, total: share.total, weights });
            }
        }
        for place in &places {
            let sum = place.weights.values().copied().fold(0, u64::saturating_add);
            if sum != u64::from(place.total) {
                let message = format!(
                    "its shares at {:?} of {} sum to {sum}, not to their total of {}",
                    place.at, place.about, place.total
                );
                return Err(Refusal::new(reason::INVALID_SHARES, message).about(place.about));
            }
        }
        Ok(Self { places })
    }

    /// Whether every place gives each destination what it should get; and whether there is a place at all,
    /// and one in each of the given objects whose kind has places in others.
    ///
    /// What counts is the proportion. Where the router's scale has another total than the traffic, a weight
    /// may be rounded up or down by less than one unit of the router's scale; nothing stays nothing.
    pub(crate) fn express<'r>(
        &self,
        pass: &Pass,
        changed: impl IntoIterator<Item = &'r ObjectRef>,
    ) -> Result<(), Box<Refusal>> {
        let (desired, max_weight) = desired(pass);
        for place in &self.places {
            if place.total == 0 {
                let message = format!("at {:?} of {} no destination gets anything", place.at, place.about);
                return Err(Refusal::new(reason::WRONG_SHARES, message).about(place.about));
            }
            let named: BTreeSet<_> = desired.keys().chain(place.weights.keys()).copied().collect();
            for name in named {
                let wanted = desired.get(name).copied().unwrap_or(0);
                let weight = place.weights.get(name).copied().unwrap_or(0);
                if !is_share(weight, place.total.into(), wanted, max_weight.into()) {
                    let message = format!(
                        "at {:?} of {} it gives {name} {weight} of {}, where it should be {wanted} of {max_weight}",
                        place.at, place.about, place.total
                    );
                    return Err(Refusal::new(reason::WRONG_SHARES, message).about(place.about));
                }
            }
        }
        for object in changed {
            let divides = |place: &Place<'_>| place.about.kind == object.kind;
            if self.places.iter().any(divides) && !self.places.iter().any(|place| place.about == object) {
                let message = format!(
                    "it changes {object} and does not say what {object} gives to whom then, as it does of others                      of its kind"
                );
                return Err(Refusal::new(reason::WRONG_SHARES, message).about(object));
            }
        }
        // Once everything is given back, the objects themselves may be gone.
        if self.places.is_empty() && pass.purpose == Purpose::Route {
            let message = "it names no place in any object that divides the traffic";
            return Err(Refusal::new(reason::WRONG_SHARES, message));
        }
        Ok(())
    }
}

/// `weight` of `total`, for `wanted` of `of`.
fn is_share(weight: u64, total: u64, wanted: u64, of: u64) -> bool {
    if wanted == 0 {
        return weight == 0;
    }
    weight.saturating_mul(of).abs_diff(wanted.saturating_mul(total)) < of
}

/// The destinations that have a weight, which may be 0.
fn destinations(traffic: &Traffic) -> impl Iterator<Item = (&str, u32)> {
    [&traffic.stable, &traffic.canary]
        .into_iter()
        .chain(&traffic.additional)
        .map(|destination| (destination.name.as_str(), destination.weight))
}

/// What each destination should get, of which total; whoever is not named should get nothing.
fn desired(pass: &Pass) -> (BTreeMap<&str, u64>, u32) {
    let traffic = &pass.traffic;
    match pass.purpose {
        Purpose::Route => {
            let mut desired = BTreeMap::new();
            for (name, weight) in destinations(traffic) {
                *desired.entry(name).or_insert(0) += u64::from(weight);
            }
            (desired, traffic.max_weight)
        }
        Purpose::Release => {
            let all = traffic.max_weight.max(1);
            (BTreeMap::from([(traffic.stable.name.as_str(), u64::from(all))]), all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_share;

    #[test]
    fn a_share_is_a_proportion() {
        for (weight, total, wanted, of, expected) in [
            (20, 100, 20, 100, true),
            (21, 100, 20, 100, false),
            (200, 1000, 20, 100, true),
            (201, 1000, 20, 100, false),
            (210, 1000, 20, 100, false),
            (333, 1000, 1, 3, true),
            (334, 1000, 1, 3, true),
            (332, 1000, 1, 3, false),
            (335, 1000, 1, 3, false),
            (1, 100, 1, 1000, true),
            (0, 100, 1, 1000, true),
            (2, 100, 1, 1000, false),
            (1, 100, 0, 1000, false),
            (0, 100, 0, 100, true),
            (100, 100, 100, 100, true),
            (99, 100, 1000, 1000, false),
            (u64::from(u32::MAX), u64::from(u32::MAX), 1_000_000, 1_000_000, true),
        ] {
            assert_eq!(is_share(weight, total, wanted, of), expected, "{weight}/{total} for {wanted}/{of}");
        }
    }
}
