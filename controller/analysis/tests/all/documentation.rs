//! What the documentation shows works as it says.

use serde_json::{Value, json};
use tidegate_analysis::validate_template;
use tidegate_expression::{Condition, functions};

const TEXT: &str = include_str!("../../../../docs/analysis.md");

/// The blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    TEXT.split(&begin).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

#[test]
fn examples_are_valid() {
    let mut metrics = 0;
    for block in blocks("yaml") {
        let value: Value = serde_yaml_ng::from_str(block).expect(block);
        let template = match &value {
            Value::Array(steps) if steps.iter().all(|one| one.get("provider").is_none()) => continue,
            Value::Array(_) => json!({"spec": {"metrics": value}}),
            object if object.get("kind") == Some(&json!("AnalysisTemplate")) => value,
            // Rules, steps and strategies.
            _ => continue,
        };
        metrics += template["spec"]["metrics"].as_array().unwrap().len();
        assert_eq!(validate_template(&template), [], "{block}");
    }
    assert_eq!(metrics, 4, "one of each provider, and the first one");
}

#[test]
fn conditions_are_what_is_said_of_them() {
    let section = TEXT.split_once("| condition | about |").unwrap().1.split_once("\n\n").unwrap().0;
    let mut seen = 0;
    for row in section.lines().filter(|row| row.starts_with("| `")) {
        let (conditions, about) = row.trim_matches('|').rsplit_once(" | ").unwrap();
        for condition in conditions.split('`').skip(1).step_by(2) {
            assert_eq!(Condition::parse(condition).is_err(), about.starts_with("refused"), "{condition}");
            seen += 1;
        }
    }
    assert!(seen >= 9, "{seen}");
}

#[test]
fn the_grammar_is_that_of_the_language() {
    let source = include_str!("../../../expression/src/lib.rs");
    let lines = source.lines().map(|line| line.strip_prefix("//!").unwrap_or_default());
    let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let lines = lines.join("\n");
    let grammar = lines.split_once("```text\n").unwrap().1.split_once("```").unwrap().0;
    // The columns of the comments differ by nothing.
    assert!(blocks("text").contains(&grammar), "{grammar}");
    let listed = TEXT.split_once("| functions | |").unwrap().1.split_once("\n\n").unwrap().0;
    let mut listed: Vec<_> = listed.split('`').skip(1).step_by(2).collect();
    listed.sort_unstable();
    listed.dedup();
    let mut there: Vec<_> = functions().map(tidegate_expression::Function::name).collect();
    there.sort_unstable();
    assert_eq!(listed, there);
}
