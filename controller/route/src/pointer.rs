//! JSON pointers (RFC 6901): paths into objects, and the patterns of fields that a plugin may change.

use std::fmt::{self, Write as _};

use serde_json::Value;

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step<'a> {
    /// To the value of a key.
    Key(&'a str),
    /// To an element of a list.
    Index(usize),
}

/// The pointer's text.
pub fn pointer(path: &[Step<'_>]) -> String {
    let mut text = String::with_capacity(16 * path.len());
    for step in path {
        text.push('/');
        match step {
            Step::Key(key) if !key.contains(['~', '/']) => text.push_str(key),
            Step::Key(key) => {
                for character in key.chars() {
                    match character {
                        '~' => text.push_str("~0"),
                        '/' => text.push_str("~1"),
                        other => text.push(other),
                    }
                }
            }
            // Writing to a String cannot fail.
            Step::Index(index) => drop(write!(text, "{index}")),
        }
    }
    text
}

/// What a path leads to.
pub fn resolve<'a>(root: &'a Value, path: &[Step<'_>]) -> Option<&'a Value> {
    path.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => value.as_object()?.get(*key),
        Step::Index(index) => value.as_array()?.get(*index),
    })
}

/// Places in objects, as a JSON pointer in which `*` stands for any one list element or key:
/// `/spec/rules/*/backendRefs/*/weight`. It means what is there and all that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Token {
    Any,
    Literal(String),
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It would mean whole objects, or is relative.
    #[error(
        "a field pattern is a JSON pointer that begins with `/`, for example /spec/rules/*/backendRefs/*/weight"
    )]
    NotAPointer,
    /// `~` is followed by something else than `0` or `1`.
    #[error("in a JSON pointer `~` is written `~0` and a `/` in a key `~1`")]
    BadEscape,
    /// Deeper than any object may be.
    #[error("a field pattern has at most {} steps", crate::limits::DEPTH)]
    TooDeep,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is not the text of a pointer to something inside an object.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let rest = text.strip_prefix('/').ok_or(PatternError::NotAPointer)?;
        // Patterns are read in every pass with a change, so the room for one is made at once.
        let mut tokens = Vec::with_capacity(rest.matches('/').count() + 1);
        for text in rest.split('/') {
            tokens.push(Token::parse(text)?);
        }
        if tokens.len() > crate::limits::DEPTH {
            return Err(PatternError::TooDeep);
        }
        Ok(Self { tokens })
    }

    /// Reads a pattern that starts at a list element, where the empty text means the element itself.
    ///
    /// # Errors
    /// When it is not the text of a pointer.
    pub(crate) fn parse_relative(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() { Ok(Self { tokens: Vec::new() }) } else { Self::parse(text) }
    }

    /// The places that both mean.
    pub(crate) fn intersection(&self, other: &Self) -> Option<Self> {
        let (longer, shorter) =
            if self.tokens.len() < other.tokens.len() { (other, self) } else { (self, other) };
        let mut tokens = longer.tokens.clone();
        for (token, other) in tokens.iter_mut().zip(&shorter.tokens) {
            match (&*token, other) {
                (Token::Any, other) => *token = other.clone(),
                (Token::Literal(_), Token::Any) => {}
                (token, other) if token == other => {}
                _ => return None,
            }
        }
        Some(Self { tokens })
    }

    /// How many steps it has.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it ends with `*`, as patterns of the elements of a list do.
    pub(crate) fn ends_with_any(&self) -> bool {
        self.tokens.last() == Some(&Token::Any)
    }

    /// Whether a step is spelt out.
    pub(crate) fn spells_out(&self, step: usize) -> bool {
        matches!(self.tokens.get(step), Some(Token::Literal(_)))
    }

    /// What its step at this depth leads to from a value; `None` when it has no such step.
    pub(crate) fn matching_children<'v>(&self, depth: usize, value: &'v Value) -> Option<Vec<&'v Value>> {
        let token = self.tokens.get(depth)?;
        Some(match value {
            Value::Object(fields) => fields
                .iter()
                .filter(|(key, _)| token.matches(&Step::Key(key)))
                .map(|(_, value)| value)
                .collect(),
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .filter(|(index, _)| token.matches(&Step::Index(*index)))
                .map(|(_, value)| value)
                .collect(),
            _ => Vec::new(),
        })
    }

    /// Whether the path is such a place or lies in one: then how many steps of it lead there.
    pub fn covers(&self, path: &[Step<'_>]) -> Option<usize> {
        let there = path.get(..self.tokens.len())?;
        self.begins_with(there).then_some(there.len())
    }

    /// Whether such a place may lie below the path.
    pub fn lies_below(&self, path: &[Step<'_>]) -> bool {
        self.tokens.len() > path.len() && self.begins_with(path)
    }

    /// Whether such places may lie right below the path.
    pub(crate) fn names_children_of(&self, path: &[Step<'_>]) -> bool {
        self.tokens.len() == path.len() + 1 && self.begins_with(path)
    }

    fn begins_with(&self, path: &[Step<'_>]) -> bool {
        self.tokens.iter().zip(path).all(|(token, step)| token.matches(step))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens.iter().try_for_each(|token| match token {
            Token::Any => f.write_str("/*"),
            Token::Literal(key) => f.write_str(&pointer(&[Step::Key(key)])),
        })
    }
}

impl Token {
    fn parse(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if !text.contains('~') {
            return Ok(Self::Literal(text.to_owned()));
        }
        let mut key = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            key.push(match character {
                '~' => match characters.next() {
                    Some('0') => '~',
                    Some('1') => '/',
                    _ => return Err(PatternError::BadEscape),
                },
                other => other,
            });
        }
        Ok(Self::Literal(key))
    }

    fn matches(&self, step: &Step<'_>) -> bool {
        match (self, step) {
            (Self::Any, _) => true,
            (Self::Literal(token), Step::Key(key)) => token == key,
            (Self::Literal(token), Step::Index(index)) => *token == index.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Step::{Index, Key};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_covers_its_place_and_all_in_it() {
        let weight = [Key("spec"), Key("rules"), Index(1), Key("backendRefs"), Index(0), Key("weight")];
        let table = [
            ("/spec/rules/*/backendRefs/*/weight", Some(6)),
            ("/spec/rules/*/backendRefs/*", Some(5)),
            ("/spec/rules/1", Some(3)),
            ("/spec", Some(1)),
            ("/*", Some(1)),
            ("/spec/rules/0", None),
            ("/spec/rules/*/backendRefs/*/port", None),
            ("/spec/rules/*/backendRefs/*/weight/*", None),
            ("/", None),
        ];
        for (pattern, covered) in table {
            assert_eq!(Pattern::parse(pattern).unwrap().covers(&weight), covered, "{pattern}");
        }
        let labels = Pattern::parse("/metadata/labels/*").unwrap();
        assert!(labels.lies_below(&[Key("metadata"), Key("labels")]));
        assert!(labels.lies_below(&[]));
        assert!(!labels.lies_below(&[Key("metadata"), Key("labels"), Key("a")]));
        assert!(!labels.lies_below(&[Key("metadata"), Key("annotations")]));
    }

    #[test]
    fn keys_are_escaped() {
        let path = [Key("metadata"), Key("annotations"), Key("example.com/a~b")];
        assert_eq!(pointer(&path), "/metadata/annotations/example.com~1a~0b");
        assert_eq!(Pattern::parse(&pointer(&path)).unwrap().covers(&path), Some(3));
        let object = json!({"metadata": {"annotations": {"example.com/a~b": "x"}}});
        assert_eq!(resolve(&object, &path), object.pointer(&pointer(&path)));
    }

    #[test]
    fn what_is_not_a_pattern_is_said() {
        for (text, error) in [
            ("", PatternError::NotAPointer),
            ("spec", PatternError::NotAPointer),
            ("/a~", PatternError::BadEscape),
            ("/a~2b", PatternError::BadEscape),
            (&"/a".repeat(200), PatternError::TooDeep),
        ] {
            assert_eq!(Pattern::parse(text), Err(error), "{text}");
        }
    }
}
