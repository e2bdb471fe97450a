//! Evaluating an expression. Recursion is over the expression alone, whose depth is bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::budget::Budget;
use crate::error::{EvaluateError, Fault};
use crate::functions::{Function, Kind};
use crate::operators::{self, kind};
use crate::syntax::{Binary, Node, Shape, Unary};
use crate::value::Value;
use crate::{lists, numbers};

/// One evaluation.
pub(crate) struct Evaluation<'a> {
    result: &'a Value,
    pub(crate) budget: Budget,
    /// The elements of the predicates around what is evaluated, the innermost last.
    elements: Vec<(Value, usize)>,
}

/// Why an expression has no value here.
pub(crate) enum Stop {
    Error(EvaluateError),
    /// An optional access gave nil; the chain around it is nil.
    Nil,
}

impl Stop {
    pub(crate) fn into_error(self) -> EvaluateError {
        match self {
            Self::Error(error) => error,
            // The parser puts a chain around every optional access.
            Self::Nil => Fault::Nil("value".to_owned()).at(0),
        }
    }
}

type Outcome = Result<Value, Stop>;

fn place<T>(position: usize, outcome: Result<T, Fault>) -> Result<T, Stop> {
    outcome.map_err(|fault| Stop::Error(fault.at(position)))
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(result: &'a Value) -> Self {
        Self { result, budget: Budget::new(), elements: Vec::new() }
    }

    pub(crate) fn evaluate(&mut self, node: &Node) -> Outcome {
        let position = node.position;
        place(position, self.budget.step())?;
        Ok(match &node.shape {
            Shape::Nil => Value::Nil,
            Shape::Bool(flag) => Value::Bool(*flag),
            Shape::Integer(number) => Value::Integer(*number),
            Shape::Float(number) => Value::Float(*number),
            Shape::Text(text) => {
                place(position, self.budget.build(text.len()))?;
                Value::text(text)
            }
            Shape::Result => self.result.clone(),
            Shape::Element => self.elements.last().map_or(Value::Nil, |(element, _)| element.clone()),
            Shape::ElementIndex => {
                let index = self.elements.last().map_or(0, |(_, index)| *index);
                Value::Integer(i64::try_from(index).unwrap_or(i64::MAX))
            }
            Shape::List(nodes) => {
                place(position, self.budget.build(nodes.len()))?;
                Value::List(nodes.iter().map(|node| self.evaluate(node)).collect::<Result<_, _>>()?)
            }
            Shape::Map(entries) => {
                place(position, self.budget.build(entries.len()))?;
                let mut map = BTreeMap::new();
                for (key, node) in entries {
                    place(position, self.budget.build(key.len()))?;
                    map.insert(Arc::from(key.as_str()), self.evaluate(node)?);
                }
                Value::Map(Arc::new(map))
            }
            Shape::Unary(operator, operand) => {
                let operand = self.evaluate(operand)?;
                match operator {
                    Unary::Not => Value::Bool(!place(position, operators::boolean("not", &operand))?),
                    Unary::Negate => place(position, numbers::negate(&operand))?,
                    Unary::Plus => place(position, numbers::plus(operand))?,
                }
            }
            Shape::Binary(operator, left, right) => self.binary(position, *operator, left, right)?,
            Shape::Matches(operand, pattern) => match self.evaluate(operand)? {
                Value::Nil => Value::Bool(false),
                Value::Text(text) => {
                    place(position, self.budget.search(&text))?;
                    Value::Bool(pattern.is_match(&text))
                }
                other => return place(position, Err(kind("matches", "text", &other))),
            },
            Shape::Conditional(nodes) => {
                let [condition, yes, no] = nodes.as_ref();
                let condition = self.evaluate(condition)?;
                let holds = place(position, operators::boolean("?", &condition))?;
                self.evaluate(if holds { yes } else { no })?
            }
            Shape::Index { base, index, optional } => {
                let base = self.evaluate(base)?;
                if *optional && base == Value::Nil {
                    return Err(Stop::Nil);
                }
                let index = self.evaluate(index)?;
                place(position, lists::element(&base, &index))?
            }
            Shape::Slice(base, from, to) => {
                let base = self.evaluate(base)?;
                let mut bound =
                    |node: &Option<Box<Node>>| node.as_ref().map(|node| self.evaluate(node)).transpose();
                let (from, to) = (bound(from)?, bound(to)?);
                place(position, lists::slice(&base, from.as_ref(), to.as_ref(), &mut self.budget))?
            }
            Shape::Chain(inner) => match self.evaluate(inner) {
                Err(Stop::Nil) => Value::Nil,
                other => other?,
            },
            Shape::Call(function, arguments) => self.call(position, *function, arguments)?,
        })
    }

    fn binary(&mut self, position: usize, operator: Binary, left: &Node, right: &Node) -> Outcome {
        let left = self.evaluate(left)?;
        // What the left side decides alone.
        match operator {
            Binary::And | Binary::Or => {
                let name = operator.symbol();
                let holds = place(position, operators::boolean(name, &left))?;
                if holds == (operator == Binary::Or) {
                    return Ok(Value::Bool(holds));
                }
                let right = self.evaluate(right)?;
                return Ok(Value::Bool(place(position, operators::boolean(name, &right))?));
            }
            Binary::Coalesce if left != Value::Nil => return Ok(left),
            Binary::Coalesce => return self.evaluate(right),
            _ => {}
        }
        let right = self.evaluate(right)?;
        place(position, operators::binary(operator, &left, &right, &mut self.budget))
    }

    fn call(&mut self, position: usize, function: Function, arguments: &[Node]) -> Outcome {
        if function.takes_predicate()
            && let [list, rest @ ..] = arguments
        {
            return self.over_list(position, function, list, rest.first());
        }
        place(position, self.budget.build(arguments.len()))?;
        let arguments: Vec<Value> =
            arguments.iter().map(|argument| self.evaluate(argument)).collect::<Result<_, _>>()?;
        let budget = &mut self.budget;
        let outcome = match (function.0, arguments.as_slice()) {
            (Kind::IsNil, [value]) => Ok(Value::Bool(*value == Value::Nil)),
            (Kind::Default, [Value::Nil, other]) => Ok(other.clone()),
            (Kind::Default, [value, _]) => Ok(value.clone()),
            (Kind::Type, [value]) => Ok(Value::text(value.type_name())),
            (Kind::Max | Kind::Min | Kind::Mean | Kind::Median, values) => {
                numbers::all(function, values, budget)
            }
            (_, [value]) => match lists::unary(function, value, budget) {
                Some(outcome) => outcome,
                None => numbers::unary(function, value, budget),
            },
            (_, [value, other]) => lists::binary(function, value, other, budget),
            // The parser has counted the arguments.
            _ => Ok(Value::Nil),
        };
        place(position, outcome)
    }

    /// A function that goes through a list, with a predicate or something else to evaluate for each element.
    fn over_list(
        &mut self,
        position: usize,
        function: Function,
        list: &Node,
        predicate: Option<&Node>,
    ) -> Outcome {
        let list = match self.evaluate(list)? {
            Value::List(list) => list,
            other => return place(position, Err(kind(function.name(), "a list", &other))),
        };
        let mut count = 0_i64;
        let mut kept = Vec::new();
        for (index, element) in list.iter().enumerate() {
            place(position, self.budget.step())?;
            let given = match predicate {
                Some(predicate) => self.for_element(element, index, predicate)?,
                None => element.clone(),
            };
            if matches!(function.0, Kind::Map | Kind::Sum) {
                place(position, self.budget.build(1))?;
                kept.push(given);
                continue;
            }
            let holds = place(position, operators::boolean(function.name(), &given))?;
            count += i64::from(holds);
            match function.0 {
                Kind::All if !holds => return Ok(Value::Bool(false)),
                Kind::Any if holds => return Ok(Value::Bool(true)),
                Kind::None if holds => return Ok(Value::Bool(false)),
                Kind::Find if holds => return Ok(element.clone()),
                Kind::Filter if holds => {
                    place(position, self.budget.build(1))?;
                    kept.push(element.clone());
                }
                _ => {}
            }
        }
        Ok(match function.0 {
            Kind::Map | Kind::Filter => Value::List(kept.into()),
            Kind::Sum => place(position, numbers::sum(&kept))?,
            Kind::Count => Value::Integer(count),
            Kind::One => Value::Bool(count == 1),
            Kind::Any => Value::Bool(false),
            Kind::Find => Value::Nil,
            _ => Value::Bool(true),
        })
    }

    fn for_element(&mut self, element: &Value, index: usize, predicate: &Node) -> Outcome {
        self.elements.push((element.clone(), index));
        let outcome = self.evaluate(predicate);
        self.elements.pop();
        outcome
    }
}
