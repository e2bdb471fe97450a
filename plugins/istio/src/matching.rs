//! Conditions on requests: those of a route and those of a managed route's rule together.

use tidegate_router_sdk::json::{Reader, Result, push_member, push_text};
use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{RequestMatch, Text, TextMatch};

/// An element of a route's `match`: conditions that must all hold.
#[derive(Debug, Default)]
pub(crate) struct Block<'a> {
    uri: Option<StringMatch<'a>>,
    method: Option<StringMatch<'a>>,
    headers: Vec<(Text<'a>, StringMatch<'a>)>,
    ignores_case: bool,
    /// All other conditions: key and JSON text.
    others: Vec<(String, &'a str)>,
}

/// Istio's `StringMatch`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum StringMatch<'a> {
    Exact(Text<'a>),
    Prefix(Text<'a>),
    Regex(Text<'a>),
    /// Without any of these: that there is something.
    Present,
}

/// What two conditions are together.
enum Both<T> {
    One(T),
    /// They contradict each other.
    Never,
    /// Istio has no way to say it.
    Unknown,
}

/// The conditions cannot be put together; what they are about.
pub(crate) struct Inexpressible(pub(crate) String);

impl<'a> Block<'a> {
    /// Reads one.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut block = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "uri" => block.uri = Some(StringMatch::read(reader)?),
                "method" => block.method = Some(StringMatch::read(reader)?),
                "headers" => {
                    block.headers.clear();
                    reader.object(&mut |key, reader| {
                        block.headers.push((key.to_owned().into(), StringMatch::read(reader)?));
                        Ok(())
                    })?;
                }
                _ => {
                    let value = reader.raw()?;
                    block.ignores_case |= key == "ignoreUriCase" && value == "true";
                    if value != "null" {
                        block.others.push((key.to_owned(), value));
                    }
                }
            }
            Ok(())
        })?;
        Ok(block)
    }

    /// This block with a rule's conditions added, as JSON text; `None` when no request can meet both.
    pub(crate) fn and(&self, rule: &'a RequestMatch) -> core::result::Result<Option<String>, Inexpressible> {
        let mut json = "{".to_owned();
        for (key, seen, wanted) in
            [("uri", &self.uri, rule.path.as_ref()), ("method", &self.method, rule.method.as_ref())]
        {
            let both = match (seen, wanted.map(StringMatch::of)) {
                (None, None) => continue,
                (Some(one), None) => Both::One(one.clone()),
                (None, Some(one)) => Both::One(one),
                (Some(_), Some(_)) if key == "uri" && self.ignores_case => Both::Unknown,
                (Some(seen), Some(wanted)) => seen.and(&wanted),
            };
            match both {
                Both::One(one) => push_member(&mut json, key, &one.json()),
                Both::Never => return Ok(None),
                Both::Unknown => return Err(Inexpressible(key.to_owned())),
            }
        }
        // Istio wants names of headers in lower case.
        let mut headers = self.headers.clone();
        for wanted in &rule.headers {
            let (name, value) = (wanted.name.to_ascii_lowercase(), StringMatch::of(&wanted.value));
            match headers.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                None => headers.push((name.into(), value)),
                Some((_, seen)) => match seen.and(&value) {
                    Both::One(one) => *seen = one,
                    Both::Never => return Ok(None),
                    Both::Unknown => return Err(Inexpressible(["header ", &name].concat())),
                },
            }
        }
        if !headers.is_empty() {
            let mut members = "{".to_owned();
            for (name, value) in &headers {
                push_member(&mut members, name, &value.json());
            }
            members.push('}');
            push_member(&mut json, "headers", &members);
        }
        for (key, value) in &self.others {
            push_member(&mut json, key, value);
        }
        json.push('}');
        Ok(Some(json))
    }
}

impl<'a> StringMatch<'a> {
    fn of(text: &'a TextMatch) -> Self {
        match text {
            TextMatch::Exact(text) => Self::Exact(text.as_str().into()),
            TextMatch::Prefix(text) => Self::Prefix(text.as_str().into()),
            TextMatch::Regex(text) => Self::Regex(text.as_str().into()),
        }
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut condition = Self::Present;
        reader.object(&mut |key, reader| {
            let of: fn(Text<'a>) -> Self = match key {
                "exact" => Self::Exact,
                "prefix" => Self::Prefix,
                "regex" => Self::Regex,
                _ => return reader.skip(),
            };
            if let Some(text) = reader.text()? {
                condition = of(text);
            }
            Ok(())
        })?;
        Ok(condition)
    }

    fn and(&self, other: &Self) -> Both<Self> {
        match (self, other) {
            (one, Self::Present) | (Self::Present, one) => Both::One(one.clone()),
            (a, b) if a == b => Both::One(a.clone()),
            (Self::Exact(_), Self::Exact(_)) => Both::Never,
            (Self::Exact(text), Self::Prefix(prefix)) | (Self::Prefix(prefix), Self::Exact(text)) => {
                if text.starts_with(prefix.as_str()) {
                    Both::One(Self::Exact(text.clone()))
                } else {
                    Both::Never
                }
            }
            (Self::Prefix(a), Self::Prefix(b)) => {
                let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
                if long.starts_with(short.as_str()) {
                    Both::One(Self::Prefix(long.clone()))
                } else {
                    Both::Never
                }
            }
            (Self::Regex(_), _) | (_, Self::Regex(_)) => Both::Unknown,
        }
    }

    fn json(&self) -> String {
        let (key, value) = match self {
            Self::Present => return "{}".to_owned(),
            Self::Exact(text) => ("exact", text),
            Self::Prefix(text) => ("prefix", text),
            Self::Regex(text) => ("regex", text),
        };
        let mut text = String::new();
        push_text(&mut text, value);
        let mut json = "{".to_owned();
        push_member(&mut json, key, &text);
        json.push('}');
        json
    }
}
