//! The worked traces of a routed canary: every write that a pass makes, in its order, through a real router's question, guard
//! and write. What Argo Rollouts does in the same place is in the comments where it differs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_api::{Body, Operation, Request, builtin, object};
use tidegate_shell::Settings;

use crate::manifests;
use crate::rig::{Rig, minutes, seconds};

const HASH: &str = "rollouts-pod-template-hash";

/// Ten pods, 20, a pause, 60, a pause of 10 s.
fn trace() -> Rig {
    let mut rig = Rig::empty(Settings::default());
    let mut objects = manifests::shop("web");
    let rollout = objects.iter_mut().find(|one| one["kind"] == "Rollout").unwrap();
    rollout["spec"]["replicas"] = json!(10);
    rollout["spec"]["strategy"]["canary"]["steps"] =
        json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "10s"}}]);
    rig.apply_all(objects);
    rig.start();
    rig.run(minutes(1));
    assert!(rig.is_healthy("web"), "{}", rig.phase("web"));
    rig.forget_requests();
    rig
}

/// What was written since the last time, in words.
struct Story {
    status: Value,
    images: BTreeMap<String, String>,
    last: String,
}

impl Story {
    fn new(rig: &Rig) -> Self {
        Self { status: rig.rollout("web")["status"].clone(), images: BTreeMap::new(), last: String::new() }
    }

