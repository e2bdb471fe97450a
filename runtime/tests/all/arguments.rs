//! Arguments arrive in the guest as they were given: a guest that hands parts of them back.

use tidegate_contract::{
    HeaderMatch, Kind, ManagedRoute, Observation, Outcome, Query, RequestMatch, Router, Rule, RuleAction,
    Selection, TextMatch, Traffic,
};

use crate::guest::{Guest, destination, observation, plugin, target, traffic};

// Where things are in the record of locate's and route's arguments: target, traffic, list of observations.
const TRAFFIC: u32 = 64;
const SEEN: u32 = 164;

/// A body for `route` whose notes are the texts at these addresses (given as expressions), and whose one share has this
/// weight and total.
fn notes(texts: &[String], weight: &str, total: &str) -> String {
    let copies: String = texts
        .iter()
        .zip((4096_u32..).step_by(8))
        .map(|(address, at)| format!("(i64.store (i32.const {at}) (i64.load {address}))\n"))
        .collect();
    format!(
        "{copies}
         (i32.store (i32.const 5052) {weight}) (i32.store (i32.const 5056) {total})
         (i32.store (i32.const 524) (i32.const 5000)) (i32.store (i32.const 528) (i32.const 1))
         (i32.store (i32.const 544) (i32.const 4096)) (i32.store (i32.const 548) (i32.const {}))
         (i32.const 512)",
        texts.len()
    )
}

/// `in + offset`.
fn at(offset: u32) -> String {
    format!("(i32.add (local.get $in) (i32.const {offset}))")
}

/// The pointer that is stored at `address`, plus `offset`.
fn follow(address: &str, offset: u32) -> String {
    format!("(i32.add (i32.load {address}) (i32.const {offset}))")
}

fn ask(texts: &[String], weight: &str, total: &str, traffic: &Traffic, seen: &[Observation]) -> Outcome {
    let plugin = plugin(&Guest::new().route(&notes(texts, weight, total)));
    plugin.session().unwrap().route(&target(), traffic, seen).unwrap()
}

#[test]
fn the_target_arrives() {
    let texts: Vec<_> = [0, 8, 16, 24, 32, 44].map(at).into();
    let outcome = ask(
        &texts,
        &format!("(i32.load8_u {})", at(40)),
        &format!("(i32.load8_u {})", at(52)),
        &traffic(),
        &[],
    );
    let target = target();
    let expected = [
        &target.namespace,
        &target.name,
        &target.uid,
        &target.config,
        &target.settings,
        target.stable_service.as_ref().unwrap(),
    ];
    assert_eq!(outcome.notes.iter().collect::<Vec<_>>(), expected);
    assert_eq!((outcome.shares[0].weight, outcome.shares[0].total), (1, 0), "some stable, no canary service");
}

#[test]
fn the_traffic_arrives() {
    let exact = |text: &str| TextMatch::Exact(text.into());
    let traffic = Traffic {
        additional: vec![destination("a", 3), destination("b", 4)],
        retired: vec![destination("old", 0)],
        managed_routes: vec![
            ManagedRoute { name: "gone".into(), rule: None },
            ManagedRoute {
                name: "there".into(),
                rule: Some(Rule {
                    matches: vec![
                        RequestMatch::default(),
                        RequestMatch {
                            method: Some(exact("GET")),
                            path: Some(TextMatch::Prefix("/p".into())),
                            headers: vec![
                                HeaderMatch { name: "x".into(), value: exact("1") },
                                HeaderMatch { name: "agent".into(), value: TextMatch::Regex("a.*".into()) },
                            ],
                        },
                    ],
                    action: RuleAction::Mirror(35),
                }),
            },
        ],
        ..traffic()
    };
    // Of the traffic: max-weight 4, stable 36, canary 36, additional 8, retired 8, managed-routes 8.
    let (stable, canary) = (TRAFFIC + 4, TRAFFIC + 40);
    let (additional, retired, managed) = (at(TRAFFIC + 76), at(TRAFFIC + 84), at(TRAFFIC + 92));
    // Of a managed route: name 8, whether there is a rule 4, matches 8, action 8. Of a match: method 16, path 16,
    // headers 8. Of a header: name 8, kind 4, value 8.
    let matches = follow(&managed, 28 + 12);
    let second = |offset: u32| follow(&matches, 40 + offset);
    let headers = second(32);
    let texts = [
        at(stable),
        at(stable + 12),
        at(canary + 24),
        follow(&additional, 0),
        follow(&additional, 36),
        follow(&retired, 0),
        follow(&managed, 0),
        follow(&managed, 28),
        second(8),
        second(24),
        follow(&headers, 20),
        follow(&headers, 32),
    ];
    let weight = format!("(i32.load {})", at(canary + 32));
    let action = format!("(i32.load {})", follow(&managed, 28 + 24));
    let outcome = ask(&texts, &weight, &action, &traffic, &[]);
    let expected =
        ["stable", "cart-stable", "7d9c", "a", "b", "old", "gone", "there", "GET", "/p", "agent", "a.*"];
    assert_eq!(outcome.notes, expected);
    assert_eq!((outcome.shares[0].weight, outcome.shares[0].total), (20, 35));

    // The kinds of the matches, and which route has a rule.
    let bytes = [
        (format!("(i32.load8_u {})", second(0)), 1),
        (format!("(i32.load8_u {})", second(4)), 0),
        (format!("(i32.load8_u {})", second(20)), 1),
        (format!("(i32.load8_u {})", follow(&headers, 8)), 0),
        (format!("(i32.load8_u {})", follow(&headers, 28)), 2),
        (format!("(i32.load8_u {})", follow(&matches, 0)), 0),
        (format!("(i32.load8_u {})", follow(&managed, 8)), 0),
        (format!("(i32.load8_u {})", follow(&managed, 28 + 8)), 1),
        (format!("(i32.load8_u {})", follow(&managed, 28 + 20)), 1),
        (format!("(i32.load {})", at(TRAFFIC)), 100),
    ];
    for (expression, expected) in bytes {
        let outcome = ask(&[], &expression, "(i32.const 0)", &traffic, &[]);
        assert_eq!(outcome.shares[0].weight, expected, "{expression}");
    }
}

