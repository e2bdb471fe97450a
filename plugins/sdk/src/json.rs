//! Reading a few fields of a large JSON text.
//!
//! [`Object::read`](crate::Object::read) with derived types is the convenient way. This is the small and fast one: it
//! adds about 10 kB to a guest where derived types add 60, is a little faster, copies nothing that has no
//! escapes in it, and tells by a JSON pointer where something is not as expected. `null` is the same as absent, and
//! of members that are written twice the last one counts, both as in Kubernetes. What is skipped is not checked.
//!
//! ```
//! use tidegate_router_sdk::json::{Reader, Unexpected};
//!
//! /// Names and weights of `{"backends": [{"service": "cart", "weight": 80}]}`; all else is skipped.
//! fn backends(text: &str) -> Result<Vec<(String, u32)>, Unexpected> {
//!     let mut backends = Vec::new();
//!     Reader::document(text, |reader| {
//!         reader.object(&mut |key, reader| match key {
//!             "backends" => reader.list(&mut |reader| {
//!                 let (mut service, mut weight) = (String::new(), 1);
//!                 reader.object(&mut |key, reader| {
//!                     match key {
//!                         "service" => service = reader.text()?.unwrap_or_default().to_string(),
//!                         "weight" => weight = reader.integer()?.unwrap_or(1),
//!                         _ => reader.skip()?,
//!                     }
//!                     Ok(())
//!                 })?;
//!                 backends.push((service, weight));
//!                 Ok(())
//!             }),
//!             _ => reader.skip(),
//!         })
//!     })?;
//!     Ok(backends)
//! }
//!
//! let text = r#"{"kind": "Split", "backends": [{"weight": 80, "service": "cart", "more": {}}]}"#;
//! assert_eq!(backends(text).unwrap(), [("cart".to_owned(), 80)]);
//! let error = backends(r#"{"backends": [{"weight": "80"}]}"#).unwrap_err();
//! assert_eq!(error.pointer().as_str(), "/backends/0/weight");
//! ```

mod compare;
mod scan;
mod write;

use hifijson::SliceLexer;
use hifijson::str::LexAlloc as _;

pub use self::compare::{elements, members, same};
use self::scan::{BLOCK, Block, Walk};
pub use self::write::{push_member, push_number, push_text};
use crate::prelude::*;
use crate::{Pointer, Problem, Text, concat};

/// What a reading function answers.
pub type Result<T> = core::result::Result<T, Unexpected>;

/// A text that is not JSON, or not of the expected form.
// Behind a pointer, so that results are small: every value that is read makes some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexpected(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    expected: &'static str,
    /// From the inside to the outside.
    path: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Key(String),
    Index(usize),
}

impl Unexpected {
    #[cold]
    fn new(expected: &'static str) -> Self {
        Self(Box::new(Details { expected, path: Vec::new() }))
    }

    #[cold]
    fn within(mut self, part: Part) -> Self {
        self.0.path.push(part);
        self
    }

    /// Where.
    pub fn pointer(&self) -> Pointer {
        self.0.path.iter().rev().fold(Pointer::root(), |pointer, part| match part {
            Part::Key(key) => pointer.key(key),
            Part::Index(index) => pointer.index(*index),
        })
    }

    /// What should be there, for example `a text`.
    pub fn expected(&self) -> &'static str {
        self.0.expected
    }

    /// As a problem with this code; `what` is what was read, in the words of whoever reads the message.
    #[cold]
    pub fn problem(&self, code: &str, what: &str) -> Problem {
        let pointer = self.pointer();
        let place = if pointer.as_str().is_empty() { "" } else { " at " };
        Problem::new(
            code,
            concat(&[what, place, pointer.as_str(), " is not as it should be: expected ", self.expected()]),
        )
        .at(pointer)
    }
}

/// Decimal digits that always fit an `i64`.
const SURE_DIGITS: usize = 18;

/// Reads a JSON text from front to back, value by value. Each of its functions reads exactly one value.
pub struct Reader<'a> {
    text: &'a str,
    /// How much of it was read: always at the border of a character.
    position: usize,
}

