//! What is wrong with a configuration, as far as can be said without getting the plugin.

use tidegate_artifact::{LoadError, LoadReason, Stage};

use crate::wanted::{FailurePolicy, Origin};

/// A configuration that is not right: of a plugin, or of none that could be made out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Who configured it.
    pub origin: Origin,
    /// The name that Rollouts use, if it is said.
    pub name: Option<String>,
    /// Why: `InvalidConfig` or `Denied`.
    pub reason: LoadReason,
    /// What is wrong, and where.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Whether the controller may start without the plugin, as far as that can be read.
    pub failure_policy: FailurePolicy,
}

impl ConfigProblem {
    /// For what is to be said to Rollouts that use the plugin, and counted.
    pub fn to_error(&self) -> LoadError {
        LoadError::new(Stage::Read, self.reason, self.message.clone(), self.hint.clone())
    }

    /// Message and remedy.
    pub fn text(&self) -> String {
        format!("{}; {}", self.message, self.hint)
    }
}

/// What is wrong, before it is known with what.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) reason: LoadReason,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason: LoadReason::InvalidConfig, message: message.into(), hint: hint.into() }
    }

    pub(crate) fn of(self, origin: &Origin, name: Option<&str>) -> ConfigProblem {
        ConfigProblem {
            origin: origin.clone(),
            name: name.map(str::to_owned),
            reason: self.reason,
            message: self.message,
            hint: self.hint,
            failure_policy: FailurePolicy::default(),
        }
    }
}
