//! What expr-lang has and Tidegate does not, with what to write instead.

/// What to write instead of a function of expr-lang; none: it has no such function, or it is served.
pub(crate) fn function(name: &str) -> Option<&'static str> {
    Some(match name {
        "reduce" => "use sum, max, min, count or mean, which may take a predicate or a list made by map",
        "findIndex" | "findLast" | "findLastIndex" => "use find or filter",
        "groupBy" | "sortBy" | "uniq" | "flatten" | "concat" | "take" | "reverse" | "sort" => {
            "select and order the values in the query or the JSON path of the metric"
        }
        "now" | "date" | "duration" | "timezone" => {
            "a condition must not depend on the time it is evaluated at; compare numbers, and let the query do what depends on time"
        }
        "fromJSON" | "toJSON" | "fromBase64" | "toBase64" | "toPairs" | "fromPairs" => {
            "let the metric's JSON path select the value"
        }
        "splitAfter" | "replace" | "repeat" | "indexOf" | "lastIndexOf" | "hasPrefix" | "hasSuffix"
        | "trimPrefix" | "trimSuffix" => "use split, contains, startsWith, endsWith or matches",
        "bitand" | "bitor" | "bitxor" | "bitnand" | "bitnot" | "bitshl" | "bitshr" | "bitushr" => {
            "compare numbers, or let the query compute them"
        }
        "get" => "use result[\"key\"], which is nil for a key that is not there, or ?. and ??",
        _ => return None,
    })
}

/// What to write instead of a name of expr-lang that is no function.
pub(crate) fn name(name: &str) -> Option<&'static str> {
    Some(match name {
        "let" => "write the expression where it is used",
        "if" | "else" => "write condition ? a : b",
        "null" | "undefined" | "None" => "write nil",
        "True" | "TRUE" => "write true",
        "False" | "FALSE" => "write false",
        "$env" => "there is only `result`",
        _ => return None,
    })
}

/// What to write instead of a symbol of expr-lang.
pub(crate) fn symbol(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        ";" => "write one expression; use `and`, `or` to combine several",
        "=" => "write == to compare",
        "::" => "call the function by its name",
        "?:" => "write a ?? b where a may be nil, or a ? b : c",
        "&" => "write && or and",
        _ => return None,
    })
}
