//! Every check fails for a router with the flaw that it is about, and explains itself.

use std::collections::BTreeSet;

use tidegate_conformance::{Check, Fixture, Options, Scorecard, Verdict, run};

use crate::split::{Flaw, Split};

const FIXTURE: &str = "
target: {namespace: shop, name: web, stableService: web, canaryService: web-canary}
config: {split: web, options: {color: blue}}
objects:
  - apiVersion: example.com/v1
    kind: Split
    metadata: {name: web, namespace: shop}
    spec:
      routes: [{name: users-own, match: [x]}]
      backends:
        - {service: web, weight: 100}
        - {service: web-canary, weight: 0}
        - {service: web-legacy, weight: 3}
foreign:
  - {object: {kind: Split, name: web}, at: /spec/routes, element: {name: another}}
  - {object: {kind: Split, name: web}, at: /spec/backends, element: {service: another, weight: 5}}
expectations:
  - when:
      canary: 20
      managedRoutes: [{name: users, match: [{headers: {X-User: {exact: me}}}]}]
    values:
      - {object: {kind: Split, name: web}, at: /spec/backends/1/weight, is: 20}
      - {object: {kind: Split, name: web}, at: /spec/routes/0/name, is: users}
      - {object: {kind: Split, name: web}, at: /spec/routes/1/name, is: users-own}
      - {object: {kind: Split, name: web}, at: /spec/routes/2}
  - after: [{canary: 40}]
    when: {canary: 40, release: true}
    verdict: unverifiable
    objects:
      - apiVersion: example.com/v1
        kind: Split
        metadata: {name: web, namespace: shop}
        spec:
          routes: [{name: users-own, match: [x]}]
          backends:
            - {service: web, weight: 100}
            - {service: web-canary, weight: 0}
            - {service: web-legacy, weight: 3.0}
";

fn tested(flaw: Flaw, fixture: &str) -> Scorecard {
    let fixture = Fixture::parse("split", "split.yaml", fixture).unwrap();
    let options = Options { seed: 3, cases: 24 };
    run(&Split::new(flaw), &[fixture], &options, &mut |_| {})
}

fn failed(scorecard: &Scorecard) -> BTreeSet<Check> {
    let failed = scorecard.lines.iter().filter(|line| line.verdict == Verdict::Failed);
    failed.map(|line| line.check).collect()
}

#[test]
fn an_honest_router_passes_everything() {
    let scorecard = tested(Flaw::None, FIXTURE);
    for line in &scorecard.lines {
        assert_eq!(line.verdict, Verdict::Passed, "{line:#?}");
    }
    assert!(scorecard.is_good());
    assert_eq!(scorecard.totals().passed, Check::ALL.len());
}

#[test]
fn every_check_can_fail() {
    let mut shown = BTreeSet::new();
    for (flaw, check) in [
        (Flaw::NoVersion, Check::Description),
        (Flaw::DraftSeven, Check::Description),
        (Flaw::StrangeProblem, Check::InvalidConfig),
        (Flaw::TakesAnything, Check::InvalidConfig),
        (Flaw::UndescribedFeature, Check::Features),
        (Flaw::StrangeProblemInOptions, Check::BrokenConfig),
        (Flaw::CountsCalls, Check::Deterministic),
        (Flaw::FewWeights, Check::Weights),
        (Flaw::OnlyHundred, Check::MaxWeight),
        (Flaw::RemembersPeak, Check::History),
        (Flaw::KeepsHash, Check::PodTemplateHashes),
        (Flaw::NoHeaderRoutes, Check::HeaderRoutes),
        (Flaw::KeepsRoutes, Check::HeaderRoutes),
        (Flaw::TakesRoutesForDone, Check::HeaderRoutes),
        (Flaw::NoMirrorRoutes, Check::MirrorRoutes),
        (Flaw::SortsRoutes, Check::Precedence),
        (Flaw::KeepsRetired, Check::AdditionalDestinations),
        (Flaw::ReleasesNoRoutes, Check::Release),
        (Flaw::MissingIsAProblem, Check::MissingObjects),
        (Flaw::DropsUnknown, Check::Foreign),
        (Flaw::TrapsOnWeights, Check::BrokenObjects),
        (Flaw::Verifies, Check::Verify),
        (Flaw::Traps, Check::Faults),
        (Flaw::WandersAround, Check::Locate),
        (Flaw::Pauses, Check::Permitted),
        (Flaw::WrongShares, Check::Shares),
        (Flaw::MissingIsFine, Check::Shares),
        (Flaw::Flips, Check::Idempotent),
    ] {
        let scorecard = tested(flaw, FIXTURE);
        assert!(
            failed(&scorecard).contains(&check),
            "{flaw:?}: {check} should fail: {:?}",
            failed(&scorecard)
        );
        let outcomes = &scorecard.line(check).unwrap().outcomes;
        let failure = outcomes.iter().find_map(|outcome| outcome.failure.as_ref()).unwrap();
        assert!(!failure.asked.is_empty() && !failure.answered.is_empty() && !failure.expected.is_empty());
        shown.insert(check);
    }
    let wrong = FIXTURE.replace("is: 20", "is: 21");
    assert_eq!(failed(&tested(Flaw::None, &wrong)), BTreeSet::from([Check::Expectations]));
    shown.insert(Check::Expectations);
    assert_eq!(shown, BTreeSet::from(Check::ALL));
}

