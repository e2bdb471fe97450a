//! Whether a lease that one does not compete for is held: by client-go's rule, which compares no clocks.

use std::time::Duration;

/// What a lease said when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// `spec.holderIdentity`.
    pub holder: String,
    /// `spec.renewTime`, as it stands there.
    pub renewed: String,
    /// `spec.leaseDurationSeconds`.
    pub duration: Duration,
}

/// What was seen of a lease so far. It is held from the time when a record is seen first until that record has not
/// changed for as long as it says that it holds.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    last: Option<(Sighting, Duration)>,
}

impl Freshness {
    /// Takes note of what the lease says at this monotonic time (`None`: there is none), and answers who holds it.
    pub fn look(&mut self, now: Duration, seen: Option<Sighting>) -> Option<&str> {
        let unchanged = self.last.take().filter(|(last, _)| Some(last) == seen.as_ref());
        self.last = unchanged.or_else(|| seen.map(|seen| (seen, now)));
        let (sighting, since) = self.last.as_ref()?;
        let held = !sighting.holder.is_empty() && now < since.saturating_add(sighting.duration);
        held.then_some(sighting.holder.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_held_while_it_is_renewed_and_for_its_duration_after() {
        let second = Duration::from_secs;
        let said = |holder: &str, renewed: &str| {
            Some(Sighting { holder: holder.into(), renewed: renewed.into(), duration: second(15) })
        };
        let mut freshness = Freshness::default();
        for (at, seen, holder) in [
            (0, None, None),
            (1, said("a", "1"), Some("a")),
            (15, said("a", "1"), Some("a")),
            (16, said("a", "1"), None),
            (17, said("a", "2"), Some("a")),
            (18, said("b", "2"), Some("b")),
            (32, said("b", "2"), Some("b")),
            (33, said("b", "2"), None),
            (34, said("", "3"), None),
            (35, None, None),
        ] {
            assert_eq!(freshness.look(second(at), seen), holder, "at {at}");
        }
    }
}
