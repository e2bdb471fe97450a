//! An expression as text that parses into the same expression.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::syntax::{Node, Shape, Unary};

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Nil => f.write_str("nil"),
            Shape::Bool(flag) => write!(f, "{flag}"),
            Shape::Integer(number) => write!(f, "{number}"),
            Shape::Float(number) => write!(f, "{number:?}"),
            Shape::Text(text) => quoted(f, text),
            Shape::Result => f.write_str("result"),
            Shape::Element => f.write_str("#"),
            Shape::ElementIndex => f.write_str("#index"),
            Shape::List(nodes) => {
                f.write_char('[')?;
                separated(f, nodes)?;
                f.write_char(']')
            }
            Shape::Map(entries) => {
                f.write_char('{')?;
                for (index, (key, node)) in entries.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    quoted(f, key)?;
                    write!(f, ": {node}")?;
                }
                f.write_char('}')
            }
            Shape::Unary(operator, node) => {
                f.write_str(match operator {
                    Unary::Not => "not ",
                    Unary::Negate => "-",
                    Unary::Plus => "+",
                })?;
                operand(f, node)
            }
            Shape::Binary(operator, left, right) => {
                operand(f, left)?;
                write!(f, " {} ", operator.symbol())?;
                operand(f, right)
            }
            Shape::Matches(node, pattern) => {
                operand(f, node)?;
                f.write_str(" matches ")?;
                quoted(f, pattern.as_str())
            }
            Shape::Conditional(nodes) => {
                let [condition, yes, no] = nodes.as_ref();
                operand(f, condition)?;
                f.write_str(" ? ")?;
                operand(f, yes)?;
                f.write_str(" : ")?;
                operand(f, no)
            }
            Shape::Index { base, index, optional } => {
                operand(f, base)?;
                write!(f, "{}[{index}]", if *optional { "?." } else { "" })
            }
            Shape::Slice(base, from, to) => {
                operand(f, base)?;
                f.write_char('[')?;
                from.iter().try_for_each(|node| operand(f, node))?;
                f.write_char(':')?;
                to.iter().try_for_each(|node| operand(f, node))?;
                f.write_char(']')
            }
            Shape::Chain(node) => write!(f, "{node}"),
            Shape::Call(function, arguments) => {
                write!(f, "{}(", function.name())?;
                let is_predicate = |index| function.takes_predicate() && index == 1;
                for (index, node) in arguments.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    if is_predicate(index) {
                        write!(f, "{{{node}}}")?;
                    } else {
                        write!(f, "{node}")?;
                    }
                }
                f.write_char(')')
            }
        }
    }
}

/// In parentheses, unless nothing can bind into it.
fn operand(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    let is_closed = matches!(
        node.shape,
        Shape::Nil
            | Shape::Bool(_)
            | Shape::Text(_)
            | Shape::Result
            | Shape::Element
            | Shape::ElementIndex
            | Shape::List(_)
            | Shape::Map(_)
            | Shape::Call(..)
            | Shape::Index { .. }
            | Shape::Slice(..)
    );
    if is_closed { write!(f, "{node}") } else { write!(f, "({node})") }
}

fn separated(f: &mut Formatter<'_>, nodes: &[Node]) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        f.write_str(if index > 0 { ", " } else { "" })?;
        write!(f, "{node}")?;
    }
    Ok(())
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}
