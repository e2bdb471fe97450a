//! The expression language of `successCondition` and `failureCondition`: what a measurement must be like to count as good or
//! bad. A condition is parsed once, up front, and evaluated with the measured value as `result`.
//!
//! ```
//! use tidegate_expression::{Condition, Value};
//!
//! let condition = Condition::parse("len(result) > 0 and all(result, # < 0.05)")?;
//! let result = Value::from_json(&serde_json::json!([0.01, 0.02]))?;
//! assert!(condition.evaluate(&result)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Why an evaluator of our own
//! Argo Rollouts uses expr-lang, a Go library. There is a port, the crate `expr-lang` (tried at 2.1.0). Its values and operators
//! are right, but it is made for expressions that one trusts. Nothing bounds the depth of what it parses, the steps of what it
//! runs or the memory of what it builds: twenty thousand parentheses overflow the stack, `len(0..1000000000)` asks for 72 GB and
//! aborts, and two nested `filter` over a hundred thousand numbers run for minutes. In a controller that evaluates what its
//! tenants write, each of them ends or stalls the process for everybody. A name or a function that does not exist is an error
//! only when it is reached, not when a template is checked; errors have no position; and integers wrap when they overflow, where
//! a condition about traffic should rather say that it cannot be decided. CEL differs in operators, in the names of functions
//! and in what nil means.
//!
//! # Grammar
//! `docs/analysis.md` has it, too, for who writes conditions.
//!
//! ```text
//! condition   = expression
//! expression  = binary [ "?" expression ":" expression ]
//! binary      = operators over unary, by precedence, all from the left except ** and ^:
//!                 |                                                  pipe: a | f(b) is f(a, b)
//!                 or ||
//!                 and &&
//!                 == != < > <= >= in matches contains startsWith endsWith, each of the words also after "not"
//!                 ..                                                 whole numbers from, to
//!                 + -
//!                 * / %
//!                 ** ^                                               from the right
//!                 ??                                                 not beside another operator without parentheses
//! unary       = ( "not" | "!" ) binary above * | ( "-" | "+" ) binary above ** | postfix
//! postfix     = primary { "." name | "?." name | "[" expression "]" | "?." "[" expression "]"
//!                       | "[" [ expression ] ":" [ expression ] "]" }
//! primary     = "result" | "nil" | "true" | "false" | number | text | list | map | "(" expression ")"
//!             | function "(" [ expression { "," expression } ] ")"
//!             | "#" | "#index" | "." name                              in a predicate only
//! list        = "[" [ expression { "," expression } [ "," ] ] "]"
//! map         = "{" [ key ":" expression { "," key ":" expression } [ "," ] ] "}",  key = name | text
//! predicate   = "{" expression "}" | expression                        second argument of all, any, none, one, filter, map, ...
//! number      = 1 | 1_000 | 0x1f | 0b1 | 0o7 | 1.5 | .5 | 1e3
//! text        = "..." | '...' with \n \r \t \\ \" \' \/ \b \f \uXXXX | `...` as it is
//! ```
//! Comments are `// ...` and `/* ... */`. The functions are those of [`functions`]; what else expr-lang has is refused by name,
//! with what to write instead.
//!
//! # Meaning
//! - **Nil is a value.** A key that a map lacks is nil; `??` and `default` replace it; `a?.b` is nil when `a` is, with all that
//!   follows it. Anything else that is asked of nil (`nil.a`, `nil > 1`) is an error with a position, never a panic.
//! - **Numbers** are 64-bit integers and floats; those in a result are floats, as JSON is decoded in Go. They are equal when their
//!   values are. `/`, `**` and `^` give floats; `%` and `..` take whole numbers only. Integers that overflow are an error.
//! - **NaN** is unequal to everything, and neither less nor greater. `max`, `min`, `sum`, `mean` and `median` of anything with NaN
//!   are NaN.
//! - Values of different kinds are unequal; ordering them is an error. There is no truthiness: `and`, `or`, `not` and `?` take
//!   booleans, and a condition must be one.
//! - `matches` takes a pattern that is written out, in the syntax that Go and the crate `regex` share; it is compiled when the
//!   condition is parsed, and matching takes linear time.
//!
//! # Bounds
//! A condition has at most [`limits::SOURCE_BYTES`] bytes and [`limits::DEPTH`] levels, runs at most [`limits::STEPS`] steps and
//! builds at most [`limits::CELLS`] elements and bytes. The same condition and result always give the same answer.
#![forbid(unsafe_code)]

mod budget;
mod condition;
mod error;
mod evaluate;
mod functions;
pub mod limits;
mod lists;
mod mentions;
mod numbers;
mod operators;
mod parse;
mod parse_primary;
mod print;
mod refused;
mod syntax;
#[cfg(test)]
mod tests;
mod token;
mod value;

pub use condition::{Condition, exercise};
pub use error::{EvaluateError, Fault, ParseError, Problem};
pub use functions::{Function, functions};
pub use value::Value;
