//! What a condition is parsed into.

use regex::Regex;

use crate::functions::Function;

/// An expression and where it stands: for an operator, the operator's place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) position: usize,
    pub(crate) shape: Shape,
    /// Levels of nodes, this one included.
    pub(crate) depth: usize,
}

/// The forms of an expression.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    /// `result`.
    Result,
    /// `#` of the innermost predicate.
    Element,
    /// `#index` of the innermost predicate.
    ElementIndex,
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    /// `matches` with its pattern, compiled.
    Matches(Box<Node>, Regex),
    Conditional(Box<[Node; 3]>),
    /// A field or an element; `optional`: nil of nil.
    Index {
        base: Box<Node>,
        index: Box<Node>,
        optional: bool,
    },
    /// From, to; either may be left out.
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    /// Where an optional access ends that gave nil.
    Chain(Box<Node>),
    /// A function; one with a predicate has that as its second argument.
    Call(Function, Vec<Node>),
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Negate,
    Plus,
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Coalesce,
}

/// The precedence of `|`.
pub(crate) const PIPE: u32 = 0;
/// The precedence of `not` and `!`.
pub(crate) const NOT: u32 = 50;
/// The precedence of signs.
pub(crate) const SIGN: u32 = 90;

impl Binary {
    /// By the spelling in a condition.
    pub(crate) fn find(word: &str) -> Option<Self> {
        Some(match word {
            "or" | "||" => Self::Or,
            "and" | "&&" => Self::And,
            "==" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            ">" => Self::Greater,
            "<=" => Self::LessOrEqual,
            ">=" => Self::GreaterOrEqual,
            "in" => Self::In,
            "matches" => Self::Matches,
            "contains" => Self::Contains,
            "startsWith" => Self::StartsWith,
            "endsWith" => Self::EndsWith,
            ".." => Self::Range,
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Remainder,
            "**" | "^" => Self::Power,
            "??" => Self::Coalesce,
            _ => return None,
        })
    }

    /// How it is written.
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::Greater => ">",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::Matches => "matches",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Range => "..",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Power => "**",
            Self::Coalesce => "??",
        }
    }

    /// The higher, the more tightly it binds; expr-lang's numbers.
    pub(crate) const fn precedence(self) -> u32 {
        match self {
            Self::Or => 10,
            Self::And => 15,
            Self::Equal
            | Self::Unequal
            | Self::Less
            | Self::Greater
            | Self::LessOrEqual
            | Self::GreaterOrEqual
            | Self::In
            | Self::Matches
            | Self::Contains
            | Self::StartsWith
            | Self::EndsWith => 20,
            Self::Range => 25,
            Self::Add | Self::Subtract => 30,
            Self::Multiply | Self::Divide | Self::Remainder => 60,
            Self::Power => 100,
            Self::Coalesce => 500,
        }
    }

    /// Whether it orders its operands.
    pub(crate) const fn is_ordering(self) -> bool {
        matches!(self, Self::Less | Self::Greater | Self::LessOrEqual | Self::GreaterOrEqual)
    }

    /// Whether it may stand after `not`.
    pub(crate) const fn is_word(self) -> bool {
        matches!(self, Self::In | Self::Matches | Self::Contains | Self::StartsWith | Self::EndsWith)
    }
}

impl Node {
    /// A node over others; how deep it is follows from them.
    pub(crate) fn new(position: usize, shape: Shape) -> Self {
        let below = match &shape {
            Shape::Nil
            | Shape::Bool(_)
            | Shape::Integer(_)
            | Shape::Float(_)
            | Shape::Text(_)
            | Shape::Result
            | Shape::Element
            | Shape::ElementIndex => 0,
            Shape::List(nodes) | Shape::Call(_, nodes) => deepest(nodes),
            Shape::Map(entries) => entries.iter().map(|(_, node)| node.depth).max().unwrap_or_default(),
            Shape::Unary(_, node) | Shape::Matches(node, _) | Shape::Chain(node) => node.depth,
            Shape::Binary(_, left, right) => left.depth.max(right.depth),
            Shape::Index { base, index, .. } => base.depth.max(index.depth),
            Shape::Conditional(nodes) => deepest(nodes.as_slice()),
            Shape::Slice(base, from, to) => {
                let bounds = from.iter().chain(to).map(|node| node.depth).max().unwrap_or_default();
                base.depth.max(bounds)
            }
        };
        Self { position, shape, depth: below + 1 }
    }

    /// What it gives, when that is certain and no boolean.
    pub(crate) fn not_boolean(&self) -> Option<&'static str> {
        match &self.shape {
            Shape::Nil => Some("nil"),
            Shape::Integer(_) | Shape::Float(_) | Shape::Unary(Unary::Negate | Unary::Plus, _) => {
                Some("a number")
            }
            Shape::ElementIndex => Some("a whole number"),
            Shape::Text(_) => Some("text"),
            Shape::List(_) | Shape::Slice(..) => Some("a list"),
            Shape::Map(_) => Some("a map"),
            Shape::Binary(operator, _, right) => match operator {
                Binary::Add => Some("a number or text"),
                Binary::Range => Some("a list"),
                Binary::Coalesce => right.not_boolean(),
                Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder | Binary::Power => {
                    Some("a number")
                }
                _ => None,
            },
            Shape::Conditional(nodes) => {
                let [_, yes, no] = nodes.as_ref();
                yes.not_boolean().or_else(|| no.not_boolean())
            }
            Shape::Chain(node) => node.not_boolean(),
            Shape::Call(function, _) => function.not_boolean(),
            Shape::Bool(_)
            | Shape::Result
            | Shape::Element
            | Shape::Unary(Unary::Not, _)
            | Shape::Matches(..)
            | Shape::Index { .. } => None,
        }
    }
}

fn deepest(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| node.depth).max().unwrap_or_default()
}
