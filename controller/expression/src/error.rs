//! Why a condition cannot be parsed or evaluated.

use crate::limits;

/// A condition that is refused before anything is evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {problem}", position + 1)]
pub struct ParseError {
    /// Where, as characters before it.
    pub position: usize,
    /// What is wrong and what to do.
    pub problem: Problem,
}

/// What is wrong with the text of a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More text than a condition may have.
    #[error("the condition is longer than {} bytes; shorten it", limits::SOURCE_BYTES)]
    TooLong,
    /// Nested too deeply.
    #[error(
        "the condition is nested more than {} levels deep; split it into successCondition and failureCondition, or simplify it",
        limits::DEPTH
    )]
    TooDeep,
    /// A character that begins nothing.
    #[error("{0:?} begins nothing in the language; remove it, or put text in quotes")]
    Character(char),
    /// A number that is none, or too large.
    #[error("{0} is no number that can be used; write whole numbers within 64 bits, or floats like 0.95")]
    Number(String),
    /// A text literal without an end.
    #[error("the text has no end; close the quote")]
    UnclosedText,
    /// A comment without an end.
    #[error("the comment has no end; close it with */")]
    UnclosedComment,
    /// An escape that is not known.
    #[error(
        "\\{0} is no escape; use \\n, \\t, \\\\, \\\", \\' or \\uXXXX, or put the text between backticks"
    )]
    Escape(String),
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What could stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A name that means nothing.
    #[error("{0} is not known; there is only `result`, and text must be in quotes")]
    UnknownName(String),
    /// A function that does not exist.
    #[error("there is no function {0}; there are {known}", known = crate::functions::names())]
    UnknownFunction(String),
    /// A function with the wrong number of arguments.
    #[error("{function} takes {takes}, not {given} arguments")]
    Arguments {
        /// Its name.
        function: &'static str,
        /// What it takes.
        takes: &'static str,
        /// How many it was given.
        given: usize,
    },
    /// Something that expr-lang has and Tidegate does not.
    #[error("{what} is not supported; {instead}")]
    Unsupported {
        /// What was written.
        what: String,
        /// What to write.
        instead: &'static str,
    },
    /// An element outside of a predicate.
    #[error(
        "{0} means an element of a list, and there is none here; use it in a predicate, as in all(result, # > 0)"
    )]
    NoElement(String),
    /// A pattern that cannot be compiled.
    #[error("the pattern cannot be used: {0}")]
    Pattern(String),
    /// A condition that can never be true or false.
    #[error("the condition gives {0}, not true or false; compare it with something, as in result > 0.95")]
    NotBoolean(&'static str),
}

impl Problem {
    /// Stable code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLong => "TooLong",
            Self::TooDeep => "TooDeep",
            Self::Character(_) => "UnknownCharacter",
            Self::Number(_) => "InvalidNumber",
            Self::UnclosedText => "UnclosedText",
            Self::UnclosedComment => "UnclosedComment",
            Self::Escape(_) => "InvalidEscape",
            Self::Expected { .. } => "UnexpectedToken",
            Self::UnknownName(_) => "UnknownName",
            Self::UnknownFunction(_) => "UnknownFunction",
            Self::Arguments { .. } => "WrongArguments",
            Self::Unsupported { .. } => "Unsupported",
            Self::NoElement(_) => "NoElement",
            Self::Pattern(_) => "InvalidPattern",
            Self::NotBoolean(_) => "NotBoolean",
        }
    }
}

/// A condition that cannot be decided about this result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {fault}", position + 1)]
pub struct EvaluateError {
    /// Where in the condition, as characters before it.
    pub position: usize,
    /// What went wrong and what to do.
    pub fault: Fault,
}

/// What went wrong in an evaluation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An operator or function that cannot take such a value.
    #[error("{operation} takes {takes}, not {given}{hint}")]
    Kind {
        /// The operator or function.
        operation: &'static str,
        /// What it takes.
        takes: &'static str,
        /// What it was given.
        given: &'static str,
        /// What to do, beginning with `; `, where that can be said.
        hint: &'static str,
    },
    /// A field or an element of nil.
    #[error("nil has no {0}; write ?. or ??, or check isNil first")]
    Nil(String),
    /// An element that a list does not have.
    #[error("index {index} is outside of a list of {length}; check len first")]
    Index {
        /// What was asked for.
        index: i64,
        /// How many elements there are.
        length: usize,
    },
    /// A text cut within a character.
    #[error("{0} is within a character of the text; cut at its edges")]
    Cut(i64),
    /// A whole number that does not fit into 64 bits.
    #[error("{0} overflows 64 bits; use asFloat")]
    Overflow(&'static str),
    /// The remainder of a division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A text or a float that is no such number.
    #[error("{function} cannot make a number of {given}")]
    Number {
        /// The function.
        function: &'static str,
        /// What it was given.
        given: String,
    },
    /// More steps than [`limits::STEPS`].
    #[error("the condition took more than {} steps; look at fewer elements", limits::STEPS)]
    Steps,
    /// More built than [`limits::CELLS`].
    #[error("the condition built more than {} elements; look at fewer", limits::CELLS)]
    Memory,
    /// A result that is nested more deeply than [`limits::RESULT_DEPTH`].
    #[error("the result is nested more than {} levels deep; select a part of it", limits::RESULT_DEPTH)]
    Depth,
}

impl Fault {
    /// Stable code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Kind { .. } => "WrongKind",
            Self::Nil(_) => "NilAccess",
            Self::Index { .. } => "IndexOutOfRange",
            Self::Cut(_) => "InvalidCut",
            Self::Overflow(_) => "Overflow",
            Self::DivisionByZero => "DivisionByZero",
            Self::Number { .. } => "InvalidNumber",
            Self::Steps => "TooManySteps",
            Self::Memory => "TooMuchMemory",
            Self::Depth => "ResultTooDeep",
        }
    }

    pub(crate) const fn at(self, position: usize) -> EvaluateError {
        EvaluateError { position, fault: self }
    }
}

impl Problem {
    pub(crate) const fn at(self, position: usize) -> ParseError {
        ParseError { position, problem: self }
    }
}
