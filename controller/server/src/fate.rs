//! What goes wrong on the way to a server and back.

use std::time::Duration;

use tidegate_api::ApiError;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Served,
    /// The same, so much later, in the time of the runtime.
    Late(Duration),
    /// It is refused, and nothing is carried out.
    Refused(ApiError),
    /// The connection ends before it is carried out.
    Lost,
    /// It is carried out, and the connection ends before the answer.
    Unanswered,
}
