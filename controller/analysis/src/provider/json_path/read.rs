//! A path out of its text.

use serde_json::Value;

use super::{JsonPath, JsonPathError, Step};

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    /// When it is not in the language.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        let characters: Vec<char> = text.trim().chars().collect();
        let mut reader = Reader { characters: &characters, position: 0 };
        let is_braced = reader.accept('{');
        reader.skip();
        reader.accept('$');
        let steps = reader.steps(&['}'])?;
        reader.skip();
        if is_braced && !reader.accept('}') {
            return Err(reader.invalid("expected }"));
        }
        reader.skip();
        if reader.peek().is_some() {
            return Err(reader.invalid("nothing may follow the path"));
        }
        Ok(Self { steps })
    }
}

struct Reader<'a> {
    characters: &'a [char],
    position: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.position).copied()
    }

    fn accept(&mut self, character: char) -> bool {
        let is_next = self.peek() == Some(character);
        self.position += usize::from(is_next);
        is_next
    }

    fn skip(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.position += 1;
        }
    }

    fn invalid(&self, problem: &'static str) -> JsonPathError {
        JsonPathError::Invalid { position: self.position, problem }
    }

    /// Steps up to one of the ends.
    fn steps(&mut self, ends: &[char]) -> Result<Vec<Step>, JsonPathError> {
        let mut steps = Vec::new();
        loop {
            match self.peek() {
                None => return Ok(steps),
                Some(next) if ends.contains(&next) || next.is_whitespace() => return Ok(steps),
                Some('.') => {
                    self.position += 1;
                    if self.accept('.') {
                        let name = if self.accept('*') || self.peek() == Some('[') {
                            None
                        } else {
                            Some(self.name()?)
                        };
                        steps.push(Step::Anywhere(name));
                    } else if self.accept('*') {
                        steps.push(Step::All);
                    } else if self.peek() != Some('[') {
                        steps.push(Step::Field(self.name()?));
                    }
                }
                Some('[') => {
                    self.position += 1;
                    steps.push(self.brackets()?);
                }
                Some(_) if steps.is_empty() => steps.push(Step::Field(self.name()?)),
                Some(_) => return Err(self.invalid("expected . or [")),
            }
        }
    }

    /// A name after a point, in which `\` takes the next character as it is.
    fn name(&mut self) -> Result<String, JsonPathError> {
        let mut name = String::new();
        while let Some(next) = self.peek() {
            if next == '\\' {
                self.position += 1;
                name.push(self.peek().ok_or_else(|| self.invalid("expected a character after \\"))?);
            } else if next.is_whitespace() || ".[]{}()=!<>@$?,'\"".contains(next) {
                break;
            } else {
                name.push(next);
            }
            self.position += 1;
        }
        if name.is_empty() { Err(self.invalid("expected a name")) } else { Ok(name) }
    }

    fn brackets(&mut self) -> Result<Step, JsonPathError> {
        self.skip();
        let step = match self.peek() {
            Some('*') => {
                self.position += 1;
                Step::All
            }
            Some(quote @ ('\'' | '"')) => Step::Field(self.quoted(quote)?),
            Some('?') => self.filter()?,
            _ => {
                let from = self.number()?;
                if self.accept(':') {
                    Step::Part(from, self.number()?)
                } else {
                    Step::Element(
                        from.ok_or_else(|| self.invalid("expected an index, a name in quotes, * or ?( )"))?,
                    )
                }
            }
        };
        self.skip();
        if self.accept(']') { Ok(step) } else { Err(self.invalid("expected ]")) }
    }

    fn quoted(&mut self, quote: char) -> Result<String, JsonPathError> {
        self.position += 1;
        let mut text = String::new();
        while let Some(next) = self.peek() {
            self.position += 1;
            if next == quote {
                return Ok(text);
            }
            let escaped = (next == '\\').then(|| self.peek()).flatten();
            self.position += usize::from(escaped.is_some());
            text.push(escaped.unwrap_or(next));
        }
        Err(self.invalid("expected the closing quote"))
    }

    fn number(&mut self) -> Result<Option<i64>, JsonPathError> {
        self.skip();
        let mut text = String::new();
        while let Some(next) = self.peek().filter(|next| next.is_ascii_digit() || *next == '-') {
            text.push(next);
            self.position += 1;
        }
        self.skip();
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| self.invalid("that is no index"))
    }

    /// `?(@.path operator literal)`, from the question mark on.
    fn filter(&mut self) -> Result<Step, JsonPathError> {
        self.position += 1;
        if !self.accept('(') {
            return Err(self.invalid("expected ( after ?"));
        }
        self.skip();
        if !self.accept('@') {
            return Err(self.invalid("expected @ and a path"));
        }
        let path = self.steps(&[')', '=', '!', '<', '>'])?;
        if path.iter().any(|step| matches!(step, Step::Where(..))) {
            return Err(self.invalid("a filter within a filter is not supported"));
        }
        self.skip();
        let rest: String = self.characters.iter().skip(self.position).take(2).collect();
        let operator =
            ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|operator| rest.starts_with(operator));
        let comparison = match operator {
            Some(operator) => {
                self.position += operator.len();
                self.skip();
                Some((operator, self.literal()?))
            }
            None => None,
        };
        self.skip();
        if self.accept(')') {
            Ok(Step::Where(path, comparison))
        } else {
            Err(self.invalid("expected an operator or )"))
        }
    }

    fn literal(&mut self) -> Result<Value, JsonPathError> {
        if let Some(quote @ ('\'' | '"')) = self.peek() {
            return self.quoted(quote).map(Value::String);
        }
        let start = self.position;
        while self.peek().is_some_and(|next| next.is_alphanumeric() || "+-.".contains(next)) {
            self.position += 1;
        }
        let text: String = self.characters.get(start..self.position).unwrap_or_default().iter().collect();
        let value: Option<Value> = serde_json::from_str(&text).ok();
        value.ok_or_else(|| self.invalid("expected a number, true, false, null or text in quotes"))
    }
}
