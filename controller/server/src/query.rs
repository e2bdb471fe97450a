//! Reading queries.

use tidegate_api::ApiError;

use crate::answer::bad_request;

/// The parameters that mean something here.
#[expect(clippy::struct_excessive_bools, reason = "parameters of a query have nothing to do with each other")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) labels: Option<String>,
    pub(crate) fields: Option<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) continues: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) watch: bool,
    pub(crate) bookmarks: bool,
    pub(crate) sends_initial_events: bool,
    pub(crate) timeout_seconds: Option<u32>,
    pub(crate) is_strict: bool,
    pub(crate) is_dry_run: bool,
    pub(crate) propagation: Option<String>,
}

impl Query {
    /// Reads a query; what it does not know is ignored, as a server does.
    pub(crate) fn read(text: &str) -> Result<Self, ApiError> {
        let mut query = Self::default();
        for (key, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let some = || Some(value.clone().into_owned()).filter(|text| !text.is_empty());
            match key.as_ref() {
                "labelSelector" => query.labels = some(),
                "fieldSelector" => query.fields = some(),
                "limit" => query.limit = Some(number(&key, &value)?).filter(|limit| *limit > 0),
                "continue" => query.continues = some(),
                "resourceVersion" => query.resource_version = some(),
                "watch" => query.watch = is_true(&key, &value)?,
                "allowWatchBookmarks" => query.bookmarks = is_true(&key, &value)?,
                "sendInitialEvents" => query.sends_initial_events = is_true(&key, &value)?,
                "timeoutSeconds" => query.timeout_seconds = Some(number(&key, &value)?),
                "fieldValidation" => query.is_strict = value == "Strict",
                "dryRun" => query.is_dry_run = !value.is_empty(),
                "propagationPolicy" => query.propagation = some(),
                _ => {}
            }
        }
        Ok(query)
    }
}

fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, ApiError> {
    value.parse().map_err(|_| bad_request(format!("{key}: {value:?} is not a number that it can have")))
}

/// As Go's `strconv.ParseBool`; a parameter without a value counts as given.
fn is_true(key: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(bad_request(format!("{key}: {value:?} is neither true nor false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_read_and_what_is_unknown_ignored() {
        let query = Query::read(
            "watch=1&allowWatchBookmarks=true&resourceVersion=42&timeoutSeconds=300&labelSelector=app%20in%20%28a%2Cb%29&pretty=yes",
        );
        let expected = Query {
            watch: true,
            bookmarks: true,
            resource_version: Some("42".into()),
            timeout_seconds: Some(300),
            labels: Some("app in (a,b)".into()),
            ..Query::default()
        };
        assert_eq!(query, Ok(expected));
        assert_eq!(
            Query::read("limit=0&continue=").map(|query| (query.limit, query.continues)),
            Ok((None, None))
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["limit=many", "watch=perhaps", "timeoutSeconds=-1"] {
            assert_eq!(Query::read(text).map_err(|error| error.code), Err(400), "{text}");
        }
    }
}
