//! How far a run, a metric or a measurement is.

use serde_json::Value;

/// A phase, in Argo's words. Ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// As it should be.
    Successful,
    /// Under way.
    Running,
    /// Not begun.
    Pending,
    /// Neither good nor bad: somebody must decide.
    Inconclusive,
    /// It could not be said.
    Error,
    /// Not as it should be.
    Failed,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Successful, Self::Running, Self::Pending, Self::Inconclusive, Self::Error, Self::Failed];

    /// By name; none of anything else.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }

    /// That which an object's status says.
    pub fn of(object: &Value) -> Option<Self> {
        object.pointer("/status/phase").and_then(Value::as_str).and_then(Self::read)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Successful => "Successful",
            Self::Running => "Running",
            Self::Pending => "Pending",
            Self::Inconclusive => "Inconclusive",
            Self::Error => "Error",
            Self::Failed => "Failed",
        }
    }

    /// Whether nothing changes any more.
    pub const fn is_completed(self) -> bool {
        !matches!(self, Self::Running | Self::Pending)
    }

    /// Whether it ends a run, if it is the phase of a metric that counts.
    pub const fn is_ending(self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Inconclusive)
    }
}
