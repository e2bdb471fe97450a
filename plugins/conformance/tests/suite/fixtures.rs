//! Fixtures that cannot mean anything are refused, with the place.

use tidegate_conformance::{Check, Fixture};

const TARGET: &str = "target: {namespace: shop, name: web, stableService: web, canaryService: web-canary}\n";
const OBJECT: &str = "objects: [{apiVersion: example.com/v1, kind: Split, metadata: {name: web, namespace: shop}, spec: {backends: []}}]\n";

fn parse(rest: &str) -> Result<Fixture, String> {
    Fixture::parse("web", "web.yaml", &format!("{TARGET}{rest}")).map_err(|error| error.to_string())
}

#[test]
fn what_is_left_out_has_a_default() {
    let fixture = parse("").unwrap();
    assert_eq!(fixture.name, "web");
    assert_eq!((fixture.config.to_string(), fixture.settings.to_string()), ("{}".into(), "{}".into()));
    assert!(fixture.target.canary_pod_template_hash.is_some());
    let fixture = parse("notApplicable: {missing-objects: it makes its own}\n").unwrap();
    assert!(fixture.not_applicable.contains_key(&Check::MissingObjects));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (rest, place) in [
        ("configuration: {}", "configuration"),
        ("notApplicable: {weigths: no}", "weigths"),
        ("objects: [{kind: Split}]", "objects[0]"),
        ("unserved: [Split]", "unserved[0]"),
        ("kept: [spec]", "kept"),
        ("expectations: [{when: {canary: 20}}]", "expectations[0]"),
        ("expectations: [{when: {canary: 120}, problem: x}]", "expectations[0]"),
        ("expectations: [{when: {canary: -1}, problem: x}]", "expectations[0].when.canary"),
        ("expectations: [{when: {}, verdict: maybe}]", "expectations[0]"),
        (
            "expectations: [{when: {managedRoutes: [{name: a, match: [{path: {exact: a, prefix: b}}]}]}, problem: x}]",
            "expectations[0]",
        ),
    ] {
        let error = parse(rest).unwrap_err();
        assert!(error.starts_with("web.yaml: ") && error.contains(place), "{rest}: {error}");
    }
    let foreign = |at: &str, name: &str| {
        parse(&format!("{OBJECT}foreign: [{{object: {{kind: Split, name: {name}}}, at: {at}, element: 1}}]"))
    };
    assert!(foreign("/spec/backends", "web").is_ok());
    assert!(foreign("/spec/backend", "web").unwrap_err().contains("foreign[0]"));
    assert!(foreign("/spec/backends", "other").unwrap_err().contains("foreign[0]"));
    let twice = OBJECT.replacen(
        "objects: [",
        "objects: [{apiVersion: example.com/v1, kind: Split, metadata: {name: web, namespace: shop}}, ",
        1,
    );
    assert!(parse(&twice).unwrap_err().contains("twice"));
}

#[test]
fn a_folder_without_fixtures_is_an_error() {
    let error =
        Fixture::read_folder(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap_err();
    assert_eq!(error.reason(), "NoFixtures");
    let error = Fixture::read_folder(std::path::Path::new("no/such/folder")).unwrap_err();
    assert_eq!(error.reason(), "Unreadable");
}
