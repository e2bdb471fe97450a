//! Answers that break the contract, and some that use all of it.

use tidegate_contract::{Edit, FaultReason, Kind, ObjectRef, Router, Share, Verdict};
use tidegate_runtime::LoadReason;

use crate::guest::{Guest, ends, fault, load, plugin, route, small, target, traffic};

/// Stores words at an address, one after the other.
fn store(at: u32, words: &[u32]) -> String {
    words
        .iter()
        .zip((at..).step_by(4))
        .map(|(word, at)| format!("(i32.store (i32.const {at}) (i32.const {word}))\n"))
        .collect()
}

/// An answer of `route` that is all right and has these words after its tag: changes, shares, verdict, notes, facts.
fn answers(words: &[u32]) -> String {
    format!("{}{}(i32.const 512)", store(512, &[0]), store(516, words))
}

#[test]
fn an_answer_that_is_too_large_is_refused_before_it_is_copied() {
    // 4000 notes, all of them the same 64 KiB of memory.
    let guest = Guest { pages: Some(4), ..Guest::new() }.route(&format!(
        "(local $n i32)
         (memory.fill (i32.const 65536) (i32.const 97) (i32.const 65536))
         (loop $again
           (i32.store (i32.add (i32.const 131072) (i32.shl (local.get $n) (i32.const 3))) (i32.const 65536))
           (i32.store (i32.add (i32.const 131076) (i32.shl (local.get $n) (i32.const 3))) (i32.const 65536))
           (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 4000))))
         {}",
        answers(&[0, 0, 0, 0, 0, 0, 0, 131_072, 4000, 0, 0])
    ));
    assert_eq!(ends(&guest), FaultReason::OutputTooLarge);
}

#[test]
fn one_text_that_is_too_large_is_refused() {
    let large = u32::try_from(small().output_bytes + 1).unwrap();
    let guest = Guest { pages: Some(4), ..Guest::new() }
        .route(&answers(&[0, 0, 0, 0, 1, 131_072, large, 0, 0, 0, 0]));
    assert_eq!(ends(&guest), FaultReason::OutputTooLarge);
    let fits = Guest { pages: Some(4), ..Guest::new() }.route(&answers(&[
        0,
        0,
        0,
        0,
        1,
        131_072,
        large - 1024,
        0,
        0,
        0,
        0,
    ]));
    let outcome = route(&plugin(&fits)).unwrap();
    // It came out whole, and is cut and escaped for people.
    assert_eq!(outcome.verdict, Verdict::Pending(format!("{}…", "\\u{0}".repeat(1024))));
}

