//! The table itself, and the one in the documentation that is read by people.

use std::collections::BTreeSet;
use std::path::Path;

use tidegate_hostile::{Ends, zoo};

#[test]
fn names_are_unique() {
    let all = zoo();
    let names: BTreeSet<_> = all.iter().map(|hostile| hostile.name).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn the_documentation_has_every_kind_with_its_outcome() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sandbox.md");
    let text = std::fs::read_to_string(file).unwrap();
    let documented: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let rows: Vec<String> = zoo()
        .iter()
        .map(|hostile| {
            let outcome = match hostile.ends {
                Ends::NotLoaded(stage, reason) => format!("not loaded, at {stage}: `{reason}`"),
                Ends::Fault(reason) => format!("fault: `{reason}`"),
                Ends::Refused(reason) => format!("refused: `{reason}`"),
                Ends::Problem(_) => "problem, cut and escaped".to_owned(),
                Ends::Harmless => "no effect".to_owned(),
            };
            format!("| `{}` | {} | {outcome} |", hostile.name, hostile.does)
        })
        .collect();
    let missing: Vec<_> = rows.iter().filter(|row| !documented.contains(row.as_str())).collect();
    assert!(
        missing.is_empty(),
        "docs/sandbox.md lacks:\n{}",
        missing.iter().map(|row| format!("{row}\n")).collect::<String>()
    );
    for row in documented.iter().filter(|row| row.ends_with(" |") && row.matches('|').count() == 4) {
        assert!(rows.iter().any(|known| known == row), "docs/sandbox.md has a kind that there is not: {row}");
    }
}
