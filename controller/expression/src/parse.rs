//! Tokens into an expression: operators by precedence. Operands are in `parse_primary`.

use regex::RegexBuilder;

use crate::error::{ParseError, Problem};
use crate::limits;
use crate::refused;
use crate::syntax::{Binary, NOT, Node, PIPE, SIGN, Shape, Unary};
use crate::token::{Placed, Token, tokens};

/// Reads a whole text as one expression.
pub(crate) fn parse(source: &str) -> Result<Node, ParseError> {
    let mut parser = Parser { tokens: tokens(source)?, next: 0, depth: 0, predicates: 0 };
    let node = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(node),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

pub(crate) struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
    /// How many predicates are around what is read.
    pub(crate) predicates: usize,
}

impl Parser {
    pub(crate) fn peek(&self) -> &Token {
        self.ahead(0)
    }

    pub(crate) fn ahead(&self, tokens: usize) -> &Token {
        self.tokens.get(self.next + tokens).map_or(&Token::End, |placed| &placed.token)
    }

    pub(crate) fn position(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |placed| placed.position)
    }

    pub(crate) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    pub(crate) fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    /// Takes a symbol if it comes next.
    pub(crate) fn accept(&mut self, symbol: &str) -> bool {
        let is_next = self.is(symbol);
        if is_next {
            self.next += 1;
        }
        is_next
    }

    pub(crate) fn expect(&mut self, symbol: &str, expected: &'static str) -> Result<(), ParseError> {
        if self.accept(symbol) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    pub(crate) fn unexpected(&self, expected: &'static str) -> ParseError {
        let position = self.position();
        let instead = match self.peek() {
            Token::Symbol(symbol) => refused::symbol(symbol).map(|instead| (format!("`{symbol}`"), instead)),
            Token::Name(name) => refused::name(name).map(|instead| (format!("`{name}`"), instead)),
            _ => None,
        };
        match instead {
            Some((what, instead)) => Problem::Unsupported { what, instead }.at(position),
            None => Problem::Expected { expected, found: self.peek().describe() }.at(position),
        }
    }

    /// A node, unless that makes the expression too deep to evaluate.
    pub(crate) fn node(position: usize, shape: Shape) -> Result<Node, ParseError> {
        let node = Node::new(position, shape);
        if node.depth > limits::DEPTH { Err(Problem::TooDeep.at(position)) } else { Ok(node) }
    }

    /// Binary operators of at least this precedence over their operands; at 0 also a conditional.
    pub(crate) fn expression(&mut self, least: u32) -> Result<Node, ParseError> {
        self.depth += 1;
        if self.depth > limits::DEPTH {
            return Err(Problem::TooDeep.at(self.position()));
        }
        let mut left = self.unary()?;
        let mut before: Option<Binary> = None;
        loop {
            let position = self.position();
            if least == PIPE && self.accept("|") {
                left = self.pipe(left)?;
                before = None;
                continue;
            }
            let Some((operator, is_negated)) =
                self.operator().filter(|(found, _)| found.precedence() >= least)
            else {
                break;
            };
            if before.is_some_and(|before| (before == Binary::Coalesce) != (operator == Binary::Coalesce)) {
                return Err(mixed(position));
            }
            if operator.is_ordering() && before.is_some_and(Binary::is_ordering) {
                let what = "a chain of comparisons".to_owned();
                return Err(Problem::Unsupported { what, instead: "write a < b and b < c" }.at(position));
            }
            self.next += 1 + usize::from(is_negated);
            left = self.operation(position, operator, left)?;
            if is_negated {
                left = Self::node(position, Shape::Unary(Unary::Not, Box::new(left)))?;
            }
            before = Some(operator);
        }
        if least == 0 && self.is("?") {
            left = self.conditional(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// The operator that comes next, and whether `not` is before it.
    fn operator(&self) -> Option<(Binary, bool)> {
        let spelled = |token: &Token| match token {
            Token::Symbol(symbol) => Binary::find(symbol),
            Token::Name(name) => Binary::find(name),
            _ => None,
        };
        match self.peek() {
            Token::Name(name) if name == "not" => {
                spelled(self.ahead(1)).filter(|operator| operator.is_word()).map(|operator| (operator, true))
            }
            token => spelled(token).map(|operator| (operator, false)),
        }
    }

    fn operation(&mut self, position: usize, operator: Binary, left: Node) -> Result<Node, ParseError> {
        if operator == Binary::Matches {
            return self.matches(position, left);
        }
        let above = operator.precedence() + u32::from(operator != Binary::Power);
        let right = self.expression(above)?;
        Self::node(position, Shape::Binary(operator, Box::new(left), Box::new(right)))
    }

    /// `matches`, whose pattern is compiled once, here.
    fn matches(&mut self, position: usize, left: Node) -> Result<Node, ParseError> {
        let place = self.position();
        let parentheses = (0..limits::DEPTH).take_while(|_| self.accept("(")).count();
        let Token::Text(pattern) = self.peek().clone() else {
            let what = "a pattern that is computed".to_owned();
            return Err(
                Problem::Unsupported { what, instead: "write the pattern as text after matches" }.at(place)
            );
        };
        self.next += 1;
        for _ in 0..parentheses {
            self.expect(")", "`)`")?;
        }
        let built = RegexBuilder::new(&pattern)
            .size_limit(limits::PATTERN_BYTES)
            .nest_limit(50)
            .build()
            .map_err(|error| Problem::Pattern(one_line(&error.to_string())).at(place))?;
        Self::node(position, Shape::Matches(Box::new(left), built))
    }

    fn conditional(&mut self, condition: Node) -> Result<Node, ParseError> {
        let position = self.position();
        self.expect("?", "`?`")?;
        let yes = self.expression(0)?;
        self.expect(":", "`:` and what holds otherwise")?;
        let no = self.expression(0)?;
        Self::node(position, Shape::Conditional(Box::new([condition, yes, no])))
    }

    fn unary(&mut self) -> Result<Node, ParseError> {
        let position = self.position();
        let (operator, binds) = match self.peek() {
            Token::Name(name) if name == "not" => (Unary::Not, NOT),
            Token::Symbol("!") => (Unary::Not, NOT),
            Token::Symbol("-") => (Unary::Negate, SIGN),
            Token::Symbol("+") => (Unary::Plus, SIGN),
            _ => return self.postfix(),
        };
        self.next += 1;
        let operand = self.expression(binds)?;
        Self::node(position, Shape::Unary(operator, Box::new(operand)))
    }
}

fn mixed(position: usize) -> ParseError {
    let what = "?? beside another operator".to_owned();
    Problem::Unsupported { what, instead: "put parentheses around it, as in (result ?? 0) > 1" }.at(position)
}

/// The last line of a message that spans several, which says what is wrong.
fn one_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
}
