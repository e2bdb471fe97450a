//! Any text as a condition, about any JSON: the first line is the condition, the rest is the result.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (condition, result) = input.split_once('\n').unwrap_or((input, "null"));
    let result = serde_json::from_str(result).unwrap_or_default();
    assert_eq!(tidegate_expression::exercise(condition, &result), None);
});
