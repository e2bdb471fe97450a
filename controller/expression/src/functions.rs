//! The functions that there are: names and arguments. What they do is in `lists` and `numbers`.

/// A function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(pub(crate) Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    All,
    Any,
    None,
    One,
    Filter,
    Map,
    Count,
    Find,
    Sum,
    Max,
    Min,
    Mean,
    Median,
    Len,
    First,
    Last,
    Keys,
    Values,
    Abs,
    Ceil,
    Floor,
    Round,
    Int,
    Float,
    String,
    Type,
    Lower,
    Upper,
    Trim,
    Split,
    Join,
    AsInt,
    AsFloat,
    IsNaN,
    IsInf,
    IsNil,
    Default,
}

/// Name, signature, least and most arguments, whether the second is a predicate.
struct Entry(Kind, &'static str, &'static str, usize, Option<usize>, bool);

const TABLE: [Entry; 37] = [
    Entry(Kind::All, "all", "all(list, predicate): whether it holds for each element", 2, Some(2), true),
    Entry(Kind::Any, "any", "any(list, predicate): whether it holds for an element", 2, Some(2), true),
    Entry(Kind::None, "none", "none(list, predicate): whether it holds for no element", 2, Some(2), true),
    Entry(
        Kind::One,
        "one",
        "one(list, predicate): whether it holds for exactly one element",
        2,
        Some(2),
        true,
    ),
    Entry(
        Kind::Filter,
        "filter",
        "filter(list, predicate): the elements for which it holds",
        2,
        Some(2),
        true,
    ),
    Entry(Kind::Map, "map", "map(list, expression): what it gives for each element", 2, Some(2), true),
    Entry(Kind::Count, "count", "count(list [, predicate]): for how many it holds", 1, Some(2), true),
    Entry(
        Kind::Find,
        "find",
        "find(list, predicate): the first for which it holds, or nil",
        2,
        Some(2),
        true,
    ),
    Entry(Kind::Sum, "sum", "sum(list [, expression])", 1, Some(2), true),
    Entry(Kind::Max, "max", "max(numbers or lists of them, ...)", 1, None, false),
    Entry(Kind::Min, "min", "min(numbers or lists of them, ...)", 1, None, false),
    Entry(Kind::Mean, "mean", "mean(numbers or lists of them, ...); 0 of none", 1, None, false),
    Entry(Kind::Median, "median", "median(numbers or lists of them, ...); 0 of none", 1, None, false),
    Entry(Kind::Len, "len", "len(list, map or text): elements, or characters", 1, Some(1), false),
    Entry(Kind::First, "first", "first(list), nil when it is empty", 1, Some(1), false),
    Entry(Kind::Last, "last", "last(list), nil when it is empty", 1, Some(1), false),
    Entry(Kind::Keys, "keys", "keys(map), sorted", 1, Some(1), false),
    Entry(Kind::Values, "values", "values(map), by sorted keys", 1, Some(1), false),
    Entry(Kind::Abs, "abs", "abs(number)", 1, Some(1), false),
    Entry(Kind::Ceil, "ceil", "ceil(number)", 1, Some(1), false),
    Entry(Kind::Floor, "floor", "floor(number)", 1, Some(1), false),
    Entry(Kind::Round, "round", "round(number), halves away from zero", 1, Some(1), false),
    Entry(Kind::Int, "int", "int(number or text)", 1, Some(1), false),
    Entry(Kind::Float, "float", "float(number or text)", 1, Some(1), false),
    Entry(Kind::String, "string", "string(text, number, boolean or nil)", 1, Some(1), false),
    Entry(Kind::Type, "type", "type(value): nil, bool, int, float, string, array or map", 1, Some(1), false),
    Entry(Kind::Lower, "lower", "lower(text)", 1, Some(1), false),
    Entry(Kind::Upper, "upper", "upper(text)", 1, Some(1), false),
    Entry(Kind::Trim, "trim", "trim(text)", 1, Some(1), false),
    Entry(Kind::Split, "split", "split(text, separator)", 2, Some(2), false),
    Entry(Kind::Join, "join", "join(list of texts [, separator])", 1, Some(2), false),
    Entry(Kind::AsInt, "asInt", "asInt(number or text)", 1, Some(1), false),
    Entry(Kind::AsFloat, "asFloat", "asFloat(number or text)", 1, Some(1), false),
    Entry(Kind::IsNaN, "isNaN", "isNaN(number)", 1, Some(1), false),
    Entry(Kind::IsInf, "isInf", "isInf(number)", 1, Some(1), false),
    Entry(Kind::IsNil, "isNil", "isNil(value)", 1, Some(1), false),
    Entry(
        Kind::Default,
        "default",
        "default(value, other): the other when the value is nil",
        2,
        Some(2),
        false,
    ),
];

/// All functions.
pub fn functions() -> impl Iterator<Item = Function> {
    TABLE.iter().map(|entry| Function(entry.0))
}

/// Their names, for messages.
pub(crate) fn names() -> String {
    let names: Vec<_> = functions().map(Function::name).collect();
    names.join(", ")
}

impl Function {
    pub(crate) fn find(name: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.1 == name).map(|entry| Self(entry.0))
    }

    fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.0 == self.0)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().map_or("", |entry| entry.1)
    }

    /// Its arguments and what it gives.
    pub fn signature(self) -> &'static str {
        self.entry().map_or("", |entry| entry.2)
    }

    /// The least and the most arguments.
    pub(crate) fn arguments(self) -> (usize, Option<usize>) {
        self.entry().map_or((0, None), |entry| (entry.3, entry.4))
    }

    pub(crate) fn takes_predicate(self) -> bool {
        self.entry().is_some_and(|entry| entry.5)
    }

    /// What it gives, when that is no boolean.
    pub(crate) const fn not_boolean(self) -> Option<&'static str> {
        match self.0 {
            Kind::Count
            | Kind::Sum
            | Kind::Max
            | Kind::Min
            | Kind::Mean
            | Kind::Median
            | Kind::Len
            | Kind::Abs
            | Kind::Ceil
            | Kind::Floor
            | Kind::Round
            | Kind::Int
            | Kind::Float
            | Kind::AsInt
            | Kind::AsFloat => Some("a number"),
            Kind::Filter | Kind::Map | Kind::Keys | Kind::Values | Kind::Split => Some("a list"),
            Kind::String | Kind::Type | Kind::Lower | Kind::Upper | Kind::Trim | Kind::Join => Some("text"),
            Kind::All
            | Kind::Any
            | Kind::None
            | Kind::One
            | Kind::Find
            | Kind::First
            | Kind::Last
            | Kind::IsNaN
            | Kind::IsInf
            | Kind::IsNil
            | Kind::Default => None,
        }
    }
}
