//! What is found.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does not work, or it is not what is written.
    Error,
    /// It works, and may be something else than is meant.
    Warning,
    /// Something that was not checked.
    Note,
}

/// Something about a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, as it was given.
    pub file: String,
    /// The document in it, counted from 1.
    pub document: usize,
    /// The line in the file, counted from 1: that of the field, or of the nearest thing around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// `Rollout default/web`; empty when the document is no manifest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// How bad it is.
    pub severity: Severity,
    /// Stable code.
    pub reason: String,
    /// The condition that the controller sets for it, if it does: `InvalidSpec`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<&'static str>,
    /// The field; empty when it is about the whole.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// What is found about a Rollout, before it is known where that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) severity: Severity,
    pub(crate) reason: String,
    pub(crate) condition: Option<&'static str>,
    pub(crate) path: String,
    pub(crate) message: String,
}

impl Said {
    pub(crate) fn new(
        severity: Severity,
        reason: &str,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            reason: reason.to_owned(),
            condition: None,
            path: path.into(),
            message: message.into(),
        }
    }
}

/// The stable codes of what only lint tells.
pub(crate) mod reason {
    /// A field that the definition of Rollouts does not have.
    pub(crate) const UNKNOWN_FIELD: &str = "UnknownField";
    /// A key that a mapping has twice.
    pub(crate) const DUPLICATE_KEY: &str = "DuplicateKey";
    /// The API server refuses the object.
    pub(crate) const REFUSED: &str = "Refused";
    /// A template of analyses that is wrong in itself.
    pub(crate) const INVALID_TEMPLATE: &str = "InvalidTemplate";
    /// A template of analyses that is not there.
    pub(crate) const MISSING_TEMPLATE: &str = "TemplateNotFound";
    /// An argument of an analysis that nothing gives a value.
    pub(crate) const UNRESOLVED_ARGUMENT: &str = "UnresolvedArgument";
    /// An analysis that would keep its step for ever.
    pub(crate) const ENDLESS_STEP: &str = "EndlessStep";
    /// An object that nothing here looks at.
    pub(crate) const NOT_CHECKED: &str = "NotChecked";
    /// Something that a router says for the reader of the Rollout.
    pub(crate) const ROUTER_NOTE: &str = "RouterNote";
    /// A router that does not get on with the objects among the files.
    pub(crate) const ROUTER_FAILED: &str = "RouterFailed";
    /// 0 that does not mean "at once".
    pub(crate) const NEVER_SCALED_DOWN: &str = "NeverScaledDown";
    /// Conditions that must all hold, and that Argo Rollouts reads as alternatives.
    pub(crate) const ALL_MUST_MATCH: &str = "AllMustMatch";
    /// An update without steps.
    pub(crate) const NO_STEPS: &str = "NoSteps";
}
