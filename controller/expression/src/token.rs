//! Text into tokens.

use std::iter::Peekable;
use std::str::Chars;

use crate::error::{ParseError, Problem};
use crate::limits;

/// What a text consists of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Name(String),
    Integer(i64),
    Float(f64),
    Text(String),
    Symbol(&'static str),
    /// `#` with the name that follows it.
    Element(String),
    End,
}

impl Token {
    /// For messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}`"),
            Self::Integer(number) => format!("{number}"),
            Self::Float(number) => format!("{number}"),
            Self::Text(_) => "text".to_owned(),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::Element(name) => format!("`#{name}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// A token and where it stands, as characters before it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) position: usize,
}

/// Symbols; longer ones first.
const SYMBOLS: [&str; 35] = [
    "**", "&&", "||", "==", "!=", "<=", ">=", "??", "?.", "?:", "..", "::", "+", "-", "*", "/", "%", "^",
    "<", ">", "!", "(", ")", "[", "]", "{", "}", ",", ":", "?", ".", "|", ";", "=", "&",
];

/// All tokens of a text, the end last.
pub(crate) fn tokens(source: &str) -> Result<Vec<Placed>, ParseError> {
    if source.len() > limits::SOURCE_BYTES {
        return Err(Problem::TooLong.at(0));
    }
    let mut reader = Reader { source, rest: source.chars().peekable(), position: 0, bytes: 0 };
    let mut tokens = Vec::new();
    loop {
        reader.skip()?;
        let position = reader.position;
        let token = reader.token()?;
        let is_end = token == Token::End;
        tokens.push(Placed { token, position });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Reader<'a> {
    source: &'a str,
    rest: Peekable<Chars<'a>>,
    position: usize,
    bytes: usize,
}

impl<'a> Reader<'a> {
    fn remaining(&self) -> &'a str {
        self.source.get(self.bytes..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.position += 1;
        self.bytes += next.len_utf8();
        Some(next)
    }

    fn take(&mut self, characters: usize) {
        for _ in 0..characters {
            self.next();
        }
    }

    fn take_while(&mut self, mut accept: impl FnMut(char) -> bool) -> &'a str {
        let before = self.bytes;
        while self.rest.peek().is_some_and(|next| accept(*next)) {
            self.next();
        }
        self.source.get(before..self.bytes).unwrap_or_default()
    }

    /// Blanks and comments.
    fn skip(&mut self) -> Result<(), ParseError> {
        loop {
            self.take_while(char::is_whitespace);
            let rest = self.remaining();
            if rest.starts_with("//") {
                self.take_while(|next| next != '\n');
            } else if rest.starts_with("/*") {
                let length = rest.find("*/").ok_or(Problem::UnclosedComment.at(self.position))?;
                let comment = rest.get(..length + 2).unwrap_or(rest);
                self.take(comment.chars().count());
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, ParseError> {
        let position = self.position;
        let rest = self.remaining();
        let mut characters = rest.chars();
        let Some(first) = characters.next() else { return Ok(Token::End) };
        let is_fraction = first == '.' && characters.next().is_some_and(|next| next.is_ascii_digit());
        if first.is_ascii_digit() || is_fraction {
            return self.number();
        }
        if is_name_start(first) {
            return Ok(Token::Name(self.take_while(is_name).to_owned()));
        }
        match first {
            '"' | '\'' => self.quoted(first),
            '`' => {
                self.next();
                let text = self.take_while(|next| next != '`').to_owned();
                self.next().ok_or(Problem::UnclosedText.at(position))?;
                Ok(Token::Text(text))
            }
            '#' => {
                self.next();
                Ok(Token::Element(self.take_while(is_name).to_owned()))
            }
            _ => {
                let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
                let symbol = symbol.ok_or(Problem::Character(first).at(position))?;
                // `a ?.5 : 1` is a condition with a fraction, not an optional field.
                let symbol =
                    if symbol == "?." && rest.get(2..).is_some_and(starts_with_digit) { "?" } else { symbol };
                self.take(symbol.len());
                Ok(Token::Symbol(symbol))
            }
        }
    }

    fn number(&mut self) -> Result<Token, ParseError> {
        let position = self.position;
        let rest = self.remaining();
        let radix = match rest.get(..2) {
            Some("0x" | "0X") => Some(16),
            Some("0o" | "0O") => Some(8),
            Some("0b" | "0B") => Some(2),
            _ => None,
        };
        if let Some(radix) = radix {
            let written = self.take_while(is_name);
            let digits = written.get(2..).unwrap_or_default().replace('_', "");
            return i64::from_str_radix(&digits, radix)
                .map(Token::Integer)
                .map_err(|_| Problem::Number(written.to_owned()).at(position));
        }
        let mut written = self.take_while(|next| next.is_ascii_digit() || next == '_').to_owned();
        let mut is_float = false;
        let rest = self.remaining();
        if rest.starts_with('.') && !rest.starts_with("..") {
            is_float = true;
            self.next();
            written.push('.');
            written.push_str(self.take_while(|next| next.is_ascii_digit() || next == '_'));
        }
        if self.remaining().starts_with(['e', 'E']) {
            is_float = true;
            self.next();
            written.push('e');
            let mut before = 'e';
            written.push_str(self.take_while(|next| {
                let accept = next.is_ascii_digit() || (before == 'e' && matches!(next, '+' | '-'));
                before = next;
                accept
            }));
        }
        // What follows a number directly is no part of it, but was meant as one: `5m`, `1.2.3`.
        if self.rest.peek().is_some_and(|next| is_name_start(*next)) {
            written.push_str(self.take_while(is_name));
            return Err(Problem::Number(written).at(position));
        }
        let plain = written.replace('_', "");
        let number = if is_float {
            plain.parse().ok().filter(|float: &f64| float.is_finite()).map(Token::Float)
        } else {
            plain.parse().ok().map(Token::Integer)
        };
        number.ok_or(Problem::Number(written).at(position))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, ParseError> {
        let start = self.position;
        self.next();
        let mut text = String::new();
        loop {
            let position = self.position;
            match self.next() {
                None | Some('\n' | '\r') => return Err(Problem::UnclosedText.at(start)),
                Some('\\') => text.push(self.escape(position)?),
                Some(next) if next == quote => return Ok(Token::Text(text)),
                Some(next) => text.push(next),
            }
        }
    }

    fn escape(&mut self, position: usize) -> Result<char, ParseError> {
        let letter = self.next().ok_or(Problem::UnclosedText.at(position))?;
        Ok(match letter {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '\\' | '"' | '\'' | '/' => letter,
            'u' => {
                let mut left = 4;
                let digits = self.take_while(|next| {
                    let accept = left > 0 && next.is_ascii_hexdigit();
                    left -= i32::from(accept);
                    accept
                });
                let code = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 4);
                code.and_then(char::from_u32)
                    .ok_or_else(|| Problem::Escape(format!("u{digits}")).at(position))?
            }
            other => return Err(Problem::Escape(other.to_string()).at(position)),
        })
    }
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

fn is_name_start(character: char) -> bool {
    character.is_alphabetic() || character == '_' || character == '$'
}

fn is_name(character: char) -> bool {
    is_name_start(character) || character.is_numeric()
}
