//! Plans against a live cluster, for which another in-memory cluster stands.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_api::{Request, builtin};
use tidegate_cluster::Cluster;
use tidegate_plan::{Action, Input, Listing, Source, SourceError, Verb, plan_live};
use tidegate_shell::{Settings, Shell, WatchKey};
use tidegate_simulate::{Driver, objects, patch_of};

use crate::support::{app, input, plugins, rollout, sections, titles, told};

/// A live cluster with its controller.
struct Live {
    driver: Driver,
    asked: Vec<WatchKey>,
}

impl Live {
    /// The app, some time after it was applied.
    fn new() -> Self {
        let mut cluster = Cluster::new(tidegate_cluster::Settings { seed: 7, ..Default::default() });
        for object in app("web:1") {
            objects::apply(&mut cluster, &object).unwrap();
        }
        let mut live = Self {
            driver: Driver::new(cluster, Shell::new(Settings::default()), plugins()),
            asked: Vec::new(),
        };
        live.pass(Duration::from_mins(2));
        live
    }

    fn pass(&mut self, time: Duration) {
        let until = self.driver.elapsed() + time;
        loop {
            self.driver.settle(&mut |_, _, _| {});
            match self.driver.next_due().filter(|due| *due <= until) {
                Some(due) => self.driver.advance_to(due),
                None => break self.driver.advance_to(until),
            }
        }
    }

    fn patch(&mut self, patch: Value) {
        let key = tidegate_api::object::key(&builtin::rollouts(), &self.rollout());
        let request: Request = patch_of(&key, None, patch);
        self.driver.act("edited", &request).unwrap();
    }

    fn rollout(&self) -> Value {
        self.driver.cluster.object(&builtin::rollouts(), "default", "web").unwrap().as_ref().clone()
    }

    fn input(&self, manifests: Vec<Value>) -> Input {
        Input { now: self.driver.cluster.now(), ..input(manifests) }
    }

    fn objects(&self) -> Vec<Value> {
        self.driver.cluster.all_objects().map(|object| object.as_ref().clone()).collect()
    }
}

impl Source for Live {
    fn list(&mut self, watch: &WatchKey) -> Result<Option<Listing>, SourceError> {
        assert!(!self.asked.contains(watch), "asked twice for {watch:?}");
        self.asked.push(watch.clone());
        let cluster = &self.driver.cluster;
        let Some(resource) = cluster.served(&watch.group, &watch.kind).cloned() else { return Ok(None) };
        let objects = cluster.objects(&resource, watch.namespace.as_deref());
        let objects = objects.map(|object| object.as_ref().clone()).collect();
        Ok(Some(Listing { resource, objects }))
    }
}

#[test]
fn a_new_version_is_planned_from_what_there_is() {
    let mut live = Live::new();
    let before = live.objects();
    let plan = plan_live(live.input(vec![rollout("web:2")]), &plugins(), &mut live).unwrap();
    assert!(plan.is_complete(), "{plan:#?}");
    assert_eq!(
        titles(&plan)[..3],
        ["The new version is applied", "The update begins", "Step 1/4 (setWeight: 25)"]
    );
    assert_eq!(live.objects(), before, "nothing is written");
}

#[test]
fn what_is_there_already_needs_nothing() {
    let mut live = Live::new();
    let plan = plan_live(live.input(vec![rollout("web:1")]), &plugins(), &mut live).unwrap();
    assert!(plan.is_empty() && plan.is_complete(), "{plan:#?}");
}

#[test]
fn an_update_in_flight_goes_on_from_where_it_stands() {
    let mut live = Live::new();
    live.patch(json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}}));
    live.pass(Duration::from_mins(5));
    assert_eq!(live.rollout()["status"]["currentStepIndex"], 1);
    let plan = plan_live(live.input(vec![rollout("web:2")]), &plugins(), &mut live).unwrap();
    assert!(plan.is_complete(), "{plan:#?}");
    assert_eq!(
        titles(&plan)[..3],
        ["Promoted, as `kubectl argo rollouts promote` does", "Step 2/4 (pause)", "Step 3/4 (setWeight: 50)"]
    );
    let made = |plan: &tidegate_plan::Plan| {
        let changes = plan.rollouts[0].sections.iter().flat_map(|section| &section.changes);
        changes.filter(|change| change.verb == Verb::Create).count()
    };
    assert_eq!(made(&plan), 0, "its ReplicaSet is there");

    let mut again = Live { asked: Vec::new(), ..live };
    let abort = Input { action: Action::Abort, ..again.input(vec![rollout("web:2")]) };
    let aborted = plan_live(abort, &plugins(), &mut again).unwrap();
    assert!(aborted.is_complete(), "{aborted:#?}");
    let mut routes: Vec<String> =
        sections(&aborted).iter().flat_map(|section| told(section, "HTTPRoute")).collect();
    routes.retain(|told| told.contains("weight"));
    assert_eq!(
        routes,
        [
            "web spec.rules[0].backendRefs[stable].weight 75>100",
            "web spec.rules[0].backendRefs[canary].weight 25>0"
        ]
    );
}