#[test]
fn every_expectation_can_fail() {
    for (right, wrong) in [
        ("at: /spec/routes/2}", "at: /spec/routes/1}"),
        ("weight: 3.0", "weight: 4"),
        ("verdict: unverifiable", "verdict: pending"),
        ("verdict: unverifiable", "gone: [{kind: Split, name: web}]"),
        ("verdict: unverifiable", "problem: missing-object"),
    ] {
        let fixture = FIXTURE.replace(right, wrong);
        assert_ne!(fixture, FIXTURE, "{right}");
        assert_eq!(failed(&tested(Flaw::None, &fixture)), BTreeSet::from([Check::Expectations]), "{wrong}");
    }
}

#[test]
fn the_smallest_failure_is_shown() {
    let asked = |scorecard: &Scorecard, check| {
        let failure = scorecard.line(check).unwrap().outcomes[0].failure.clone().unwrap();
        failure.asked
    };
    // 100 of 100 is tried before 51, and then halved as long as it fails.
    assert!(asked(&tested(Flaw::FewWeights, FIXTURE), Check::Weights).contains("canary 100 of 100"));
    assert_eq!(
        asked(&tested(Flaw::RemembersPeak, FIXTURE), Check::History).matches("route stable").count(),
        3
    );
}

#[test]
fn the_same_run_gives_the_same_scorecard() {
    let text = |flaw| serde_json::to_string(&tested(flaw, FIXTURE)).unwrap();
    assert_eq!(text(Flaw::RemembersPeak), text(Flaw::RemembersPeak));
}

#[test]
fn what_needs_fixtures_is_not_tested_without() {
    let scorecard = run(&Split::new(Flaw::None), &[], &Options::default(), &mut |_| {});
    assert!(scorecard.is_good());
    let tested: Vec<_> = scorecard
        .lines
        .iter()
        .filter(|line| line.verdict == Verdict::Passed)
        .map(|line| line.check)
        .collect();
    assert_eq!(tested, [Check::Description, Check::InvalidConfig]);
    let rest = scorecard.lines.iter().filter(|line| line.verdict != Verdict::Passed);
    for line in rest {
        assert_eq!(line.verdict, Verdict::NotTested, "{line:#?}");
        assert!(line.outcomes[0].reason.as_ref().unwrap().contains("fixtures"));
    }
    // A fault that shows without fixtures counts without fixtures.
    assert!(!run(&Split::new(Flaw::StrangeProblem), &[], &Options::default(), &mut |_| {}).is_good());
}

#[test]
fn what_does_not_apply_says_why() {
    let fixture = FIXTURE.replace("foreign:", "notApplicable: {weights: it is Tuesday}\nforeign:");
    let scorecard = tested(Flaw::None, &fixture);
    let line = scorecard.line(Check::Weights).unwrap();
    assert_eq!(line.verdict, Verdict::NotApplicable);
    assert!(line.outcomes[0].reason.as_ref().unwrap().contains("Tuesday"));
}