    /// Lets users do this, and tells of what is written in this time.
    fn of(&mut self, rig: &mut Rig, time: Duration, users: impl FnOnce(&mut Rig)) -> Vec<String> {
        users(rig);
        rig.forget_requests();
        self.status = rig.rollout("web")["status"].clone();
        rig.run(time);
        for set in rig.cluster.objects(&builtin::replica_sets(), Some("shop")) {
            let image = set["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
            let hash = object::label(set, HASH).unwrap();
            self.images.insert(hash.to_owned(), image.replace("web:", "v"));
        }
        let requests = std::mem::take(&mut rig.requests);
        requests.iter().filter_map(|request| self.tell(request)).collect()
    }

    fn image(&self, text: &str) -> String {
        let hash = text.rsplit('-').next().unwrap();
        self.images.get(hash).cloned().unwrap_or_else(|| "nothing".to_owned())
    }

    fn tell(&mut self, request: &Request) -> Option<String> {
        let kind = request.resource.kind.as_ref();
        match &request.operation {
            Operation::Create { object } => {
                Some(format!("{} made with {}", self.image(object::name(object)), object["spec"]["replicas"]))
            }
            Operation::Patch { subresource: Some(_), body: Body::Merge(patch), .. } => {
                json_patch::merge(&mut self.status, &patch["status"]);
                let line = position(&self.status);
                (line != self.last).then(|| {
                    self.last.clone_from(&line);
                    line
                })
            }
            Operation::Patch { name, body: Body::Merge(patch), .. } if kind == "ReplicaSet" => {
                let image = self.image(name);
                let deadline = patch.pointer("/metadata/annotations/scale-down-deadline");
                match (patch.pointer("/spec/replicas"), deadline) {
                    (Some(replicas), _) => Some(format!("{image} scaled to {replicas}")),
                    (None, Some(Value::String(_))) => Some(format!("{image} gets a deadline")),
                    _ => None,
                }
            }
            Operation::Patch { name, body: Body::Merge(patch), .. } if kind == "Service" => {
                let hash = patch["spec"]["selector"][HASH].as_str()?;
                Some(format!("{name} selects {}", self.image(hash)))
            }
            Operation::Patch { body: Body::Json(patch), .. } => {
                let operations = patch.as_array().unwrap().iter();
                let weights: Vec<String> = operations
                    .filter(|one| one["op"] != "test" && one["path"].as_str().unwrap().ends_with("weight"))
                    .map(|one| one["value"].to_string())
                    .collect();
                Some(format!("route {}", weights.join("/")))
            }
            _ => None,
        }
    }
}

/// Step, phase, message, weights and pauses of a status.
fn position(status: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let weights = &status["canary"]["weights"];
    let pauses = status["pauseConditions"].as_array().map_or(0, Vec::len);
    let parts = [
        format!("step {}", status["currentStepIndex"]),
        format!("{} {}", text(&status["phase"]), text(&status["message"])).trim().to_owned(),
        format!("{}/{}", weights["stable"]["weight"], weights["canary"]["weight"]),
    ];
    let mut line = parts.join(", ");
    if weights["verified"] == false {
        line.push_str(", unverified");
    }
    if pauses > 0 {
        line.push_str(", paused");
    }
    if status["abort"] == true {
        line.push_str(", aborted");
    }
    line
}

const NONE: [&str; 0] = [];
const MORE: &str = "Progressing more replicas need to be updated";
const LAST: &str = "Progressing waiting for all steps to complete";
const ABORTED: &str = "Degraded RolloutAborted: Rollout aborted update to revision 2";

#[test]
fn from_the_template_to_the_end() {
    let mut rig = trace();
    let mut story = Story::new(&rig);
    let told = story.of(&mut rig, minutes(1), |rig| rig.set_image("web", "web:2"));
    assert_eq!(
        told,
        [
            &format!("step 0, {MORE}, 100/0"),
            // In Argo Rollouts with none, and scaled in the next pass.
            "v2 made with 2",
            "web-canary selects v2",
            &format!("step 0, {MORE}, 100/0, unverified"),
            // Not before both pods are there, and not before it is recorded on the Rollout.
            "route 80/20",
            &format!("step 0, {MORE}, 80/20, unverified"),
            "step 1, Paused CanaryPauseStep, 80/20, paused",
        ]
    );
    assert_eq!(story.of(&mut rig, minutes(120), |_| {}), NONE, "until somebody promotes it");

    let told = story.of(&mut rig, seconds(8), |rig| rig.promote("web"));
    assert_eq!(
        told,
        [
            &format!("step 2, {MORE}, 80/20"),
            "v2 scaled to 6",
            "route 40/60",
            &format!("step 2, {MORE}, 40/60, unverified"),
            "step 3, Paused CanaryPauseStep, 40/60, paused",
        ]
    );

    let told = story.of(&mut rig, seconds(30), |_| {});
    assert_eq!(
        told,
        [
            &format!("step 4, {MORE}, 40/60"),
            "v2 scaled to 10",
            &format!("step 4, {LAST}, 40/60"),
            "route 0/100",
            &format!("step 4, {LAST}, 0/100, unverified"),
            // Verified. Argo Rollouts marks it stable now, and switches the Service while it has no weight to speak of.
            "web-stable selects v2",
            &format!("step 4, {LAST}, 0/100"),
            "step 4, Healthy, 0/100",
            "route 100/0",
            "step 4, Healthy, 100/0, unverified",
            "v1 gets a deadline",
            "step 4, Healthy, 100/0",
        ]
    );
    assert_eq!(story.of(&mut rig, minutes(1), |_| {}), ["v1 scaled to 0"]);
    assert_eq!(story.of(&mut rig, minutes(120), |_| {}), NONE);
}

/// One at its second pause.
fn at_60() -> Rig {
    let mut rig = trace();
    rig.set_image("web", "web:2");
    rig.run(minutes(1));
    rig.promote("web");
    rig.run(seconds(8));
    assert_eq!(rig.weights("web"), (40, 60), "{}", rig.phase("web"));
    rig
}

#[test]
fn aborted_at_60() {
    let mut rig = at_60();
    let mut story = Story::new(&rig);
    let told = story.of(&mut rig, minutes(5), |rig| rig.abort("web"));
    assert_eq!(
        told,
        [
            "route 100/0",
            "web-canary selects v1",
            &format!("step 0, {ABORTED}, 100/0, unverified, aborted"),
            "v2 gets a deadline",
            &format!("step 0, {ABORTED}, 100/0, aborted"),
            "v2 scaled to 0",
        ]
    );
}

#[test]
fn superseded_at_60() {
    let mut rig = at_60();
    let mut story = Story::new(&rig);
    let told = story.of(&mut rig, seconds(20), |rig| rig.set_image("web", "web:3"));
    assert_eq!(
        told,
        [
            &format!("step 0, {MORE}, 40/60"),
            // All to stable, verified, before the canary Service turns to other pods.
            "route 100/0",
            "v3 made with 2",
            &format!("step 0, {MORE}, 100/0, unverified"),
            &format!("step 0, {MORE}, 100/0"),
            "web-canary selects v3",
            "route 80/20",
            &format!("step 0, {MORE}, 80/20, unverified"),
            // Argo Rollouts scales it to 0 at once.
            "v2 gets a deadline",
            "step 1, Paused CanaryPauseStep, 80/20, paused",
        ]
    );
}

#[test]
fn rolled_back_at_60() {
    let mut rig = at_60();
    let mut story = Story::new(&rig);
    let told = story.of(&mut rig, minutes(2), |rig| rig.set_image("web", "web:1"));
    assert_eq!(
        told,
        [
            "step 4, Healthy, 40/60",
            "route 100/0",
            "step 4, Healthy, 100/0, unverified",
            "web-canary selects v1",
            "step 4, Healthy, 100/0",
            "v2 gets a deadline",
            "v2 scaled to 0",
        ]
    );
}
