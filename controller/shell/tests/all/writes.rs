//! Writes of other objects that fail for good.

use serde_json::json;
use tidegate_api::{ApiError, Operation};

use crate::canary::{finish, updating};
use crate::rig::{Fate, Rig, is_kind, is_write, minutes};

fn fails(rig: &Rig) -> Option<(String, String)> {
    let condition = rig.condition("web", "WriteFailed")?;
    let text = |field: &str| condition[field].as_str().unwrap().to_owned();
    Some((text("reason"), text("message")))
}

#[test]
fn a_forbidden_write_is_a_condition_with_the_missing_rule_until_it_works() {
    let mut rig = updating();
    rig.fate = Box::new(|_, request| {
        if is_kind(request, "ReplicaSet") && is_write(request) {
            Fate::Refused(ApiError::new(
                403,
                "Forbidden",
                "replicasets is forbidden: User \"x\" cannot do that",
            ))
        } else {
            Fate::Answered
        }
    });
    rig.forget_requests();
    rig.run(minutes(10));
    let (reason, message) = fails(&rig).unwrap();
    assert_eq!(reason, "Forbidden");
    assert!(message.contains("resources: [\"replicasets\"]"), "{message}");
    assert!(rig.writes_of("ReplicaSet") < 25, "{}", rig.writes_of("ReplicaSet"));
    assert!(rig.writes_of("Rollout") <= 3, "the new template, its revision, and the condition once");
    assert_eq!(rig.weights("web"), (100, 0));

    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.run(minutes(3));
    assert_eq!(fails(&rig), None);
    assert_eq!(rig.weights("web"), (50, 50), "{}", rig.phase("web"));
}

#[test]
fn a_refused_write_is_a_condition_with_the_servers_words() {
    let mut rig = updating();
    rig.fate = Box::new(|_, request| match &request.operation {
        Operation::Create { .. } => Fate::Refused(ApiError::new(422, "Invalid", "the template is not valid")),
        _ => Fate::Answered,
    });
    rig.run(minutes(2));
    let (reason, message) = fails(&rig).unwrap();
    assert_eq!(reason, "WriteRejected");
    assert!(message.contains("the template is not valid"), "{message}");
    let progressing = rig.condition("web", "Progressing").unwrap();
    assert_eq!(
        (&progressing["status"], &progressing["reason"]),
        (&json!("False"), &json!("ReplicaSetCreateError"))
    );
    let said = progressing["message"].as_str().unwrap();
    assert!(
        said.starts_with("Failed to create new replica set \"web-")
            && said.ends_with(": the template is not valid"),
        "{said}"
    );
    let told =
        rig.events.iter().filter(|event| event.reason == "ReplicaSetCreateError" && event.message == said);
    assert_eq!(told.count(), 1);
    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.run(minutes(4));
    assert_eq!(fails(&rig), None);
    assert_ne!(rig.condition("web", "Progressing").unwrap()["reason"], "ReplicaSetCreateError");
    finish(&mut rig);
}

#[test]
fn a_name_that_is_taken_is_no_endless_loop() {
    let mut rig = updating();
    rig.fate = Box::new(|_, request| match &request.operation {
        Operation::Create { .. } => Fate::Refused(ApiError::new(409, "AlreadyExists", "it already exists")),
        _ => Fate::Answered,
    });
    rig.forget_requests();
    rig.run(minutes(10));
    assert!(rig.requests.len() < 80, "{}", rig.requests.len());
    assert!(fails(&rig).is_some());
    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.run(minutes(3));
    finish(&mut rig);
}

#[test]
fn a_status_that_cannot_be_written_is_tried_now_and_then() {
    let mut rig = updating();
    rig.fate = Box::new(|_, request| match &request.operation {
        Operation::Patch { subresource: Some(_), .. } => Fate::Refused(ApiError::new(403, "Forbidden", "no")),
        _ => Fate::Answered,
    });
    rig.forget_requests();
    rig.run(minutes(10));
    assert!((5..60).contains(&rig.requests.len()), "{}", rig.requests.len());
    assert_eq!(rig.weights("web"), (100, 0), "no step is taken that is not written down");
    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.run(minutes(3));
    finish(&mut rig);
}
