//! Tokens into an expression: operands and what follows them.

use crate::error::{ParseError, Problem};
use crate::functions::Function;
use crate::parse::Parser;
use crate::refused;
use crate::syntax::{Node, Shape};
use crate::token::Token;

impl Parser {
    /// An operand with the fields, elements and cuts that follow it.
    pub(crate) fn postfix(&mut self) -> Result<Node, ParseError> {
        let start = self.position();
        let mut base = self.primary()?;
        let mut is_optional = false;
        loop {
            let position = self.position();
            if self.accept("?.") {
                is_optional = true;
                let index = if self.accept("[") { self.index()? } else { self.field()? };
                base = Self::access(position, base, index, true)?;
            } else if self.accept(".") {
                let index = self.field()?;
                base = Self::access(position, base, index, false)?;
            } else if self.accept("[") {
                base = self.brackets(position, base)?;
            } else {
                break;
            }
        }
        if is_optional { Self::node(start, Shape::Chain(Box::new(base))) } else { Ok(base) }
    }

    fn access(position: usize, base: Node, index: Node, optional: bool) -> Result<Node, ParseError> {
        Self::node(position, Shape::Index { base: Box::new(base), index: Box::new(index), optional })
    }

    /// The name after a point.
    fn field(&mut self) -> Result<Node, ParseError> {
        let position = self.position();
        let Token::Name(name) = self.peek().clone() else {
            return Err(self.unexpected("the name of a field"));
        };
        self.advance();
        if self.is("(") {
            let what = format!("calling {name} as a method");
            return Err(
                Problem::Unsupported { what, instead: "use a function, as in len(result)" }.at(position)
            );
        }
        Self::node(position, Shape::Text(name))
    }

    /// What is between brackets, with the closing one.
    fn index(&mut self) -> Result<Node, ParseError> {
        let index = self.expression(0)?;
        self.expect("]", "`]`")?;
        Ok(index)
    }

    /// An element, or a part.
    fn brackets(&mut self, position: usize, base: Node) -> Result<Node, ParseError> {
        let from = if self.is(":") { None } else { Some(self.expression(0)?) };
        if !self.accept(":") {
            self.expect("]", "`]`")?;
            let index = from.ok_or_else(|| self.unexpected("an index"))?;
            return Self::access(position, base, index, false);
        }
        let to = if self.is("]") { None } else { Some(self.expression(0)?) };
        self.expect("]", "`]`")?;
        Self::node(position, Shape::Slice(Box::new(base), from.map(Box::new), to.map(Box::new)))
    }

    fn primary(&mut self) -> Result<Node, ParseError> {
        let position = self.position();
        let shape = match self.peek().clone() {
            Token::Integer(number) => Shape::Integer(number),
            Token::Float(number) => Shape::Float(number),
            Token::Text(text) => Shape::Text(text),
            Token::Element(name) => self.element(&name)?,
            Token::Symbol(".") if self.predicates > 0 => {
                self.advance();
                let index = self.field()?;
                let element = Self::node(position, Shape::Element)?;
                return Self::access(position, element, index, false);
            }
            Token::Symbol("(") => {
                self.advance();
                let inner = self.expression(0)?;
                self.expect(")", "an operator or `)`")?;
                return Ok(inner);
            }
            Token::Symbol("[") => return self.list(),
            Token::Symbol("{") => return self.map(),
            Token::Name(name) => match name.as_str() {
                "nil" => Shape::Nil,
                "true" => Shape::Bool(true),
                "false" => Shape::Bool(false),
                "result" => Shape::Result,
                _ => return self.named(&name),
            },
            Token::Symbol(_) | Token::End => return Err(self.unexpected("a value")),
        };
        self.advance();
        Self::node(position, shape)
    }

    fn element(&self, name: &str) -> Result<Shape, ParseError> {
        let written = || format!("#{name}");
        if self.predicates == 0 {
            return Err(Problem::NoElement(written()).at(self.position()));
        }
        match name {
            "" => Ok(Shape::Element),
            "index" => Ok(Shape::ElementIndex),
            _ => {
                let instead = "there are # and #index; use sum, max, min, count or mean";
                Err(Problem::Unsupported { what: written(), instead }.at(self.position()))
            }
        }
    }

    /// A name that is neither a value nor `result`.
    fn named(&mut self, name: &str) -> Result<Node, ParseError> {
        let position = self.position();
        self.advance();
        let is_call = self.is("(");
        if is_call && let Some(function) = Function::find(name) {
            return self.call(position, function, None);
        }
        let instead = refused::name(name).or_else(|| if is_call { refused::function(name) } else { None });
        let problem = match instead {
            Some(instead) => Problem::Unsupported { what: name.to_owned(), instead },
            None if is_call => Problem::UnknownFunction(name.to_owned()),
            None => Problem::UnknownName(name.to_owned()),
        };
        Err(problem.at(position))
    }

    /// What stands after `|`: a call that gets what is before it as its first argument.
    pub(crate) fn pipe(&mut self, before: Node) -> Result<Node, ParseError> {
        let position = self.position();
        let Token::Name(name) = self.peek().clone() else {
            return Err(self.unexpected("a function"));
        };
        match Function::find(&name) {
            Some(function) => {
                self.advance();
                if !self.is("(") {
                    return Err(self.unexpected("`(` and the other arguments"));
                }
                self.call(position, function, Some(before))
            }
            None => self.named(&name),
        }
    }

    /// The arguments of a function, with the parentheses.
    fn call(&mut self, position: usize, function: Function, first: Option<Node>) -> Result<Node, ParseError> {
        self.expect("(", "`(`")?;
        let mut arguments: Vec<Node> = first.into_iter().collect();
        while !self.accept(")") {
            let argument = if function.takes_predicate() && arguments.len() == 1 {
                self.predicate()?
            } else {
                self.expression(0)?
            };
            arguments.push(argument);
            if !self.accept(",") {
                self.expect(")", "`,` or `)`")?;
                break;
            }
        }
        let (least, most) = function.arguments();
        if arguments.len() < least || most.is_some_and(|most| arguments.len() > most) {
            let problem = Problem::Arguments {
                function: function.name(),
                takes: function.signature(),
                given: arguments.len(),
            };
            return Err(problem.at(position));
        }
        Self::node(position, Shape::Call(function, arguments))
    }

    fn predicate(&mut self) -> Result<Node, ParseError> {
        self.predicates += 1;
        let node = if self.accept("{") {
            let node = self.expression(0)?;
            self.expect("}", "an operator or `}`")?;
            node
        } else {
            self.expression(0)?
        };
        self.predicates -= 1;
        Ok(node)
    }

    fn list(&mut self) -> Result<Node, ParseError> {
        let position = self.position();
        self.expect("[", "`[`")?;
        let mut elements = Vec::new();
        while !self.accept("]") {
            elements.push(self.expression(0)?);
            if !self.accept(",") {
                self.expect("]", "`,` or `]`")?;
                break;
            }
        }
        Self::node(position, Shape::List(elements))
    }

    fn map(&mut self) -> Result<Node, ParseError> {
        let position = self.position();
        self.expect("{", "`{`")?;
        let mut entries = Vec::new();
        while !self.accept("}") {
            let (Token::Name(key) | Token::Text(key)) = self.peek().clone() else {
                return Err(self.unexpected("a key: a name or text"));
            };
            self.advance();
            self.expect(":", "`:` and a value")?;
            entries.push((key, self.expression(0)?));
            if !self.accept(",") {
                self.expect("}", "`,` or `}`")?;
                break;
            }
        }
        Self::node(position, Shape::Map(entries))
    }
}
