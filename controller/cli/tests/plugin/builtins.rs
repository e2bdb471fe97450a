//! Every plugin that is built into the binary passes the conformance suite with its own fixtures, in the real sandbox.

use std::path::PathBuf;

use tidegate_conformance::{Check, Fixture, Options, Scorecard, Verdict, run};
use tidegate_contract::Router as _;
use tidegate_runtime::{Limits, Runtime, RuntimeSettings};

/// The features of scenarios, with the check that shows each.
const FEATURES: [(&str, Check); 5] = [
    ("weights", Check::Weights),
    ("max-weight", Check::MaxWeight),
    ("header-routes", Check::HeaderRoutes),
    ("mirror-routes", Check::MirrorRoutes),
    ("additional-destinations", Check::AdditionalDestinations),
];

fn explained(scorecard: &Scorecard) -> String {
    let lines =
        scorecard.lines.iter().flat_map(|line| line.outcomes.iter().map(move |outcome| (line, outcome)));
    lines
        .map(|(line, outcome)| {
            let fixture = outcome.fixture.as_deref().unwrap_or("-");
            let verdict = outcome.verdict;
            format!("{} {fixture}: {verdict:?} {:?} {:#?}\n", line.check, outcome.reason, outcome.failure)
        })
        .collect()
}

#[test]
fn built_in_plugins_pass_the_suite() {
    let runtime = Runtime::new(RuntimeSettings::default()).unwrap();
    for name in tidegate_bundle::names() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/{name}/fixtures"));
        let fixtures = Fixture::read_folder(&folder).unwrap();
        let source = format!("builtin:{name}").parse().unwrap();
        let limits = Limits::default();
        let artifact =
            tidegate_runtime::read(&source, limits.artifact_bytes, &tidegate_bundle::builtin).unwrap();
        let plugin = runtime.load(&artifact, &limits, &mut |_, _| {}).unwrap();
        let scorecard = run(&*plugin, &fixtures, &Options::default(), &mut |_| {});
        println!("{name}\n{}", explained(&scorecard));
        assert!(scorecard.is_good(), "{name}\n{}", explained(&scorecard));
        // What a plugin says that it can do has been seen with some fixture.
        for (feature, check) in FEATURES {
            let described = plugin.description().features.iter().any(|other| other == feature);
            let verdict = scorecard.line(check).unwrap().verdict;
            assert_eq!(verdict == Verdict::Passed, described, "{name}: {feature} is {verdict:?}");
        }
        for line in &scorecard.lines {
            let depends = FEATURES.iter().any(|(_, check)| *check == line.check)
                || matches!(line.check, Check::Verify | Check::Precedence);
            assert!(
                depends || line.verdict == Verdict::Passed,
                "{name}: {} is {:?}",
                line.check,
                line.verdict
            );
        }
    }
}
