//! What a watch reports.

use serde_json::Value;

use crate::error::ApiError;

/// One report of a watch.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// It exists, as new or changed.
    Applied(Value),
    /// It is gone; its last state.
    Deleted(Value),
    /// Nothing older than this resource version will come.
    Bookmark(String),
    /// The watch ended; with 410, list again.
    Failed(ApiError),
}