#[test]
fn a_text_that_is_not_utf_8_is_refused() {
    let guest = Guest::new()
        .items(r#"(data (i32.const 600) "ab\ff\fecd")"#)
        .route(&answers(&[0, 0, 0, 0, 1, 600, 6, 0, 0, 0, 0]));
    assert_eq!(ends(&guest), FaultReason::InvalidOutput);
}

#[test]
fn forms_that_cannot_be_are_refused() {
    let many = 0x0fff_ffff;
    for (what, body) in [
        ("list outside the memory", answers(&[0, 0, 0, 0, 0, 0, 0, 0x7fff_fff0, 1, 0, 0])),
        ("list that is too long", answers(&[0, 0, 0, 0, 0, 0, 0, 8, many, 0, 0])),
        ("list at an odd address", answers(&[0, 0, 0, 0, 0, 0, 0, 601, 1, 0, 0])),
        ("text outside the memory", answers(&[0, 0, 0, 0, 1, 0x7fff_fff0, 100, 0, 0, 0, 0])),
        ("verdict that does not exist", answers(&[0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0])),
        ("neither answer nor problem", format!("{}(i32.const 512)", store(512, &[7]))),
        ("answer at an odd address", "(i32.const 513)".into()),
        ("answer outside the memory", "(i32.const -64)".into()),
    ] {
        assert_eq!(ends(&Guest::new().route(&body)), FaultReason::InvalidOutput, "{what}");
    }
}

#[test]
fn a_broken_allocator_is_no_danger() {
    for address in ["-8", "3"] {
        let guest = Guest { realloc: Some(format!("(i32.const {address})")), ..Guest::new() };
        let plugin = plugin(&guest);
        assert_eq!(fault(route(&plugin)).reason, FaultReason::InvalidOutput, "{address}");
    }
}

#[test]
fn a_whole_outcome_comes_out_as_it_went_in() {
    let texts = r#"(data (i32.const 600) "HTTPRoute") (data (i32.const 616) "cart") (data (i32.const 632) "shop")
                   (data (i32.const 640) "[]") (data (i32.const 648) "/spec") (data (i32.const 656) "canary")
                   (data (i32.const 664) "careful") (data (i32.const 680) "gw") "#;
    // A reference: kind (group, kind), namespace, name.
    let reference = |namespaced: u32| [680, 2, 600, 9, namespaced, 632, 4, 616, 4];
    let mut changes = Vec::new();
    for (namespaced, edit) in [(1, [1, 640, 2]), (0, [2, 0, 0]), (1, [0, 640, 2])] {
        changes.extend(reference(namespaced));
        changes.extend(edit);
    }
    let mut shares = Vec::from(reference(1));
    shares.extend([648, 5, 656, 6, 3, 7]);
    let guest = Guest::new().items(texts).route(&format!(
        "{}{}{}{}{}",
        store(1024, &changes),
        store(2048, &shares),
        store(3072, &[664, 7]),
        store(3100, &[616, 4, 632, 4]),
        answers(&[1024, 3, 2048, 1, 3, 680, 2, 3072, 1, 3100, 1])
    ));
    let outcome = route(&plugin(&guest)).unwrap();
    let named = |namespace: Option<&str>| ObjectRef {
        kind: Kind::new("gw", "HTTPRoute"),
        namespace: namespace.map(Into::into),
        name: "cart".into(),
    };
    let changes: Vec<_> = outcome.changes.iter().map(|change| (&change.reference, &change.edit)).collect();
    assert_eq!(
        changes,
        [
            (&named(Some("shop")), &Edit::JsonPatch("[]".into())),
            (&named(None), &Edit::Remove),
            (&named(Some("shop")), &Edit::Replace("[]".into())),
        ]
    );
    let share = Share {
        about: named(Some("shop")),
        at: "/spec".into(),
        destination: "canary".into(),
        weight: 3,
        total: 7,
    };
    assert_eq!(outcome.shares, [share]);
    assert_eq!(outcome.verdict, Verdict::Unreported("gw".into()));
    assert_eq!(outcome.notes, ["careful"]);
    assert_eq!(outcome.facts, [("cart".to_owned(), "shop".to_owned())]);
}

#[test]
fn a_problem_is_an_answer_not_a_fault() {
    let guest = Guest::new()
        .items(r#"(data (i32.const 600) "missing-object") (data (i32.const 616) "no route")"#)
        .body(
            "locate",
            &format!("{}(i32.const 512)", store(512, &[1, 600, 14, 616, 8, 0, 0, 0, 0, 0, 0, 0, 0])),
        );
    let plugin = plugin(&guest);
    let mut session = plugin.session().unwrap();
    for _ in 0..2 {
        let error = session.locate(&target(), &traffic(), &[]).unwrap_err();
        assert_eq!(error.reason(), "missing-object");
    }
    assert!(session.route(&target(), &traffic(), &[]).is_ok());
}

#[test]
fn more_notes_than_allowed_are_cut_off() {
    let guest = Guest::new().route(&format!(
        "{}{}",
        store(1024, &[8, 5].repeat(20)),
        answers(&[0, 0, 0, 0, 0, 0, 0, 1024, 20, 0, 0])
    ));
    let notes = route(&plugin(&guest)).unwrap().notes;
    assert_eq!(notes.len(), 16);
    assert!(notes[..15].iter().all(|note| note == "guest"));
    assert!(notes[15].contains('5'), "{}", notes[15]);
}

#[test]
fn descriptions_are_checked() {
    let text = |at: u32, length: u32| store(64, &[at, length]) + "(i32.const 64)";
    let spaces = Guest::new().items(r#"(data (i32.const 600) "a b")"#).body("describe", &text(600, 3));
    // One kind use with the verb `explode`.
    let verb = Guest::new().items(r#"(data (i32.const 600) "explode")"#).body(
        "describe",
        &(store(700, &[600, 7])
            + &store(720, &[8, 5, 8, 5, 0, 0, 700, 1, 0, 0])
            + &store(88, &[720, 1])
            + "(i32.const 64)"),
    );
    let features = Guest::new().body("describe", &(store(80, &[1024, 65]) + "(i32.const 64)"));
    for guest in [Guest::new().body("describe", &text(0, 0)), spaces, verb, features] {
        let error = load(&guest, &small()).unwrap_err();
        assert_eq!(error.reason, LoadReason::StartFailed, "{error}");
    }
    assert_eq!(plugin(&Guest::new()).description().name, "guest");
}
