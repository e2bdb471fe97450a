//! Answers that are too large, or are none.

use tidegate_contract::FaultReason;

use super::{Ends, Hostile, Question, made};
use crate::guest::Guest;
use crate::router::{Description, router};
use crate::value::Value;

pub(super) fn all() -> Vec<Hostile> {
    let one = |name, does, guest: Guest, ends| made(name, does, guest.build(), Question::Route, ends);
    let broken = |name, does, answer: Value| {
        let guest = router().answers("route", &answer);
        one(name, does, guest, Ends::Fault(FaultReason::InvalidOutput))
    };
    let large = |name, does, function, answer: Value| {
        let guest = Guest { pages: Some(8 << 4), ..router().answers(function, &answer) };
        one(name, does, guest, Ends::Fault(FaultReason::OutputTooLarge))
    };
    let too_many = |name, does, function, answer: Value, reason| {
        one(name, does, router().answers(function, &answer), Ends::Refused(reason))
    };
    let problem = |message| Value::problem(Value::text("made-up"), message);
    let empty = || Value::List(Vec::new());
    let kilobyte = || Value::text(&"x".repeat(1024));
    // Within the zeros from the first megabyte on.
    let zeros = |length| Value::Raw(1 << 20, length);
    vec![
        large("huge-text", "answers with a text of five megabytes", "route", problem(zeros(5 << 20))),
        large(
            "one-text-many-times",
            "answers with the same kilobyte 20,000 times",
            "route",
            Value::ok(outcome(empty(), empty(), Value::Repeated(Box::new(kilobyte()), 20_000))),
        ),
        large("million-queries", "asks for 150,000 objects", "locate", Value::ok(zeros(150_000))),
        large(
            "million-changes",
            "changes 100,000 objects",
            "route",
            Value::ok(outcome(zeros(100_000), empty(), empty())),
        ),
        large(
            "million-shares",
            "tells 100,000 shares",
            "route",
            Value::ok(outcome(empty(), zeros(100_000), empty())),
        ),
        too_many(
            "hundred-changes",
            "changes 100 objects",
            "route",
            Value::ok(outcome(
                Value::Repeated(Box::new(Value::Record(vec![Value::Word(0); 12])), 100),
                empty(),
                empty(),
            )),
            "TooManyChanges",
        ),
        too_many(
            "thousands-of-shares",
            "tells 5,000 shares",
            "route",
            Value::ok(outcome(
                empty(),
                Value::Repeated(Box::new(Value::Record(vec![Value::Word(0); 15])), 5_000),
                empty(),
            )),
            "InvalidShares",
        ),
        broken(
            "no-text",
            "answers with a text that is not UTF-8",
            problem(Value::Text(b"ab\xff\xfecd".to_vec())),
        ),
        broken(
            "half-a-character",
            "answers with a text cut in a character",
            problem(Value::Text(vec![0xc3])),
        ),
        broken(
            "text-outside",
            "answers with a text beyond its memory",
            problem(Value::Raw(0x7fff_fff0, 100)),
        ),
        broken(
            "text-over-the-end",
            "answers with a text that goes round",
            problem(Value::Raw(0xffff_fff0, 0x20)),
        ),
        broken(
            "list-outside",
            "answers with a list beyond its memory",
            Value::ok(outcome(empty(), empty(), Value::Raw(0x7fff_fff0, 1))),
        ),
        broken(
            "list-askew",
            "answers with a list at an odd address",
            Value::ok(outcome(empty(), empty(), Value::Raw(513, 1))),
        ),
        broken(
            "list-of-everything",
            "answers with a list as long as there are numbers",
            Value::ok(outcome(empty(), empty(), Value::Raw(8, u32::MAX))),
        ),
        broken(
            "neither",
            "answers with neither an outcome nor a problem",
            Value::Record(vec![Value::Word(7); 32]),
        ),
        broken(
            "no-verdict",
            "answers with a verdict that does not exist",
            Value::ok(Value::Record(vec![empty(), empty(), Value::Word(99), empty(), empty(), empty()])),
        ),
        one(
            "answer-outside",
            "answers beyond its memory",
            router().route("(i32.const -64)"),
            Ends::Fault(FaultReason::InvalidOutput),
        ),
        one(
            "answer-askew",
            "answers at an odd address",
            router().route("(i32.const 513)"),
            Ends::Fault(FaultReason::InvalidOutput),
        ),
        one(
            "no-pattern",
            "describes a pattern of fields that is no pointer",
            changing(Value::texts(&["spec.rules[*].weight"])),
            Ends::Refused("InvalidDescription"),
        ),
    ]
}

/// What `route` answers, of these lists.
fn outcome(changes: Value, shares: Value, notes: Value) -> Value {
    let verdict = Value::Record(vec![Value::Word(0); 3]);
    Value::Record(vec![changes, shares, verdict, notes, Value::List(Vec::new())])
}

/// A guest that may change these fields of routes, and changes the route `web` of the Rollout.
fn changing(fields: Value) -> Guest {
    let text = Value::text;
    let kind = || Value::Record(vec![text("gateway.networking.k8s.io"), text("HTTPRoute")]);
    let none = || Value::Record(vec![Value::Word(0); 3]);
    let some = |value| Value::Record(vec![Value::Word(1), value]);
    let by_name = Value::Record(vec![Value::Word(0), text("web")]);
    let query = Value::Record(vec![kind(), none(), by_name, Value::Word(0)]);
    let patch = r#"[{"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7}]"#;
    let edit = Value::Record(vec![Value::Word(1), text(patch)]);
    let change = Value::Record(vec![kind(), some(text("shop")), text("web"), edit]);
    let description = Description::default().using(Value::texts(&["read", "update"]), fields);
    router()
        .answers("describe", &description.value())
        .answers("locate", &Value::ok(Value::List(vec![query])))
        .answers(
            "route",
            &Value::ok(outcome(Value::List(vec![change]), Value::List(Vec::new()), Value::List(Vec::new()))),
        )
}