impl<'a> Reader<'a> {
    /// Reads a whole text, which is one value, by `read`.
    ///
    /// # Errors
    /// What `read` answers; or when more than that value is there.
    pub fn document<T>(text: &'a str, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let mut reader = Self { text, position: 0 };
        let value = read(&mut reader)?;
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(Unexpected::new("one JSON value")),
        }
    }

    /// Reads an object: `member` is called with each key, and reads or skips its value. `null` has no members.
    ///
    /// # Errors
    /// When there is no object, or what `member` answers.
    pub fn object(&mut self, member: &mut dyn FnMut(&str, &mut Self) -> Result<()>) -> Result<()> {
        if !self.open(b'{', "an object")? {
            return Ok(());
        }
        let mut is_first = true;
        while self.has_next(b'}', &mut is_first)? {
            if self.peek() != Some(b'"') {
                return Err(Unexpected::new("a key"));
            }
            let start = self.position;
            match self.simple_string()? {
                Some(key) => {
                    self.colon()?;
                    member(key, self).map_err(|error| error.within(Part::Key(key.to_owned())))?;
                }
                None => self.member_with_escapes(start, member)?,
            }
        }
        Ok(())
    }

    #[expect(clippy::inline_always, reason = "for each key, and the compiler of hosts inlines nothing")]
    #[inline(always)]
    fn colon(&mut self) -> Result<()> {
        if self.peek() != Some(b':') {
            return Err(Unexpected::new("`:` after a key"));
        }
        self.position += 1;
        Ok(())
    }

    /// Reads a member whose key begins here and has escapes.
    #[cold]
    fn member_with_escapes(
        &mut self,
        start: usize,
        member: &mut dyn FnMut(&str, &mut Self) -> Result<()>,
    ) -> Result<()> {
        let key = self.string_with_escapes(start)?;
        self.colon()?;
        member(&key, self).map_err(|error| error.within(Part::Key(key.as_str().to_owned())))
    }

    /// Reads a list: `element` is called for each element, and reads or skips it. `null` has no elements.
    ///
    /// # Errors
    /// When there is no list, or what `element` answers.
    pub fn list(&mut self, element: &mut dyn FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if !self.open(b'[', "a list")? {
            return Ok(());
        }
        let mut is_first = true;
        let mut index = 0;
        while self.has_next(b']', &mut is_first)? {
            element(self).map_err(|error| error.within(Part::Index(index)))?;
            index += 1;
        }
        Ok(())
    }

    /// Reads a list whose elements `read` reads. `null` has no elements.
    ///
    /// # Errors
    /// When there is no list, or what `read` answers.
    pub fn elements<T>(&mut self, read: fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut elements = Vec::new();
        self.list(&mut |reader| {
            elements.push(read(reader)?);
            Ok(())
        })?;
        Ok(elements)
    }

    /// Reads a text; `None` for `null`.
    ///
    /// # Errors
    /// When there is something else.
    pub fn text(&mut self) -> Result<Option<Text<'a>>> {
        if self.peek() == Some(b'"') { self.string().map(Some) } else { self.null("a text") }
    }

    /// Reads true or false; `None` for `null`.
    ///
    /// # Errors
    /// When there is something else.
    pub fn flag(&mut self) -> Result<Option<bool>> {
        match self.peek() {
            Some(b't') if self.takes("true") => Ok(Some(true)),
            Some(b'f') if self.takes("false") => Ok(Some(false)),
            _ => self.null("true or false"),
        }
    }

    /// Reads a whole number that fits the wanted type; `None` for `null`.
    ///
    /// # Errors
    /// When there is something else.
    pub fn integer<N: TryFrom<i64>>(&mut self) -> Result<Option<N>> {
        match self.whole_number()? {
            None => Ok(None),
            Some(number) => match N::try_from(number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(Unexpected::new("a whole number in range")),
            },
        }
    }

    /// Skips any value. That it is well-formed is not checked, only where it ends.
    ///
    /// # Errors
    /// When there is none, or it does not end.
    pub fn skip(&mut self) -> Result<()> {
        match self.peek() {
            None | Some(b',' | b':' | b']' | b'}') => Err(Unexpected::new("a value")),
            Some(b'"') => self.skip_string(),
            Some(b'{' | b'[') => self.skip_nested(),
            Some(_) => {
                while self.byte().is_some_and(|byte| !matches!(byte, b',' | b']' | b'}' | b'[' | b'{')) {
                    self.position += 1;
                }
                Ok(())
            }
        }
    }

    /// Skips any value and answers with its text, to be read later.
    ///
    /// # Errors
    /// As for [`Self::skip`].
    pub fn raw(&mut self) -> Result<&'a str> {
        self.peek();
        let start = self.position;
        self.skip()?;
        Ok(self.text.get(start..self.position).unwrap_or_default().trim_ascii_end())
    }

    /// The next byte, white space or not.
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// The next byte after white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
            self.position += 1;
        }
        None
    }

    /// Takes this word if it is next.
    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.rest().starts_with(word);
        if is_next {
            self.position += word.len();
        }
        is_next
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// Enters an object or list; false for `null`.
    fn open(&mut self, bracket: u8, expected: &'static str) -> Result<bool> {
        if self.peek() == Some(bracket) {
            self.position += 1;
            Ok(true)
        } else {
            self.null::<()>(expected).map(|_| false)
        }
    }

    /// Whether another element follows; takes the comma or the end.
    fn has_next(&mut self, end: u8, is_first: &mut bool) -> Result<bool> {
        match self.peek() {
            Some(next) if next == end => {
                self.position += 1;
                return Ok(false);
            }
            Some(b',') if !*is_first => self.position += 1,
            Some(_) if *is_first => *is_first = false,
            _ => return Err(Unexpected::new("`,` or the end of the list or object")),
        }
        Ok(true)
    }

    fn null<T>(&mut self, expected: &'static str) -> Result<Option<T>> {
        self.peek();
        if self.takes("null") { Ok(None) } else { Err(Unexpected::new(expected)) }
    }

    fn whole_number(&mut self) -> Result<Option<i64>> {
        if !matches!(self.peek(), Some(b'0'..=b'9' | b'-')) {
            return self.null("a whole number");
        }
        let start = self.position;
        let is_negative = self.byte() == Some(b'-');
        if is_negative {
            self.position += 1;
        }
        let first_digit = self.position;
        let mut number = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.byte() {
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.position += 1;
        }
        if matches!(self.byte(), Some(b'-' | b'+' | b'.' | b'e' | b'E')) || self.position == first_digit {
            return Err(Unexpected::new("a whole number"));
        }
        if self.position - first_digit > SURE_DIGITS {
            let digits = self.text.get(start..self.position).unwrap_or_default();
            return digits.parse().map(Some).map_err(|_| Unexpected::new("a whole number"));
        }
        Ok(Some(if is_negative { -number } else { number }))
    }

    /// Reads the text that begins with the quotation mark here.
    fn string(&mut self) -> Result<Text<'a>> {
        let start = self.position;
        match self.simple_string()? {
            Some(text) => Ok(Text::from(text)),
            None => self.string_with_escapes(start),
        }
    }

    /// Reads the text that begins with the quotation mark here, if there are no escapes in it.
    fn simple_string(&mut self) -> Result<Option<&'a str>> {
        let start = self.position + 1;
        let mut position = start;
        let end = loop {
            let Some(block) = Block::at(self.text.as_bytes(), position) else { break None };
            let ends = block.text_ends();
            if ends != 0 {
                position += ends.trailing_zeros() as usize;
                break self.text.as_bytes().get(position);
            }
            position += BLOCK;
        };
        match end {
            Some(b'"') => {
                self.position = position + 1;
                Ok(self.text.get(start..position))
            }
            Some(b'\\') => Ok(None),
            _ => Err(Unexpected::new("the end of a text")),
        }
    }

    /// Rare, and not simple (surrogates): the library's.
    #[cold]
    fn string_with_escapes(&mut self, start: usize) -> Result<Text<'a>> {
        self.position = start + 1;
        let mut lexer = SliceLexer::new(self.rest().as_bytes());
        let text = lexer.str_string().map_err(|_| Unexpected::new("a valid text"))?;
        self.position = self.text.len() - lexer.as_slice().len();
        Ok(Text::from(text))
    }

    /// Skips the text that begins with the quotation mark here, without decoding it.
    fn skip_string(&mut self) -> Result<()> {
        let mut position = self.position + 1;
        while let Some(block) = Block::at(self.text.as_bytes(), position) {
            let (quotes, backslashes) = (block.quotes(), block.backslashes());
            let hits = quotes | backslashes;
            if hits == 0 {
                position += BLOCK;
                continue;
            }
            position += hits.trailing_zeros() as usize + 1;
            if quotes.trailing_zeros() < backslashes.trailing_zeros() {
                self.position = position;
                return Ok(());
            }
            // What is escaped is one byte, or a character of several whose other bytes are no quotation marks.
            position += 1;
        }
        Err(Unexpected::new("the end of a text"))
    }

    /// Skips the object or list that begins here, by counting brackets outside of texts.
    fn skip_nested(&mut self) -> Result<()> {
        let mut position = self.position;
        let mut walk = Walk::default();
        let mut depth = 0_u32;
        while let Some(block) = Block::at(self.text.as_bytes(), position) {
            let texts = walk.texts(block);
            let (opening, closing) = (block.opening() & !texts, block.closing() & !texts);
            // The end cannot be where fewer close than are open. Most blocks are over with that.
            if closing.count_ones() >= depth {
                let (mut left, mut closed) = (closing, 0);
                while left != 0 {
                    let first = left & left.wrapping_neg();
                    closed += 1;
                    if depth + (opening & (first - 1)).count_ones() == closed {
                        self.position = position + first.trailing_zeros() as usize + 1;
                        return Ok(());
                    }
                    left &= !first;
                }
            }
            depth = (depth + opening.count_ones()).saturating_sub(closing.count_ones());
            position += BLOCK;
        }
        Err(Unexpected::new("the end of a value"))
    }
}
