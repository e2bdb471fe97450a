//! The page that explains every reason is complete, and says what the binary says.

use std::collections::BTreeMap;
use std::path::Path;

use tidegate_artifact::LoadReason;

use crate::cases;
use crate::house::House;

const PAGE: &str = "docs/plugin-failures.md";

/// What is explained there besides the reasons why a plugin cannot be loaded.
const OTHERS: [&str; 2] = ["PreviousVersion", "UnknownPlugin"];

/// The sections of the page, by what their headings name.
fn sections() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE);
    let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sections = page.split("\n## ").skip(1).map(|section| {
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        (heading.to_owned(), text.to_owned())
    });
    sections.collect()
}

#[test]
fn every_reason_has_a_section_and_every_section_a_reason() {
    let sections = sections();
    let reasons: Vec<_> = LoadReason::ALL.iter().map(|reason| reason.as_str()).chain(OTHERS).collect();
    for reason in &reasons {
        let section = sections.get(*reason).unwrap_or_else(|| panic!("{PAGE} has no section {reason}"));
        assert!(section.contains("```"), "{reason}: there is no example of what it looks like");
        assert!(section.contains("**What to do**"), "{reason}: there is no remedy");
    }
    for heading in sections.keys().filter(|heading| !heading.contains(' ')) {
        assert!(reasons.contains(&heading.as_str()), "{PAGE}: {heading} is no reason");
    }
}

#[tokio::test]
async fn what_is_told_is_explained() {
    let sections = sections();
    let missing: Vec<_> = cases::all(&House::open())
        .into_iter()
        .filter(|case| !sections.get(case.reason.as_str()).is_some_and(|section| section.contains(case.told)))
        .map(|case| format!("{}: {:?} is not in the section {}", case.name, case.told, case.reason))
        .collect();
    assert!(missing.is_empty(), "{PAGE}:\n{}", missing.join("\n"));
}
