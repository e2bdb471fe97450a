use serde_json::json;
use tidegate_api::builtin;

use super::*;

const OURS: &str = "tidegate";

fn object(name: &str, uid: &str, version: &str) -> Value {
    json!({"metadata": {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": version}})
}

fn cache(keep: Keep) -> Cache {
    let mut cache = Cache::new(keep);
    cache.begin_list(builtin::services());
    for (name, version) in [("a", "5"), ("b", "6")] {
        cache.put(object(name, name, version), OURS, 10);
    }
    cache.end_list();
    cache
}

fn version(cache: &Cache, name: &str) -> Option<String> {
    cache.facts(&Name::new("shop", name)).map(|facts| facts.version.to_string())
}

#[test]
fn a_list_makes_it_synced_and_whatever_it_does_not_name_is_gone() {
    let mut cache = cache(Keep::Parsed);
    assert_eq!(cache.state, State::Synced);
    cache.begin_list(builtin::services());
    assert!(cache.put(object("b", "b", "6"), OURS, 10).is_none(), "it is as it was");
    let gone: Vec<Name> = cache.end_list().into_iter().map(|change| change.name).collect();
    assert_eq!(gone, [Name::new("shop", "a")]);
    assert_eq!(version(&cache, "b").as_deref(), Some("6"));
}

#[test]
fn only_news_are_changes() {
    // Version known, uid and version reported, whether it is news, version known then.
    for (uid, reported, is_news, then) in [
        ("a", "5", false, "5"),
        ("a", "4", false, "5"),
        ("a", "7", true, "7"),
        ("made-anew", "9", true, "9"),
        ("made-before", "2", false, "5"),
        ("a", "opaque", true, "opaque"),
    ] {
        let mut cache = cache(Keep::Parsed);
        let change = cache.put(object("a", uid, reported), OURS, 10);
        assert_eq!(change.is_some(), is_news, "{uid} {reported}");
        assert_eq!(version(&cache, "a").as_deref(), Some(then), "{uid} {reported}");
    }
}

#[test]
fn a_list_counts_even_when_it_is_older() {
    let mut cache = cache(Keep::Parsed);
    cache.begin_list(builtin::services());
    assert!(cache.put(object("a", "a", "3"), OURS, 10).is_some());
    assert_eq!(version(&cache, "a").as_deref(), Some("3"));
}

#[test]
fn a_late_removal_of_an_earlier_object_says_nothing() {
    for (uid, reported, is_gone) in
        [("a", "8", true), ("a", "5", true), ("made-before", "2", false), ("missed", "9", true)]
    {
        let mut cache = cache(Keep::Parsed);
        assert_eq!(cache.take(&object("a", uid, reported)).is_some(), is_gone, "{uid} {reported}");
        assert_eq!(version(&cache, "a").is_none(), is_gone, "{uid} {reported}");
    }
}

#[test]
fn of_the_managers_only_the_last_other_one_is_kept() {
    let entry = |manager: &str, time: &str, part: &str| json!({"manager": manager, "time": time, "subresource": part});
    let mut object = object("a", "a", "9");
    object["metadata"]["managedFields"] = json!([
        entry("helm", "2026-01-01T00:00:00Z", ""),
        entry("kubectl-edit", "2026-01-03T00:00:00Z", ""),
        entry("argocd", "2026-01-02T00:00:00Z", ""),
        entry("gateway", "2026-01-05T00:00:00Z", "status"),
        entry(OURS, "2026-01-04T00:00:00Z", ""),
    ]);
    let mut cache = cache(Keep::Parsed);
    let change = cache.put(object, OURS, 10).unwrap();
    assert_eq!(change.after.unwrap().manager.as_deref(), Some("kubectl-edit"));
    let kept = cache.value(&Name::new("shop", "a"), 10).unwrap();
    assert!(kept["metadata"].get("managedFields").is_none());
}

#[test]
fn what_lists_leave_out_is_filled_in() {
    let cache = cache(Keep::Text);
    let kept: Value = serde_json::from_str(&cache.text(&Name::new("shop", "a")).unwrap()).unwrap();
    assert_eq!((&kept["apiVersion"], &kept["kind"]), (&json!("v1"), &json!("Service")));
}

#[test]
fn text_and_parsed_form_are_the_same_object_however_many_are_kept_parsed() {
    for keep in [Keep::Parsed, Keep::ParsedWithoutLastApplied, Keep::Text] {
        let mut cache = Cache::new(keep);
        cache.begin_list(builtin::services());
        let make = |index: usize| {
            let mut object = object(&index.to_string(), "u", "1");
            object["apiVersion"] = json!("v1");
            object["kind"] = json!("Service");
            object["unknown"] = json!({"z": 18_446_744_073_709_551_615_u64, "a": [1.5, null, "é\u{1}"]});
            object
        };
        for index in 0..20 {
            cache.put(make(index), OURS, 3);
        }
        cache.end_list();
        for index in (0..20).chain(0..20) {
            let name = Name::new("shop", &index.to_string());
            assert_eq!(*cache.value(&name, 3).unwrap(), make(index));
            assert_eq!(*cache.text(&name).unwrap(), *make(index).to_string());
        }
    }
}

#[test]
fn what_is_used_stays_parsed_while_others_come_and_go() {
    let mut cache = Cache::new(Keep::Parsed);
    let name = |index: usize| Name::new("shop", &index.to_string());
    let put = |cache: &mut Cache, index: usize, version: &str| {
        cache.put(object(&index.to_string(), "u", version), OURS, 3);
    };
    put(&mut cache, 0, "1");
    for index in 1..20 {
        let before = cache.value(&name(0), 3).unwrap();
        put(&mut cache, index, "1");
        assert!(Arc::ptr_eq(&before, &cache.value(&name(0), 3).unwrap()), "{index}");
    }
    // Many states of one object take one place.
    let [first, last] = [0, 19].map(|index| cache.value(&name(index), 3).unwrap());
    for version in 2..20 {
        put(&mut cache, 18, &version.to_string());
    }
    assert!(Arc::ptr_eq(&first, &cache.value(&name(0), 3).unwrap()));
    assert!(Arc::ptr_eq(&last, &cache.value(&name(19), 3).unwrap()));
    let parsed = cache.objects.values().filter(|stored| stored.value.is_some()).count();
    assert_eq!(parsed, 3);
}

#[test]
fn what_kubectl_keeps_is_left_out_where_nobody_reads_it() {
    let mut object = object("a", "a", "9");
    object["metadata"]["annotations"] = json!({LAST_APPLIED: "{}", "team": "shop"});
    let mut cache = cache(Keep::ParsedWithoutLastApplied);
    cache.put(object, OURS, 10);
    let kept = cache.value(&Name::new("shop", "a"), 10).unwrap();
    assert_eq!(kept["metadata"]["annotations"], json!({"team": "shop"}));
}

#[test]
fn an_edition_moves_with_the_generation_where_there_is_one() {
    let facts = |version: &str, generation: Option<i64>| {
        let mut object = object("a", "a", version);
        object["metadata"]["generation"] = json!(generation);
        Facts::of(&object, OURS)
    };
    assert_eq!(facts("5", Some(2)).edition(), facts("6", Some(2)).edition());
    assert_ne!(facts("5", Some(2)).edition(), facts("5", Some(3)).edition());
    assert_ne!(facts("5", None).edition(), facts("6", None).edition());
}
