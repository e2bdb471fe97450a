//! Tables of what conditions mean, and properties that hold of any text and any JSON.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::condition::value_of;
use crate::{Condition, EvaluateError, Fault, ParseError, Problem, Value, exercise, functions, limits};

fn decide(condition: &str, result: &Json) -> Result<bool, String> {
    let condition = Condition::parse(condition).map_err(|error| error.to_string())?;
    condition.evaluate(&Value::from_json(result).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn what_argo_documents_means_the_same() {
    let data = json!({"ok": true, "successPercent": 0.95});
    for (condition, result, expected) in [
        ("result[0] >= 0.95", json!([0.99]), true),
        ("result[0] >= 0.95", json!([0.9]), false),
        ("result == true", json!(true), true),
        ("result == 'true'", json!("true"), true),
        ("result == \"true\"", json!(true), false),
        ("result.ok && result.successPercent >= 0.90", data.clone(), true),
        ("result.ok && result.successPercent > 0.95", data, false),
        ("asFloat(result) >= 0.90", json!("0.91"), true),
        ("asFloat(result) >= 0.90", json!(0.89), false),
        ("asInt(result) > 3", json!("4"), true),
        ("all(result, # < 1000)", json!([1, 2, 999]), true),
        ("all(result, {# < 1000})", json!([1, 2, 1000]), false),
        ("result >= 10", json!(10), true),
        ("isNaN(result[0]) || result[0] > 0.9", json!([0.95]), true),
        ("default(result, 0) < 0.05", json!(null), true),
        ("isNil(result) || result > 5", json!(null), true),
        ("result == nil", json!(null), true),
        ("len(result) == 0 or result[0] < 5", json!([]), true),
        ("result.data.result[0].value[1] == '0'", json!({"data": {"result": [{"value": [1, "0"]}]}}), true),
    ] {
        assert_eq!(decide(condition, &result), Ok(expected), "{condition} of {result}");
    }
}

#[test]
fn numbers_that_json_does_not_have_are_values() {
    let holds = |condition: &str, number: f64| {
        Condition::parse(condition).unwrap().evaluate(&Value::floats(&[number])).unwrap()
    };
    assert!(holds("isNaN(result[0])", f64::NAN));
    assert!(!holds("result[0] > 0 or result[0] <= 0 or result[0] == result[0]", f64::NAN));
    assert!(holds("isNaN(max(result)) and isNaN(mean(result, 1)) and isNaN(sum(result))", f64::NAN));
    assert!(holds("isInf(result[0]) and result[0] > 1e300", f64::INFINITY));
    assert!(!holds("isNaN(result[0])", f64::INFINITY));
    assert!(holds("string(result[0]) == '-Inf'", f64::NEG_INFINITY));
}

#[test]
fn expressions_give_what_expr_lang_gives() {
    let result = json!({"a": {"b": [1, 2, 3]}, "t": "héllo", "n": null, "x y": 7});
    for (source, expected) in [
        ("1 + 2 * 3", "7"),
        ("2 ** 3 ** 2", "512.0"),
        ("-2 ** 2", "-4.0"),
        ("5 / 2", "2.5"),
        ("6 / 2", "3.0"),
        ("7 % 3", "1"),
        ("1 == 1.0", "true"),
        ("1 / 0 > 1e308", "true"),
        ("not true and false", "false"),
        ("not (true and false)", "true"),
        ("!true || true", "true"),
        ("false and 1", "false"),
        ("true or 1", "true"),
        ("1 < 2 == true", "true"),
        ("nil ?? 3", "3"),
        ("1 + nil ?? 2", "3"),
        ("result.n ?? result.a.b[0]", "1.0"),
        ("result?.n?.x.y.z", "Nil"),
        ("result.n?.x == nil", "true"),
        ("(result.n?.x) ?? 'none'", "\"none\""),
        ("result[\"x y\"]", "7.0"),
        ("result.missing", "Nil"),
        ("result.a.b[-1]", "3.0"),
        ("result.a.b[1:]", "[2.0, 3.0]"),
        ("result.a.b[:-1]", "[1.0, 2.0]"),
        ("result.a.b[2:1]", "[]"),
        ("result.a.b[-99:99]", "[1.0, 2.0, 3.0]"),
        ("result.t[1:3]", "\"é\""),
        ("len(result.t)", "5"),
        ("2 in result.a.b", "true"),
        ("\"a\" in result", "true"),
        ("'z' not in result", "true"),
        ("1 in nil", "false"),
        ("result.t matches '^h.l+o$'", "true"),
        ("result.t not matches ('x')", "true"),
        ("nil matches 'x'", "false"),
        ("result.t contains 'll' and result.t startsWith \"h\" and result.t endsWith `o`", "true"),
        ("1 > 2 ? 'a' : 2 > 1 ? 'b' : 'c'", "\"b\""),
        ("1..3", "[1, 2, 3]"),
        ("1 + 1..2 + 2", "[2, 3, 4]"),
        ("3..1", "[]"),
        ("[1, 'a', nil, [true],]", "[1, \"a\", Nil, [true]]"),
        ("{a: 1, 'b c': 2}.a", "1"),
        ("{a: 1} == {\"a\": 1.0}", "true"),
        ("map(1..3, # * 2)", "[2, 4, 6]"),
        ("map([10, 20], #index)", "[0, 1]"),
        ("filter(1..5, {# % 2 == 1})", "[1, 3, 5]"),
        ("1..5 | filter(# > 2) | map(# + 1) | sum()", "15"),
        ("find(1..5, # > 2)", "3"),
        ("find(1..5, # > 9)", "Nil"),
        ("count(1..5, # > 2)", "3"),
        ("count([true, false, true])", "2"),
        ("sum(1..4)", "10"),
        ("sum([1, 2.5], # * 2)", "7.0"),
        ("any(1..3, # == 2) and none(1..3, # == 4) and one(1..3, # == 1) and not one(1..3, # > 1)", "true"),
        ("all([], false)", "true"),
        ("all([[1], [2, 3]], any(#, # > 0))", "true"),
        ("map([{v: 1}, {v: 2}], .v)", "[1, 2]"),
        ("max(5, [7, [9]], 2.5)", "9"),
        ("min([3, 1.5])", "1.5"),
        ("mean(1..4)", "2.5"),
        ("median([4, 1, 3, 2])", "2.5"),
        ("median([3, 1, 2])", "2.0"),
        ("mean([]) + median([]) + sum([])", "0.0"),
        ("abs(-5) + abs(-1.5)", "6.5"),
        ("[ceil(1.2), floor(1.8), round(1.5), round(-1.5)]", "[2.0, 1.0, 2.0, -2.0]"),
        ("first([]) == nil and last([1, 2]) == 2", "true"),
        ("keys({b: 1, a: 2})", "[\"a\", \"b\"]"),
        ("values({b: 1, a: 2})", "[2, 1]"),
        ("int('42') + asInt(1.9)", "43"),
        ("float(' 1') ?? 0", "InvalidNumber"),
        ("lower('AB') + upper('c') + trim(' d ')", "\"abCd\""),
        ("split('a,b', ',')", "[\"a\", \"b\"]"),
        ("join(['a', 'b'], '-') + join(['c'])", "\"a-bc\""),
        ("[type(nil), type(1), type(1.5), type('')]", "[\"nil\", \"int\", \"float\", \"string\"]"),
        (
            "string(999999.5) + ' ' + string(1234567.0) + ' ' + string(1e21)",
            "\"999999.5 1.234567e+06 1e+21\"",
        ),
        ("string(0.0001) + ' ' + string(-0.00001) + ' ' + string(1.0)", "\"0.0001 -1e-05 1\""),
        ("0x1F + 0b11 + 0o7 + 1_000", "1041"),
        (".5 + 1e1 + 2.", "12.5"),
        ("'\\u0041\\n' == \"A\\n\" // a comment", "true"),
        ("true /* ? 1 : */ ? .5 : 1", "0.5"),
        ("true?.5:1", "0.5"),
    ] {
        let given = match value_of(source, &result) {
            Ok(value) => show(&value),
            Err(reason) => reason,
        };
        assert_eq!(given, expected, "{source}");
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Nil => "Nil".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => format!("{text:?}"),
        Value::List(values) => format!("[{}]", values.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => format!("{map:?}"),
    }
}

#[test]
fn what_cannot_be_decided_says_where_and_why() {
    for (condition, result, reason, position) in [
        ("result > 0.9", json!([0.95]), "WrongKind", 7),
        ("result > 0.9", json!(null), "WrongKind", 7),
        ("result > 0.9", json!("0.95"), "WrongKind", 7),
        ("result[0] > 0.9", json!([]), "IndexOutOfRange", 6),
        ("result[-2] > 0.9", json!([1]), "IndexOutOfRange", 6),
        ("result.a.b > 0.9", json!({}), "NilAccess", 8),
        ("result[0] > 0.9", json!(null), "NilAccess", 6),
        ("result.a", json!({"a": 1}), "WrongKind", 6),
        ("result", json!("true"), "WrongKind", 0),
        ("not result", json!(1), "WrongKind", 0),
        ("result && true", json!(1), "WrongKind", 7),
        ("result ? true : false", json!(0), "WrongKind", 7),
        ("result % 2 == 0", json!(4), "WrongKind", 7),
        ("1 % 0 == 0", json!(null), "DivisionByZero", 2),
        ("9223372036854775807 + 1 > 0", json!(null), "Overflow", 20),
        ("-9223372036854775807 - 2 > 0", json!(null), "Overflow", 21),
        ("abs(-9223372036854775807 - 1) > 0", json!(null), "Overflow", 0),
        ("asInt(result) > 0", json!("4.5"), "InvalidNumber", 0),
        ("asInt(result) > 0", json!(1e300), "InvalidNumber", 0),
        ("asFloat(result) > 0", json!("much"), "InvalidNumber", 0),
        ("max(result) > 0", json!([]), "WrongKind", 0),
        ("any(result, # > 0)", json!({"a": 1}), "WrongKind", 0),
        ("any(result, #)", json!([1]), "WrongKind", 0),
        ("result contains 'a'", json!(["a"]), "WrongKind", 7),
        ("result matches 'a'", json!(1), "WrongKind", 7),
        ("1 in result", json!({"a": 1}), "WrongKind", 2),
        ("result[0:1] == ''", json!("é"), "InvalidCut", 6),
        ("len(0..100000000) > 0", json!(null), "TooMuchMemory", 5),
        ("all(1..1000, all(1..1000, all(1..1000, true)))", json!(null), "TooManySteps", 37),
    ] {
        let condition_read = Condition::parse(condition).unwrap();
        let error = condition_read.evaluate(&Value::from_json(&result).unwrap()).expect_err(condition);
        assert_eq!(error.fault.reason(), reason, "{condition}: {error}");
        if !matches!(error.fault, Fault::Steps) {
            assert_eq!(error.position, position, "{condition}: {error}");
        }
    }
}

#[test]
fn what_is_not_in_the_language_is_refused_up_front() {
    for (condition, reason, position) in [
        ("", "UnexpectedToken", 0),
        ("result >", "UnexpectedToken", 8),
        ("result result", "UnexpectedToken", 7),
        ("(result > 1", "UnexpectedToken", 11),
        ("result > 1)", "UnexpectedToken", 10),
        ("result[0 > 1", "UnexpectedToken", 12),
        ("result[] > 1", "UnexpectedToken", 7),
        ("results > 1", "UnknownName", 0),
        ("result == true1", "UnknownName", 10),
        ("result > 5m", "InvalidNumber", 9),
        ("result > 99999999999999999999", "InvalidNumber", 9),
        ("result > 1.2.3", "UnexpectedToken", 12),
        ("result > 1e999", "InvalidNumber", 9),
        ("result == 'a", "UnclosedText", 10),
        ("result == `a", "UnclosedText", 10),
        ("result == 'a\\x'", "InvalidEscape", 12),
        ("result == '\\u12'", "InvalidEscape", 11),
        ("result > 1 /*", "UnclosedComment", 11),
        ("result > 1 @", "UnknownCharacter", 11),
        ("result = 1", "Unsupported", 7),
        ("result & true", "Unsupported", 7),
        ("let x = 1; x > result", "Unsupported", 0),
        ("if result { true } else { false }", "Unsupported", 0),
        ("result > 1; true", "Unsupported", 10),
        ("result ?: true", "Unsupported", 7),
        ("result == null", "Unsupported", 10),
        ("1 < result < 3", "Unsupported", 11),
        ("result ?? 0 > 1", "Unsupported", 12),
        ("result.len() > 1", "Unsupported", 7),
        ("now() > result", "Unsupported", 0),
        ("reduce(result, #acc + #) > 1", "Unsupported", 0),
        ("sum(result, #acc) > 1", "Unsupported", 12),
        ("result | sort() | first() > 1", "Unsupported", 9),
        ("result matches result", "Unsupported", 15),
        ("result matches '('", "InvalidPattern", 15),
        ("result matches '(?=a)'", "InvalidPattern", 15),
        ("result matches '((a{100}){100}){100}'", "InvalidPattern", 15),
        ("average(result) > 1", "UnknownFunction", 0),
        ("len() > 1", "WrongArguments", 0),
        ("len(result, 1) > 1", "WrongArguments", 0),
        ("all(result)", "WrongArguments", 0),
        ("# > 1", "NoElement", 0),
        ("any(result, true) and # > 1", "NoElement", 22),
        ("result + 1", "NotBoolean", 7),
        ("0.95", "NotBoolean", 0),
        ("'true'", "NotBoolean", 0),
        ("[result]", "NotBoolean", 0),
        ("len(result)", "NotBoolean", 0),
        ("result > 1 ? 1 : 0", "NotBoolean", 11),
    ] {
        let ParseError { position: found, problem } = Condition::parse(condition).expect_err(condition);
        assert_eq!(problem.reason(), reason, "{condition}: {problem}");
        assert_eq!(found, position, "{condition}: {problem}");
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let many = 10_000;
    for source in [
        format!("{}true{}", "(".repeat(many / 2), ")".repeat(many / 2)),
        format!("{}true", "!".repeat(many)),
        format!("{}1 > 0", "-".repeat(many)),
        format!("result{} == 1", "[0]".repeat(many / 2)),
        format!("result{} == 1", ".a".repeat(many / 2)),
        format!("true{}", " and true".repeat(many / 10)),
        format!("{}1{} == 1", "[".repeat(many / 2), "]".repeat(many / 2)),
        format!("{}true{}", "all(result,".repeat(many / 20), ")".repeat(many / 20)),
        format!("result{}", "|map(#)".repeat(many / 10)),
        format!("{}true", "true ? true : ".repeat(many / 20)),
    ] {
        let problem = Condition::parse(&source).expect_err("too deep").problem;
        assert!(matches!(problem, Problem::TooDeep), "{problem:?}");
    }
    let long = format!("result == '{}'", "a".repeat(limits::SOURCE_BYTES));
    assert_eq!(Condition::parse(&long).expect_err("too long").problem, Problem::TooLong);

    let mut deep = json!(1);
    for _ in 0..limits::RESULT_DEPTH {
        deep = json!([deep]);
    }
    assert!(matches!(Value::from_json(&deep), Err(EvaluateError { fault: Fault::Depth, .. })));
}

#[test]
fn every_function_is_documented_and_can_be_called() {
    for function in functions() {
        assert!(function.signature().starts_with(function.name()), "{}", function.name());
        let (least, _) = function.arguments();
        let arguments = vec!["result"; least].join(", ");
        let source = format!("{}({arguments}) == nil", function.name());
        assert!(Condition::parse(&source).is_ok(), "{source}");
    }
}

/// Pieces that conditions are made of, so that random texts often parse.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "result",
        "nil",
        "true",
        "false",
        "1",
        "0",
        "0.5",
        "-",
        "+",
        "*",
        "/",
        "%",
        "**",
        "==",
        "!=",
        "<",
        ">",
        "<=",
        "and",
        "or",
        "not",
        "in",
        "matches",
        "contains",
        "??",
        "?.",
        ".a",
        "[0]",
        "[-1]",
        "[1:]",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "?",
        "..",
        "|",
        "#",
        "#index",
        "'a'",
        "\"b\"",
        "all(",
        "any(",
        "map(",
        "filter(",
        "len(",
        "max(",
        "sum(",
        "asInt(",
        "asFloat(",
        "isNaN(",
        "default(",
        "string(",
        "split(",
        "first(result)",
        "result.a",
        "(# > 0)",
        "a:",
        " ",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..24).prop_map(|words| words.join(" "))
}

/// Conditions that parse, of every form.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "result",
        "nil",
        "true",
        "1",
        "-3",
        "0.25",
        "'a\\n\"b'",
        "result.a",
        "result?.b.c",
        "result[0]",
        "9223372036854775807",
        "[]",
        "{a: 1}",
        "1..3",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 40, 3, |inner| {
        let operators = [
            "or",
            "and",
            "==",
            "!=",
            "<",
            ">",
            "<=",
            ">=",
            "in",
            "not in",
            "contains",
            "not startsWith",
            "endsWith",
            "..",
            "+",
            "-",
            "*",
            "/",
            "%",
            "**",
            "??",
        ];
        let functions = [
            "len", "max", "min", "mean", "median", "first", "last", "keys", "values", "abs", "ceil", "round",
            "int", "float", "string", "type", "lower", "trim", "join", "asInt", "asFloat", "isNaN", "isInf",
            "isNil", "count", "sum",
        ];
        let predicates = ["all", "any", "none", "one", "filter", "map", "count", "find", "sum"];
        prop_oneof![
            (inner.clone(), prop::sample::select(operators.to_vec()), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left}) {operator} ({right})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}) ? {b} : {c}")),
            (prop::sample::select(vec!["not ", "-", "+", "!"]), inner.clone())
                .prop_map(|(operator, a)| format!("{operator}({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})?.[{b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[({b}):]")),
            (prop::sample::select(functions.to_vec()), inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (prop::sample::select(predicates.to_vec()), inner.clone(), inner.clone())
                .prop_map(|(f, a, b)| format!("{f}({a}, {{ # == ({b}) or #index > 1 }})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}] | map([#, #index])")),
            inner.clone().prop_map(|a| format!("({a}) matches '^[a-z]+$'")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("{{x: {a}, \"y z\": {b}}}")),
        ]
    })
}

fn results() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-2..4_i64).prop_map(Json::from),
        "[a-z0-9é]{0,3}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[abc]", inner, 0..3)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_answered(source in any::<String>(), result in results()) {
        prop_assert_eq!(exercise(&source, &result), None);
    }

    #[test]
    fn any_row_of_words_is_answered(source in pieces(), result in results()) {
        prop_assert_eq!(exercise(&source, &result), None);
    }

    #[test]
    fn what_parses_prints_as_what_means_the_same(source in expressions(), result in results()) {
        prop_assert!(crate::parse::parse(&source).is_ok(), "{}: {:?}", source, crate::parse::parse(&source));
        prop_assert_eq!(exercise(&source, &result), None);
    }

    #[test]
    fn the_same_question_has_the_same_answer(source in expressions(), result in results()) {
        prop_assert_eq!(format!("{:?}", value_of(&source, &result)), format!("{:?}", value_of(&source, &result)));
    }
}
