//! The steps of a pass, and every way in which one can end.

use std::cell::Cell;

use serde_json::json;
use tidegate_contract::{
    CallError, Change, Edit, FaultReason, Kind, ObjectRef, Observation, Query, Selection, Verdict,
};
use tidegate_route::{Answer, Pass, Purpose, apply, reason};

use crate::plugin::{
    Plugin, fault, object, observation, outcome, pass, pass_on, patched, problem, query, reference, refused,
    route, routed, share, steady,
};

#[test]
fn what_was_not_seen_is_asked_for_all_at_once() {
    let plugin = || Plugin::honest().locate(|_| Ok(vec![query("b"), query("a"), query("b")]));
    let nothing_seen = pass(20, Vec::new());
    assert_eq!(plugin().run(&nothing_seen), Answer::Needs(vec![query("a"), query("b")]));
    let one_seen = pass(20, vec![observation("b", &route("b"))]);
    assert_eq!(plugin().run(&one_seen), Answer::Needs(vec![query("a"), query("b")]));
    let all_seen = pass(20, vec![observation("b", &route("b")), observation("a", &route("a"))]);
    let routed = routed(plugin().run(&all_seen));
    assert_eq!(routed.queries, [query("a"), query("b")]);
    assert_eq!(
        routed.writes.iter().map(|write| write.reference.name.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
}

/// A plugin that needs one more object for each that it saw, up to this many.
fn chain(length: usize) -> Plugin<'static> {
    Plugin::new(|_, traffic, seen| Ok(steady(traffic, seen))).locate(move |seen| {
        Ok((0..=seen.len()).take(length).map(|index| query(&format!("r{index}"))).collect())
    })
}

#[test]
fn locate_may_ask_again_after_it_has_seen_objects() {
    let seen: Vec<_> =
        (0..5).map(|index| observation(&format!("r{index}"), &route(&format!("r{index}")))).collect();
    for length in 0..=3 {
        let seen = seen.iter().take(length).cloned().collect();
        let mut pass = pass(0, seen);
        pass.purpose = Purpose::Release;
        assert_eq!(routed(chain(length).run(&pass)).queries.len(), length);
    }
    assert_eq!(refused(chain(4).run(&pass(0, seen))), reason::TOO_MANY_ROUNDS);
}

#[test]
fn locate_that_never_settles_is_refused() {
    let flip = Cell::new(false);
    let plugin = Plugin::honest().locate(|_| {
        flip.set(!flip.get());
        Ok(vec![query(if flip.get() { "a" } else { "b" })])
    });
    let seen = vec![observation("a", &route("a")), observation("b", &route("b"))];
    assert_eq!(refused(plugin.run(&pass(20, seen))), reason::TOO_MANY_ROUNDS);
}

#[test]
fn a_plugin_sees_what_it_asked_for_and_nothing_else() {
    let shown = Cell::new(Vec::new());
    let plugin = Plugin::new(|_, traffic, seen| {
        shown.set(seen.iter().map(|seen| seen.query.clone()).collect());
        Ok(steady(traffic, seen))
    })
    .locate(|seen| {
        assert!(seen.is_empty() || seen.len() == 2, "{seen:?}");
        Ok(vec![query("c"), query("a")])
    });
    let seen = ["c", "b", "a"].map(|name| observation(name, &route(name))).to_vec();
    routed(plugin.run(&pass(0, seen)));
    assert_eq!(shown.take(), [query("a"), query("c")]);
}

#[test]
fn queries_are_bounded_and_validated() {
    let with = |change: &dyn Fn(&mut Query)| {
        let mut query = query("web");
        change(&mut query);
        query
    };
    let named = |name: &str| with(&|query| query.select = Selection::Name(name.into()));
    let labelled = |labels: &str| with(&|query| query.select = Selection::Labels(labels.into()));
    let of = |group: &str, kind: &str| with(&|query| query.kind = Kind::new(group, kind));
    for (query, expected) in [
        (of("", "Secret"), reason::FORBIDDEN_KIND),
        (of("", "ConfigMap"), reason::FORBIDDEN_KIND),
        (of("other", "HTTPRoute"), reason::FORBIDDEN_KIND),
        (with(&|query| query.namespace = Some("Other".into())), reason::FORBIDDEN_NAMESPACE),
        (with(&|query| query.namespace = Some("a.b".into())), reason::FORBIDDEN_NAMESPACE),
        (with(&|query| query.namespace = Some("../x".into())), reason::FORBIDDEN_NAMESPACE),
        (with(&|query| query.namespace = Some(String::new())), reason::FORBIDDEN_NAMESPACE),
        (named(""), reason::INVALID_QUERY),
        (named("."), reason::INVALID_QUERY),
        (named(".."), reason::INVALID_QUERY),
        (named("a/b"), reason::INVALID_QUERY),
        (named("a%2fb"), reason::INVALID_QUERY),
        (named("a b"), reason::INVALID_QUERY),
        (named("ä"), reason::INVALID_QUERY),
        (named(&"a".repeat(254)), reason::INVALID_QUERY),
        (labelled(""), reason::INVALID_QUERY),
        (labelled(" \n"), reason::INVALID_QUERY),
        (labelled(&"a,".repeat(5000)), reason::INVALID_QUERY),
    ] {
        let answer = Plugin::honest().locate(|_| Ok(vec![query.clone()])).run(&pass(0, Vec::new()));
        assert_eq!(refused(answer), expected, "{query:?}");
    }
    for query in [
        of("gateway.networking.k8s.io", "Gateway"),
        of("apps", "Deployment"),
        with(&|query| query.namespace = Some("shop".into())),
        // Whether it is shown is another question.
        with(&|query| query.namespace = Some("other".into())),
        named(&"a".repeat(253)),
        labelled("app=web,tier in (a,b),!legacy"),
    ] {
        let answer = Plugin::honest().locate(|_| Ok(vec![query.clone()])).run(&pass(0, Vec::new()));
        assert_eq!(answer, Answer::Needs(vec![query]));
    }
    let many = |count| {
        Plugin::honest()
            .locate(move |_| Ok((0..count).map(|index| query(&format!("r{index}"))).collect()))
            .run(&pass(0, Vec::new()))
    };
    assert!(matches!(many(64), Answer::Needs(queries) if queries.len() == 64));
    assert_eq!(refused(many(65)), reason::TOO_MANY_QUERIES);
}

#[test]
fn a_kind_that_is_not_served_is_a_problem_unless_it_is_optional() {
    let unserved = |optional| {
        let query = Query { optional, ..query("web") };
        let seen = vec![Observation { query: query.clone(), served: false, objects: Vec::new() }];
        let mut pass = pass(0, seen);
        pass.purpose = Purpose::Release;
        let locate = move |seen: &[Observation]| {
            assert!(optional || seen.is_empty(), "it is asked again only about what is optional");
            Ok(vec![query.clone()])
        };
        Plugin::new(|_, _, _| Ok(outcome(Vec::new(), Vec::new()))).locate(locate).run(&pass)
    };
    assert!(matches!(unserved(false), Answer::Problem(problem) if problem.code == "missing-kind"));
    routed(unserved(true));
}

#[test]
fn faults_and_problems_end_the_pass_wherever_they_come() {
    let web = route("web");
    let pass = pass_on(20, &web);
    let failures: [fn() -> CallError; 2] = [|| fault().into(), || problem("unsupported", "no").into()];
    for failure in failures {
        let expected = match failure() {
            CallError::Fault(fault) => Answer::Fault(fault),
            CallError::Problem(problem) => Answer::Problem(problem),
        };
        assert_eq!(Plugin::honest().locate(|_| Err(failure())).run(&pass), expected);
        let second =
            |seen: &[Observation]| if seen.is_empty() { Ok(vec![query("web")]) } else { Err(failure()) };
        assert_eq!(Plugin::honest().locate(second).run(&pass), expected);
        assert_eq!(Plugin::new(|_, _, _| Err(failure())).run(&pass), expected);
    }
}

#[test]
fn what_a_plugin_says_is_cut_to_what_conditions_hold() {
    let long = "ä".repeat(100_000);
    let answer = Plugin::honest().locate(|_| Err(problem(&long, &long).into())).run(&pass(0, Vec::new()));
    assert!(
        matches!(answer, Answer::Problem(problem) if problem.message.len() < 4096 && problem.code.len() < 256)
    );
    let web = route("web");
    let plugin = Plugin::new(|_, traffic, seen| {
        let mut outcome = steady(traffic, seen);
        outcome.notes = vec![long.clone(); 40];
        outcome.facts = vec![(long.clone(), long.clone()); 400];
        outcome.verdict = Verdict::Pending(long.clone());
        Ok(outcome)
    });
    let routed = routed(plugin.run(&pass_on(0, &web)));
    assert_eq!(routed.notes.len(), 16);
    assert!(routed.notes.iter().all(|note| note.len() < 4096));
    assert!(
        routed.facts.len() <= 64 && routed.facts.iter().all(|(name, value)| name.len() + value.len() < 8192)
    );
    assert!(matches!(routed.verdict, Verdict::Pending(why) if why.len() < 4096));
}

#[test]
fn nothing_is_read_or_written_while_nothing_changes() {
    let mut pass = pass_on(20, &route("web"));
    pass.seen[0].objects[0].json = "this would not even parse".into();
    let calls = Cell::new(0);
    let plugin = Plugin::new(|_, traffic, seen| {
        calls.set(calls.get() + 1);
        Ok(steady(traffic, seen))
    });
    let routed = routed(plugin.run(&pass));
    assert_eq!((routed.writes.len(), calls.get()), (0, 1));
    assert_eq!(
        routed.shares,
        [share("web", "/spec", "stable", 80, 100), share("web", "/spec", "canary", 20, 100)]
    );
    assert_eq!(routed.verdict, Verdict::Verified);
}

#[test]
fn a_change_is_confirmed_and_written_as_compare_and_set() {
    let web = route("web");
    let asked = Cell::new(0);
    let mut honest = Plugin::honest();
    let plugin = Plugin::new(|purpose, traffic, seen| {
        asked.set(asked.get() + 1);
        (honest.route)(purpose, traffic, seen)
    });
    let routed = routed(plugin.run(&pass_on(20, &web)));
    assert_eq!(asked.get(), 2);
    let [write] = routed.writes.as_slice() else { panic!("{routed:?}") };
    assert_eq!(
        (&write.reference, write.api_version.as_str()),
        (&reference("web"), "gateway.networking.k8s.io/v1")
    );
    let mut expected = web.clone();
    for rule in [0, 2] {
        expected["spec"]["rules"][rule]["backendRefs"][0]["weight"] = json!(80);
        expected["spec"]["rules"][rule]["backendRefs"][1]["weight"] = json!(20);
    }
    assert_eq!(apply(write.patch().unwrap(), &web), Ok(expected.clone()));
    // As seen, not as it will be.
    assert!(
        routed.shares.iter().all(|share| share.weight == if share.destination == "stable" { 100 } else { 0 })
    );
    let steady = self::routed(Plugin::honest().run(&pass_on(20, &expected)));
    assert!(steady.writes.is_empty());
}

#[test]
fn release_gives_all_to_stable() {
    let mut web = route("web");
    web["spec"]["rules"][0]["backendRefs"][0]["weight"] = json!(60);
    web["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(40);
    let mut pass = pass_on(40, &web);
    pass.purpose = Purpose::Release;
    let released = routed(Plugin::honest().run(&pass));
    assert_eq!(apply(released.writes[0].patch().unwrap(), &web), Ok(route("web")));
    // Asked to release, it must not go on routing.
    let plugin = Plugin::new(|_, traffic, seen| Ok(steady(traffic, seen)));
    assert_eq!(refused(plugin.run(&pass)), reason::WRONG_SHARES);
}

#[test]
fn a_plugin_that_changes_its_own_result_is_refused() {
    let web = route("web");
    let change = |canary: u32| {
        patched(
            "web",
            &json!([{"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": canary}]),
        )
    };
    let next = Cell::new(1);
    let endless = Plugin::new(|_, traffic, seen| {
        let shares = steady(traffic, seen).shares;
        Ok(outcome(vec![change(next.replace(next.get() + 1))], shares))
    });
    assert_eq!(refused(endless.run(&pass_on(20, &web))), reason::UNSTABLE);

    let second = |error: fn() -> CallError| {
        let first = Cell::new(true);
        let plugin = Plugin::new(move |_, traffic, seen| {
            if first.replace(false) {
                Ok(outcome(vec![change(20)], steady(traffic, seen).shares))
            } else {
                Err(error())
            }
        });
        plugin.run(&pass_on(20, &web))
    };
    assert_eq!(refused(second(|| problem("confused", "what is that?").into())), reason::UNSTABLE);
    assert!(matches!(second(|| fault().into()), Answer::Fault(fault) if fault.reason == FaultReason::Trap));

    // Saying the same again is no change.
    let replaces = Plugin::new(|_, traffic, seen| {
        let mut web = web.clone();
        web["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(20.0);
        let change = Change { reference: reference("web"), edit: Edit::Replace(web.to_string()) };
        Ok(outcome(vec![change], steady(traffic, seen).shares))
    });
    assert_eq!(routed(replaces.run(&pass_on(20, &web))).writes.len(), 1);
}

#[test]
fn edits_that_change_nothing_are_not_written() {
    let mut web = route("web");
    web["spec"]["rules"][0]["backendRefs"][1]["weight"] = json!(0.0);
    let same = Change { reference: reference("web"), edit: Edit::Replace(web.to_string()) };
    let plugin =
        Plugin::new(|_, traffic, seen| Ok(outcome(vec![same.clone()], steady(traffic, seen).shares)));
    assert!(routed(plugin.run(&pass_on(0, &route("web")))).writes.is_empty());
}

/// What becomes of these shares: as seen with nothing to change, and as they will be after a change.
fn judged(pass: &Pass, shares: &[tidegate_contract::Share]) -> [Result<(), &'static str>; 2] {
    let verdict = |answer| match answer {
        Answer::Refused(refusal) => Err(refusal.reason),
        other => {
            routed(other);
            Ok(())
        }
    };
    let seen = Plugin::new(|_, _, _| Ok(outcome(Vec::new(), shares.to_vec()))).run(pass);
    let mut changes = vec![patched(
        "web",
        &json!([{"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 7}]),
    )];
    let as_seen = vec![share("web", "/spec", "stable", 100, 100)];
    let after = Plugin::new(|_, _, _| match changes.pop() {
        Some(change) => Ok(outcome(vec![change], as_seen.clone())),
        None => Ok(outcome(Vec::new(), shares.to_vec())),
    });
    [verdict(seen), verdict(after.run(pass))]
}

#[test]
fn shares_must_be_the_desired_ones() {
    let set = |at: &str, stable: u32, canary: u32, total: u32| {
        vec![share("web", at, "stable", stable, total), share("web", at, "canary", canary, total)]
    };
    let about = |reference: ObjectRef| {
        let mut set = set("/spec", 80, 20, 100);
        for share in &mut set {
            share.about = reference.clone();
        }
        set
    };
    let wrong = Err(reason::WRONG_SHARES);
    let invalid = Err(reason::INVALID_SHARES);
    let pass = pass_on(20, &route("web"));
    for (shares, expected) in [
        (set("/spec", 80, 20, 100), Ok(())),
        (set("", 80, 20, 100), Ok(())),
        (set("/spec", 800, 200, 1000), Ok(())),
        (set("/spec", 4, 1, 5), Ok(())),
        (set("/spec", 1, 0, 1), Ok(())),
        (set("/spec", 2, 1, 3), Ok(())),
        ([set("/spec/rules/0", 80, 20, 100), set("/spec/rules/2", 4, 1, 5)].concat(), Ok(())),
        ([set("/spec", 40, 10, 100), set("/spec", 40, 10, 100)].concat(), invalid),
        ([set("/spec", 80, 20, 100), set("/spec", 80, 20, 100)].concat(), invalid),
        (set("/spec", 81, 19, 100), wrong),
        (set("/spec", 79, 21, 100), wrong),
        (set("/spec", 801, 199, 1000), wrong),
        (set("/spec", 3, 0, 3), Ok(())),
        (set("/spec", 100, 0, 100), wrong),
        (set("/spec", 0, 0, 0), wrong),
        ([set("/spec/rules/0", 80, 20, 100), set("/spec/rules/2", 100, 0, 100)].concat(), wrong),
        (vec![share("web", "/spec", "stable", 100, 100)], wrong),
        (vec![share("web", "/spec", "canary", 20, 20)], wrong),
        (vec![], wrong),
        (set("/spec", 80, 20, 101), invalid),
        (set("/spec", 80, 20, 0), invalid),
        (set("/spec", u32::MAX, u32::MAX, u32::MAX), invalid),
        (vec![share("web", "/spec", "stable", 80, 100), share("web", "/spec", "canary", 20, 50)], invalid),
        ([set("/spec", 80, 20, 110), vec![share("web", "/spec", "other", 10, 110)]].concat(), invalid),
        (set("spec", 80, 20, 100), invalid),
        (about(reference("other")), invalid),
        (about(ObjectRef { namespace: None, ..reference("web") }), invalid),
        (vec![set("/spec", 80, 20, 100); 1000].concat(), invalid),
    ] {
        assert_eq!(judged(&pass, &shares), [expected; 2], "{shares:?}");
    }
}

#[test]
fn what_is_retired_gets_nothing() {
    let mut pass = pass_on(20, &route("web"));
    let extra = |name: &str, weight| tidegate_contract::Destination {
        name: name.into(),
        service: Some(name.into()),
        pod_template_hash: None,
        weight,
    };
    pass.traffic.stable.weight = 70;
    pass.traffic.additional = vec![extra("experiment", 10)];
    pass.traffic.retired = vec![extra("gone", 0)];
    let shares = |experiment, gone| {
        vec![
            share("web", "/spec", "stable", 80 - experiment - gone, 100),
            share("web", "/spec", "canary", 20, 100),
            share("web", "/spec", "experiment", experiment, 100),
            share("web", "/spec", "gone", gone, 100),
        ]
    };
    assert_eq!(judged(&pass, &shares(10, 0)), [Ok(()); 2]);
    assert_eq!(judged(&pass, &shares(0, 10)), [Err(reason::WRONG_SHARES); 2]);
    assert_eq!(judged(&pass, &shares(9, 1)), [Err(reason::WRONG_SHARES); 2]);
}

#[test]
fn each_changed_object_must_say_what_it_divides() {
    let seen = ["a", "b"].map(|name| observation(name, &route(name))).to_vec();
    let patch = json!([{"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 20}]);
    let silent_about = |silent: &'static str| {
        let mut changes = vec![patched("a", &patch), patched("b", &patch)];
        let plugin = Plugin::new(move |_, traffic, seen| {
            let mut outcome = steady(traffic, seen);
            outcome.changes = std::mem::take(&mut changes);
            outcome.shares.retain(|share| share.about.name != silent);
            Ok(outcome)
        });
        plugin.locate(|_| Ok(vec![query("a"), query("b")])).run(&pass(20, seen.clone()))
    };
    assert_eq!(refused(silent_about("a")), reason::WRONG_SHARES);
    assert_eq!(refused(silent_about("b")), reason::WRONG_SHARES);
    // And the order of writing is the plugin's.
    let written = routed(silent_about("nothing")).writes;
    assert_eq!(written.iter().map(|write| write.reference.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn edits_that_cannot_be_applied_are_refused() {
    let made = ObjectRef {
        kind: Kind::new("example.com", "Made"),
        namespace: Some("shop".into()),
        name: "m".into(),
    };
    let web = reference("web");
    let change = |reference: &ObjectRef, edit| vec![Change { reference: reference.clone(), edit }];
    let replace = |text: &str| change(&web, Edit::Replace(text.into()));
    let patch = |text: &str| change(&web, Edit::JsonPatch(text.into()));
    let weight = json!([{"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 20}]);
    let deep = format!("{}1{}", "[".repeat(110), "]".repeat(110));
    let deep_object = format!(r#"{{"spec": {deep}}}"#);
    let deep_patch = format!(r#"[{{"op": "add", "path": "/spec/x", "value": {deep}}}]"#);
    for (changes, expected) in [
        (replace("{"), reason::INVALID_EDIT),
        (replace("1"), reason::INVALID_EDIT),
        (replace("[]"), reason::INVALID_EDIT),
        (replace(&"[".repeat(200)), reason::INVALID_EDIT),
        (replace(&deep_object), reason::EDIT_TOO_LARGE),
        (replace(&format!("{{\"a\": \"{}\"}}", "a".repeat(2_000_000))), reason::EDIT_TOO_LARGE),
        (patch("{"), reason::INVALID_EDIT),
        (patch("{}"), reason::INVALID_EDIT),
        (patch("[1]"), reason::INVALID_EDIT),
        (patch(r#"[{"op": "remove", "path": "/nothing"}]"#), reason::INVALID_EDIT),
        (patch(r#"[{"op": "test", "path": "/kind", "value": "Gateway"}]"#), reason::INVALID_EDIT),
        (patch(r#"[{"op": "replace", "path": "", "value": 1}]"#), reason::INVALID_EDIT),
        (patch(&deep_patch), reason::EDIT_TOO_LARGE),
        (change(&web, Edit::Remove), reason::FORBIDDEN_REMOVE),
        (change(&made, Edit::Replace("{}".into())), reason::FORBIDDEN_CREATE),
        (change(&made, Edit::Remove), reason::UNKNOWN_OBJECT),
        (vec![patched("other", &weight)], reason::UNKNOWN_OBJECT),
        (vec![patched("web", &weight), patched("web", &weight)], reason::DUPLICATE_CHANGE),
        ((0..65).map(|index| patched(&format!("r{index}"), &weight)).collect(), reason::TOO_MANY_CHANGES),
    ] {
        let answer = Plugin::once(outcome(changes, Vec::new())).run(&pass_on(20, &route("web")));
        assert_eq!(refused(answer), expected);
    }
}

#[test]
fn an_object_found_twice_changes_in_both_places() {
    let by_label = Query { select: Selection::Labels("app=web".into()), ..query("web") };
    let web = route("web");
    let found = Observation { query: by_label.clone(), served: true, objects: vec![object("web", &web)] };
    let pass = pass(20, vec![observation("web", &web), found]);
    let asked = vec![query("web"), by_label];
    let plugin = Plugin::honest().locate(|_| Ok(asked.clone()));
    // A plugin that does not expect that says everything twice.
    assert_eq!(refused(plugin.run(&pass)), reason::INVALID_SHARES);
    let mut honest = Plugin::honest();
    let plugin = Plugin::new(|purpose, traffic, seen| {
        assert!(seen[0].objects == seen[1].objects);
        (honest.route)(purpose, traffic, &seen[..1])
    });
    assert_eq!(routed(plugin.locate(|_| Ok(asked.clone())).run(&pass)).writes.len(), 1);
}