#[test]
fn an_earlier_revision_comes_back() {
    let mut live = Live::new();
    live.patch(json!({"spec": {"strategy": {"canary": {"steps": []}},
                              "template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}}));
    live.pass(Duration::from_mins(10));
    assert_eq!(live.rollout()["status"]["phase"], "Healthy");
    let mut same = rollout("web:2");
    same["spec"]["strategy"]["canary"]["steps"] = json!([]);
    let undo = Input { action: Action::Undo, ..live.input(vec![same]) };
    let plan = plan_live(undo, &plugins(), &mut live).unwrap();
    assert!(plan.is_complete(), "{plan:#?}");
    assert!(titles(&plan)[0].starts_with("Undone to revision 1"), "{:?}", titles(&plan));
    assert_eq!(
        told(&sections(&plan)[0], "Rollout")[0],
        r#"web spec.template.spec.containers[web].image "web:2">"web:1""#
    );
}

#[test]
fn a_rollout_that_is_not_there_is_made() {
    let mut live = Live::new();
    let mut other = rollout("web:1");
    other["metadata"]["name"] = json!("other");
    other["spec"]["strategy"]["canary"] = json!({"steps": []});
    let plan = plan_live(live.input(vec![other]), &plugins(), &mut live).unwrap();
    assert!(plan.is_complete(), "{plan:#?}");
    assert_eq!(titles(&plan), ["First revision"]);
}

#[test]
fn who_cannot_read_has_no_plan() {
    struct Closed;
    impl Source for Closed {
        fn list(&mut self, watch: &WatchKey) -> Result<Option<Listing>, SourceError> {
            Err(SourceError { kind: watch.kind.to_string(), message: "forbidden".to_owned() })
        }
    }
    let error = plan_live(input(vec![rollout("web:1")]), &plugins(), &mut Closed).unwrap_err();
    assert_eq!(error.reason(), "Unreadable");
}

/// A dump of a cluster, as `kubectl get -o yaml` writes it, is planned from where it stands, too.
#[test]
fn a_dump_is_as_good_as_the_cluster() {
    let mut live = Live::new();
    live.patch(json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}}));
    live.pass(Duration::from_mins(5));
    let kinds = ["Rollout", "ReplicaSet", "Service", "HTTPRoute"];
    let dump = live.objects().into_iter().filter(|one| kinds.contains(&one["kind"].as_str().unwrap()));
    let from_dump = tidegate_plan::plan(live.input(dump.collect()), &plugins()).unwrap();
    let from_live = plan_live(live.input(vec![rollout("web:2")]), &plugins(), &mut live).unwrap();
    assert_eq!(from_dump.rollouts, from_live.rollouts);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Wherever an update stands, what is planned is what then happens.
    #[test]
    fn what_is_planned_happens(seconds in 0_u64..120) {
        let mut live = Live::new();
        live.patch(json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}}));
        live.pass(Duration::from_secs(seconds));
        let before = live.objects();
        let plan = plan_live(live.input(vec![rollout("web:2")]), &plugins(), &mut live).unwrap();
        prop_assert!(plan.is_complete(), "{plan:#?}");
        prop_assert_eq!(live.objects(), before, "nothing is written");
        let planned: BTreeMap<String, usize> = plan.rollouts[0].sections.iter().flat_map(|section| &section.changes)
            .filter(|change| change.kind == "HTTPRoute")
            .fold(BTreeMap::new(), |mut counts, change| {
                *counts.entry(serde_json::to_string(&change.fields).unwrap()).or_default() += 1;
                counts
            });
        live.driver.keep_journal();
        // The user promotes, as the plan does.
        for _ in 0..3 {
            live.pass(Duration::from_mins(3));
            let key = tidegate_api::object::key(&builtin::rollouts(), &live.rollout());
            let promote = patch_of(&key, Some("status"), json!({"status": {"pauseConditions": null}}));
            if live.rollout()["status"]["currentStepIndex"] == 1 {
                live.driver.act("promoted", &promote).unwrap();
            }
        }
        let mut happened: BTreeMap<String, usize> = BTreeMap::new();
        for write in live.driver.take_journal() {
            if &*write.object.kind == "HTTPRoute" {
                let without = |object: Option<&Value>| {
                    let mut object = object.unwrap().clone();
                    object.as_object_mut().unwrap().shift_remove("status");
                    object
                };
                let fields = tidegate_plan::difference(
                    Some(&without(write.before.as_deref())),
                    Some(&without(write.after.as_deref())),
                );
                *happened.entry(serde_json::to_string(&fields).unwrap()).or_default() += 1;
            }
        }
        prop_assert_eq!(planned, happened);
        prop_assert_eq!(&live.rollout()["status"]["phase"], "Healthy");
    }
}
