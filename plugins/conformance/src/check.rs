//! Which checks there are.

use serde::{Deserialize, Serialize};

/// A check. They run in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// What the plugin says of itself can be used.
    Description,
    /// Whatever JSON comes as configuration is answered by a problem, never by a fault.
    InvalidConfig,
    /// `check` takes the fixture's configuration and answers with features that are described.
    Features,
    /// The fixture's configuration, broken somewhere, is no fault either.
    BrokenConfig,
    /// The same question has the same answer, in any sandbox and in any order of calls.
    Deterministic,
    /// Any weights of 100 can be set.
    Weights,
    /// Any weights of any other sum can be set.
    MaxWeight,
    /// What is routed depends on what is desired, never on what was before.
    History,
    /// New pods behind the same Services need no more than another pass.
    PodTemplateHashes,
    /// Requests with certain headers go to the canary.
    HeaderRoutes,
    /// Some requests are mirrored to the canary.
    MirrorRoutes,
    /// Managed routes are in the order of precedence.
    Precedence,
    /// Extra destinations get their weights, and are gone when they are retired.
    AdditionalDestinations,
    /// A release gives all to stable and leaves nothing behind.
    Release,
    /// Objects that do not exist are a problem of `route` and none of `release`.
    MissingObjects,
    /// What belongs to somebody else stays as it is.
    Foreign,
    /// Objects with anything anywhere are no fault.
    BrokenObjects,
    /// Without the feature `verify` every verdict is `unverifiable`.
    Verify,
    /// The fixture's own expectations.
    Expectations,
    /// In all of the above, no call ended by a trap, by `exit` or by a limit.
    Faults,
    /// In all of the above, `locate` settled, and asked only for what is described.
    Locate,
    /// In all of the above, only what is described was changed.
    Permitted,
    /// In all of the above, shares added up and were the desired ones.
    Shares,
    /// In all of the above, a second pass changed nothing.
    Idempotent,
}

impl Check {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 24] = [
        Self::Description,
        Self::InvalidConfig,
        Self::Features,
        Self::BrokenConfig,
        Self::Deterministic,
        Self::Weights,
        Self::MaxWeight,
        Self::History,
        Self::PodTemplateHashes,
        Self::HeaderRoutes,
        Self::MirrorRoutes,
        Self::Precedence,
        Self::AdditionalDestinations,
        Self::Release,
        Self::MissingObjects,
        Self::Foreign,
        Self::BrokenObjects,
        Self::Verify,
        Self::Expectations,
        Self::Faults,
        Self::Locate,
        Self::Permitted,
        Self::Shares,
        Self::Idempotent,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::InvalidConfig => "invalid-config",
            Self::Features => "features",
            Self::BrokenConfig => "broken-config",
            Self::Deterministic => "deterministic",
            Self::Weights => "weights",
            Self::MaxWeight => "max-weight",
            Self::History => "history",
            Self::PodTemplateHashes => "pod-template-hashes",
            Self::HeaderRoutes => "header-routes",
            Self::MirrorRoutes => "mirror-routes",
            Self::Precedence => "precedence",
            Self::AdditionalDestinations => "additional-destinations",
            Self::Release => "release",
            Self::MissingObjects => "missing-objects",
            Self::Foreign => "foreign",
            Self::BrokenObjects => "broken-objects",
            Self::Verify => "verify",
            Self::Expectations => "expectations",
            Self::Faults => "faults",
            Self::Locate => "locate",
            Self::Permitted => "permitted",
            Self::Shares => "shares",
            Self::Idempotent => "idempotent",
        }
    }

    /// What it promises when it passes, in a few words.
    pub const fn promise(self) -> &'static str {
        match self {
            Self::Description => "what the plugin says of itself can be used",
            Self::InvalidConfig => "no configuration makes it fail; a wrong one is a problem",
            Self::Features => "`check` takes the configuration and answers with described features",
            Self::BrokenConfig => "a configuration that is broken somewhere is a problem, never a fault",
            Self::Deterministic => "the same question has the same answer, in any sandbox and order",
            Self::Weights => "any weights of 100 can be set",
            Self::MaxWeight => "any weights of any other sum can be set",
            Self::History => "what is routed depends on what is desired, never on what was before",
            Self::PodTemplateHashes => "new pods behind the same Services need only another pass",
            Self::HeaderRoutes => "requests with certain headers go to the canary",
            Self::MirrorRoutes => "requests are mirrored to the canary",
            Self::Precedence => "managed routes are in the order of precedence",
            Self::AdditionalDestinations => "extra destinations get their weights, and go when retired",
            Self::Release => "a release gives all to stable and leaves nothing behind",
            Self::MissingObjects => "a missing object is a problem of `route` and none of `release`",
            Self::Foreign => "what belongs to somebody else stays as it is",
            Self::BrokenObjects => "objects with anything anywhere are no fault",
            Self::Verify => "without the feature `verify` every verdict is `unverifiable`",
            Self::Expectations => "the fixtures' own expectations hold",
            Self::Faults => "no call ended by a trap, by exit or by a limit",
            Self::Locate => "`locate` settles, and asks only for what is described",
            Self::Permitted => "only what is described was changed",
            Self::Shares => "shares add up and are the desired ones",
            Self::Idempotent => "a second pass changes nothing",
        }
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Check;

    #[test]
    fn names_are_those_of_fixtures() {
        for check in Check::ALL {
            assert_eq!(serde_json::to_value(check).unwrap(), check.as_str());
        }
    }
}
