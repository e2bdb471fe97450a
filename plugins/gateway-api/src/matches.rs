//! Conditions on requests: what a rule of the user's matches and what a managed route wants, both at once.

use tidegate_router_sdk::json::{self, Reader, elements, members, push_member};
use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{HeaderMatch, RequestMatch, Text, TextMatch, concat};

use crate::kinds::Matches;
use crate::pieces::{member, push_words};

/// How many headers a match can have.
const MOST_HEADERS: usize = 16;

/// Why two conditions cannot be put into one match.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The Gateway API has no words for it: what, and what to do, in the second half of a sentence.
    Unsupported(String),
    /// The rule is not of the expected form.
    Unexpected(json::Unexpected),
}

impl From<json::Unexpected> for Trouble {
    fn from(error: json::Unexpected) -> Self {
        Self::Unexpected(error)
    }
}

fn unsupported(parts: &[&str]) -> Trouble {
    Trouble::Unsupported(concat(parts))
}

/// The JSON of a match that holds when both this match of a rule and the wanted one hold; `None` when they never do
/// at once.
pub(crate) fn both(kind: Matches, given: &str, wanted: &RequestMatch) -> Result<Option<String>, Trouble> {
    let mut json = "{".to_owned();
    let (mut given_path, mut given_method, mut given_headers) = (None, None, None);
    for (key, value) in members(given)? {
        match (key.as_str(), kind) {
            ("headers", _) => given_headers = Some(value),
            ("path", Matches::Http) => given_path = Some(value),
            ("method", Matches::Http) => given_method = Some(value),
            _ => push_member(&mut json, &key, value),
        }
    }
    if kind != Matches::Http && (wanted.method.is_some() || wanted.path.is_some()) {
        return Err(unsupported(&[
            "has a condition on the method or path of a request, which only an HTTPRoute can have: match by headers, \
             or take this route out of the configuration",
        ]));
    }
    let holds = push_path(&mut json, given_path, wanted.path.as_ref())?
        && push_method(&mut json, given_method, wanted.method.as_ref())?
        && push_headers(&mut json, given_headers, &wanted.headers)?;
    json.push('}');
    Ok(holds.then_some(json))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PathKind {
    Exact,
    Prefix,
    Regex,
}

/// Which of two paths is in both.
enum Narrower {
    Given,
    Wanted,
    Neither,
    Unknown,
}

fn push_path(out: &mut String, given: Option<&str>, wanted: Option<&TextMatch>) -> Result<bool, Trouble> {
    let Some(wanted) = wanted else {
        if let Some(given) = given {
            push_member(out, "path", given);
        }
        return Ok(true);
    };
    let (kind_name, kind, path) = match wanted {
        TextMatch::Exact(path) => ("Exact", PathKind::Exact, path.as_str()),
        TextMatch::Prefix(path) => ("PathPrefix", PathKind::Prefix, path.as_str()),
        TextMatch::Regex(path) => ("RegularExpression", PathKind::Regex, path.as_str()),
    };
    let given_json = given.unwrap_or("null");
    let given_kind = match text(given_json, "type")?.as_deref() {
        Some("Exact") => PathKind::Exact,
        Some("RegularExpression") => PathKind::Regex,
        _ => PathKind::Prefix,
    };
    let given_path = text(given_json, "value")?.unwrap_or(Text::from("/"));
    match narrower((given_kind, &given_path), (kind, path)) {
        Narrower::Given => push_member(out, "path", given_json),
        Narrower::Wanted => push_member(out, "path", &kind_and_value(None, kind_name, path)),
        Narrower::Neither => return Ok(false),
        Narrower::Unknown => {
            return Err(unsupported(&[
                "matches the path `",
                path,
                "`, which cannot be put together with the path `",
                &given_path,
                "` of a rule: of two conditions on the path one must be a prefix of the other, without regular \
                 expressions",
            ]));
        }
    }
    Ok(true)
}

fn narrower(given: (PathKind, &str), wanted: (PathKind, &str)) -> Narrower {
    let contains = |outer: (PathKind, &str), inner: (PathKind, &str)| {
        let prefix = outer.1.trim_end_matches('/');
        outer.0 == PathKind::Prefix
            && (prefix.is_empty()
                || inner.0 != PathKind::Regex
                    && inner
                        .1
                        .strip_prefix(prefix)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    if given == wanted || contains(wanted, given) {
        Narrower::Given
    } else if contains(given, wanted) {
        Narrower::Wanted
    } else if given.0 == PathKind::Regex || wanted.0 == PathKind::Regex {
        Narrower::Unknown
    } else {
        Narrower::Neither
    }
}

fn push_method(out: &mut String, given: Option<&str>, wanted: Option<&TextMatch>) -> Result<bool, Trouble> {
    let given_text = given.map(|json| Reader::document(json, Reader::text)).transpose()?.flatten();
    let method = match wanted {
        None => given_text.as_deref(),
        Some(TextMatch::Exact(method)) => {
            if given_text.is_some_and(|given| *given != **method) {
                return Ok(false);
            }
            Some(method.as_str())
        }
        Some(TextMatch::Prefix(method) | TextMatch::Regex(method)) => {
            return Err(unsupported(&[
                "matches the method by a prefix or a regular expression (`",
                method,
                "`), and the Gateway API only knows whole methods: use exact",
            ]));
        }
    };
    if let Some(method) = method {
        push_words(out, "method", method);
    }
    Ok(true)
}

fn push_headers(out: &mut String, given: Option<&str>, wanted: &[HeaderMatch]) -> Result<bool, Trouble> {
    /// Name, whether by a regular expression, and value.
    type Condition = (String, bool, String);
    let mut list: Vec<String> = Vec::new();
    let mut known: Vec<Condition> = Vec::new();
    for header in elements(given.unwrap_or("null"))? {
        let is_regex = text(header, "type")?.is_some_and(|kind| &*kind != "Exact");
        let part = |key| -> Result<String, Trouble> { Ok(text(header, key)?.unwrap_or_default().into()) };
        known.push((part("name")?, is_regex, part("value")?));
        list.push(header.to_owned());
    }
    for HeaderMatch { name, value } in wanted {
        let (is_regex, value) = match value {
            TextMatch::Exact(value) if value.is_empty() => {
                return Err(unsupported(&[
                    "wants the header `",
                    name,
                    "` to be empty, which the Gateway API cannot say: use another value",
                ]));
            }
            TextMatch::Exact(value) => (false, value.clone()),
            TextMatch::Prefix(prefix) => (true, begins_with(prefix)),
            TextMatch::Regex(regex) => (true, regex.clone()),
        };
        match known.iter().find(|(other, ..)| other.eq_ignore_ascii_case(name)) {
            None => {
                let kind = if is_regex { "RegularExpression" } else { "Exact" };
                list.push(kind_and_value(Some(name), kind, &value));
                known.push((name.clone(), is_regex, value));
            }
            Some((_, given_regex, given)) if *given_regex == is_regex && *given == value => {}
            Some((_, false, _)) if !is_regex => return Ok(false),
            Some(_) => {
                return Err(unsupported(&[
                    "has a condition on the header `",
                    name,
                    "`, and so has a rule that it would be added to: the Gateway API allows one for each header; use \
                     another header",
                ]));
            }
        }
    }
    if list.len() > MOST_HEADERS {
        return Err(unsupported(&["would match by more than the 16 headers that the Gateway API allows"]));
    }
    if !list.is_empty() {
        push_member(out, "headers", &concat(&["[", &list.join(","), "]"]));
    }
    Ok(true)
}

/// A regular expression for texts that begin so, for gateways that match the whole text and for those that search.
fn begins_with(prefix: &str) -> String {
    let mut regex = "^".to_owned();
    for c in prefix.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            regex.push('\\');
        }
        regex.push(c);
    }
    regex.push_str(".*");
    regex
}

fn kind_and_value(name: Option<&str>, kind: &str, value: &str) -> String {
    let mut json = "{".to_owned();
    for (key, text) in [("name", name), ("type", Some(kind)), ("value", Some(value))] {
        if let Some(text) = text {
            push_words(&mut json, key, text);
        }
    }
    json.push('}');
    json
}

/// A text member of an object.
fn text<'a>(json: &'a str, key: &str) -> json::Result<Option<Text<'a>>> {
    Reader::document(member(json, key)?, Reader::text)
}
