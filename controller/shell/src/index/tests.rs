use serde_json::json;

use super::*;
use crate::caches::{ROLLOUTS, SERVICES};

fn rollout(uid: &str, app: &str) -> Known {
    Known::of(&json!({
        "metadata": {"uid": uid},
        "spec": {
            "selector": {"matchLabels": {"app": app}},
            "strategy": {"canary": {"stableService": format!("{app}-stable"), "canaryService": "shared"}},
        },
    }))
}

fn facts(app: &str, owner: Option<&str>) -> Arc<Facts> {
    Arc::new(Facts {
        uid: "u".into(),
        version: "1".into(),
        generation: None,
        labels: Box::new([("app".into(), app.into())]),
        owner: owner.map(Arc::from),
        manager: None,
    })
}

fn name(name: &str) -> Name {
    Name::new("shop", name)
}

fn change(of: &str, before: Option<Arc<Facts>>, after: Option<Arc<Facts>>) -> Change {
    Change { name: name(of), before, after }
}

/// Rollouts `web` (uid `1`) and `api` (uid `2`).
fn index() -> Index {
    let mut index = Index::default();
    index.put_rollout(&name("web"), rollout("1", "web"));
    index.put_rollout(&name("api"), rollout("2", "api"));
    index
}

fn names(concerned: impl IntoIterator<Item = Name>) -> Vec<String> {
    concerned.into_iter().map(|name| name.name.to_string()).collect()
}

#[test]
fn a_replica_set_concerns_who_controls_it_or_would_adopt_it() {
    let mut index = index();
    for (before, after, concerned) in [
        (None, Some(facts("web", Some("1"))), vec!["web"]),
        (Some(facts("web", Some("1"))), Some(facts("web", None)), vec!["web"]),
        (Some(facts("web", None)), Some(facts("web", Some("2"))), vec!["api", "web"]),
        (Some(facts("web", Some("2"))), Some(facts("web", Some("9"))), vec!["api"]),
        (Some(facts("web", Some("9"))), Some(facts("other", None)), vec![]),
        (Some(facts("other", None)), None, vec![]),
    ] {
        let change = change("set", before.clone(), after.clone());
        assert_eq!(names(index.replica_set_changed(&change)), concerned, "{before:?} {after:?}");
    }
    let web = name("web");
    let (owned, orphans) = index.replica_sets(&web);
    assert_eq!((owned.count(), orphans.count()), (0, 0), "nothing is left behind");
}

#[test]
fn a_rollout_has_the_sets_that_it_controls_and_those_that_nobody_does() {
    let mut index = index();
    for (set, owner) in [("mine", Some("1")), ("theirs", Some("2")), ("nobodys", None)] {
        index.replica_set_changed(&change(set, None, Some(facts("web", owner))));
    }
    let elsewhere =
        Change { name: Name::new("elsewhere", "x"), before: None, after: Some(facts("web", None)) };
    index.replica_set_changed(&elsewhere);
    let web = name("web");
    let (owned, orphans) = index.replica_sets(&web);
    assert_eq!(names(owned.cloned()), ["mine"]);
    assert_eq!(names(orphans.cloned()), ["nobodys"]);
}

#[test]
fn a_service_concerns_those_that_name_it() {
    let mut index = index();
    assert_eq!(names(index.naming(&name("shared")).cloned()), ["api", "web"]);
    assert_eq!(names(index.naming(&name("web-stable")).cloned()), ["web"]);
    index.put_rollout(&name("web"), rollout("1", "renamed"));
    assert_eq!(names(index.naming(&name("web-stable")).cloned()), Vec::<String>::new());
    assert_eq!(names(index.naming(&name("renamed-stable")).cloned()), ["web"]);
    index.remove_rollout(&name("web"));
    assert_eq!(names(index.naming(&name("shared")).cloned()), ["api"]);
}

fn depends(select: Selection) -> Few<Dependency> {
    [Dependency { watch: SERVICES, namespace: "shop".into(), select }].into_iter().collect()
}

#[test]
fn an_object_concerns_whose_query_finds_it_or_found_it() {
    let mut index = index();
    index.depend(&name("web"), depends(Selection::Name("route".to_owned())));
    index.depend(&name("api"), depends(Selection::Labels("app=api".to_owned())));
    let concerned = |index: &Index, of: &str, before: Option<&str>, after: Option<&str>| {
        let facts = |app: Option<&str>| app.map(|app| facts(app, None));
        names(index.depending(SERVICES, &change(of, facts(before), facts(after))))
    };
    assert_eq!(concerned(&index, "route", None, Some("x")), ["web"]);
    assert_eq!(concerned(&index, "route", None, Some("api")), ["api", "web"]);
    assert_eq!(concerned(&index, "other", Some("api"), Some("x")), ["api"]);
    assert_eq!(concerned(&index, "other", Some("x"), None), Vec::<String>::new());

    let (before, after) = index.depend(&name("web"), Few::default());
    assert_eq!((before.len(), after.len()), (1, 0));
    index.depend(&name("api"), depends(Selection::Labels("app=web".to_owned())));
    assert_eq!(concerned(&index, "route", None, Some("api")), Vec::<String>::new());
    assert_eq!(concerned(&index, "route", None, Some("web")), ["api"]);
}

#[test]
fn another_namespace_or_watch_is_not_meant() {
    let mut index = index();
    index.depend(&name("web"), depends(Selection::Name("route".to_owned())));
    let in_namespace = |namespace: &str| Change {
        name: Name::new(namespace, "route"),
        before: None,
        after: Some(facts("x", None)),
    };
    assert!(index.depending(SERVICES, &in_namespace("elsewhere")).is_empty());
    assert!(index.depending(ROLLOUTS, &in_namespace("shop")).is_empty());
    assert_eq!(index.depending(SERVICES, &in_namespace("")).len(), 1, "cluster-scoped objects have none");
}