#[test]
fn objects_arrive() {
    let seen =
        [observation(), Observation { served: false, objects: Vec::new(), ..observation() }, observation()];
    let list = at(SEEN);
    // Of an observation: query 44, whether it is served 4, objects 8. Of an object: reference 36, version 8, json 8.
    let objects = follow(&list, 2 * 56 + 48);
    let texts = [
        follow(&list, 0),
        follow(&list, 8),
        follow(&objects, 0),
        follow(&objects, 8),
        follow(&objects, 20),
        follow(&objects, 28),
        follow(&objects, 36),
        follow(&objects, 44),
    ];
    let served = format!("(i32.load8_u {})", follow(&list, 56 + 44));
    let count = format!("(i32.load {})", follow(&list, 56 + 52));
    let outcome = ask(&texts, &served, &count, &traffic(), &seen);
    let object = &seen[2].objects[0];
    let kind = &object.reference.kind;
    let expected = [
        &*kind.group,
        &*kind.kind,
        &*kind.group,
        &*kind.kind,
        object.reference.namespace.as_deref().unwrap(),
        &*object.reference.name,
        &*object.api_version,
        &*object.json,
    ];
    assert_eq!(outcome.notes, expected);
    assert_eq!((outcome.shares[0].weight, outcome.shares[0].total), (0, 0));
}

#[test]
fn queries_go_in_and_come_out_unchanged() {
    // Answers with the query of the one observation.
    let (list, length) = (at(SEEN), at(SEEN + 4));
    let body = format!(
        "(i32.store (i32.const 516) (i32.load {list})) (i32.store (i32.const 520) (i32.load {length}))
         (i32.const 512)"
    );
    let guest = Guest::new().body("locate", &body);
    let plugin = plugin(&guest);
    let kind = Kind::new("", "Service");
    for query in [
        Query { kind: kind.clone(), namespace: None, select: Selection::Name("a".into()), optional: false },
        Query {
            kind: Kind::new("gw", "Gateway"),
            namespace: Some("infra".into()),
            select: Selection::Labels("app in (a,b)".into()),
            optional: true,
        },
    ] {
        let seen = Observation { query: query.clone(), served: true, objects: Vec::new() };
        let located = plugin.session().unwrap().locate(&target(), &traffic(), &[seen]).unwrap();
        assert_eq!(located, [query]);
    }
    assert!(plugin.session().unwrap().locate(&target(), &traffic(), &[]).unwrap().is_empty());
}

#[test]
fn check_gets_its_arguments_one_by_one() {
    // The name comes third and fourth of sixteen; the answer is a list of that one text.
    let guest = Guest::new().body(
        "check",
        "(i32.store (i32.const 600) (local.get 2)) (i32.store (i32.const 604) (local.get 3))
         (i32.store (i32.const 516) (i32.const 600)) (i32.store (i32.const 520) (i32.const 1))
         (i32.const 512)",
    );
    assert_eq!(plugin(&guest).session().unwrap().check(&target()).unwrap(), [target().name]);
}

#[test]
fn large_objects_arrive_whole() {
    // Answers with the length of the object's text, and fails if its last byte is another.
    let objects = follow(&at(SEEN), 48);
    let (start, length) =
        (format!("(i32.load {})", follow(&objects, 44)), format!("(i32.load {})", follow(&objects, 48)));
    let last = format!("(i32.load8_u (i32.sub (i32.add {start} {length}) (i32.const 1)))");
    let json = format!("{{\"text\":\"{}\"}}", "ä".repeat(500_000));
    let mut seen = observation();
    seen.objects[0].json = json.as_str().into();
    let outcome = ask(&[], &length, &last, &traffic(), &[seen]);
    assert_eq!((outcome.shares[0].weight as usize, outcome.shares[0].total), (json.len(), u32::from(b'}')));
}
