//! The reasons for which an answer is refused.

use tidegate_contract::ObjectRef;

use crate::pass::Refusal;

/// Stable codes of [`Refusal::reason`], used in conditions and metrics.
pub mod reason {
    /// What the plugin says of itself cannot be used: a field pattern is not a JSON pointer.
    pub const INVALID_DESCRIPTION: &str = "InvalidDescription";
    /// `locate` gave a different answer each time.
    pub const TOO_MANY_ROUNDS: &str = "TooManyRounds";
    /// `locate` asked for too many objects.
    pub const TOO_MANY_QUERIES: &str = "TooManyQueries";
    /// A query without a usable name, namespace or label selector.
    pub const INVALID_QUERY: &str = "InvalidQuery";
    /// A query for, or a change of, a kind that the description does not name for it, or that no router gets.
    pub const FORBIDDEN_KIND: &str = "ForbiddenKind";
    /// A query or a change in another namespace than the Rollout's, or of an object that is in none.
    pub const FORBIDDEN_NAMESPACE: &str = "ForbiddenNamespace";
    /// It changes too many objects.
    pub const TOO_MANY_CHANGES: &str = "TooManyChanges";
    /// It changes one object twice.
    pub const DUPLICATE_CHANGE: &str = "DuplicateChange";
    /// It changes an object that it did not ask to see, or that does not exist.
    pub const UNKNOWN_OBJECT: &str = "UnknownObject";
    /// It creates an object that it may not create: of a kind for which it has no `create`, in another namespace,
    /// under an impossible name, or without having looked for it by its name.
    pub const FORBIDDEN_CREATE: &str = "ForbiddenCreate";
    /// It removes an object that it may not remove: of a kind for which it has no `delete`, or one that the Rollout
    /// does not own.
    pub const FORBIDDEN_REMOVE: &str = "ForbiddenRemove";
    /// An edit that is not JSON, not a patch, or does not apply to what was seen.
    pub const INVALID_EDIT: &str = "InvalidEdit";
    /// An edit, or what it makes, is too large or too deep.
    pub const EDIT_TOO_LARGE: &str = "EditTooLarge";
    /// A change outside the fields that it may change.
    pub const FORBIDDEN_CHANGE: &str = "ForbiddenChange";
    /// A change of a list element that has nothing to do with this Rollout, or one that comes or goes although it
    /// is not the Rollout's own.
    pub const FOREIGN_ELEMENT: &str = "ForeignElement";
    /// An own list element that names something which is not this Rollout's.
    pub const FOREIGN_REFERENCE: &str = "ForeignReference";
    /// It wants an object of a name under which there is one that the Rollout does not own.
    pub const FOREIGN_OBJECT: &str = "ForeignObject";
    /// Shares that contradict themselves or the question.
    pub const INVALID_SHARES: &str = "InvalidShares";
    /// Shares that are not the desired ones, where they should be.
    pub const WRONG_SHARES: &str = "WrongShares";
    /// Asked again about its own result, it changes something.
    pub const UNSTABLE: &str = "Unstable";
    /// The host showed it something that is not JSON. Not the plugin's fault.
    pub const INTERNAL: &str = "InternalError";
}

impl Refusal {
    /// Boxed because it is rare and large.
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Box<Self> {
        Box::new(Self { reason, message: message.into(), about: None })
    }

    pub(crate) fn about(mut self: Box<Self>, object: &ObjectRef) -> Box<Self> {
        self.about = Some(object.clone());
        self
    }
}
