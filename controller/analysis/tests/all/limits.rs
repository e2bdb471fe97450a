//! What the measurements of a metric mean for it, and what metrics mean for their run.

use serde_json::{Value, json};

use crate::player::{Player, web};

/// A metric that is good above 5 and bad below 1, with what is measured, and how it ends.
fn ends(fields: Value, measured: Value) -> (String, Value) {
    let mut metric =
        web(json!({"interval": "1m", "successCondition": "result > 5", "failureCondition": "result < 1"}));
    metric.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let mut player = Player::new(json!({"metrics": [metric]}), json!({"m": measured}));
    player.until(3600);
    (player.phase().to_owned(), player.result("m"))
}

#[test]
fn limits_decide_how_a_metric_ends() {
    let (good, bad, between, error) = (json!(9), json!(0), json!(3), json!("broken"));
    for (fields, measured, expected) in [
        (json!({"count": 2}), json!([good, good]), "Successful"),
        (json!({"count": 2}), json!([bad]), "Failed"),
        (json!({"count": 3, "failureLimit": 1}), json!([bad, good, good]), "Successful"),
        (json!({"count": 3, "failureLimit": 1}), json!([bad, good, bad]), "Failed"),
        (json!({"count": 3, "failureLimit": -1}), json!([bad, bad, bad]), "Successful"),
        (json!({"count": 3, "failureLimit": "2"}), json!([bad, bad, good]), "Successful"),
        (json!({"count": 1}), json!([between]), "Inconclusive"),
        (json!({"count": 3, "inconclusiveLimit": 1}), json!([between, good, good]), "Successful"),
        (json!({"count": 3, "inconclusiveLimit": 1}), json!([between, between]), "Inconclusive"),
        (json!({"count": 2, "inconclusiveLimit": -1}), json!([between, between]), "Successful"),
        (json!({"count": 1}), json!([error, error, error, error, good]), "Successful"),
        (json!({"count": 1}), json!([error, error, error, error, error]), "Error"),
        (
            json!({"count": 2}),
            json!([error, error, error, error, good, error, error, error, error, good]),
            "Successful",
        ),
        (json!({"count": 1, "consecutiveErrorLimit": 0}), json!([error]), "Error"),
        (
            json!({"consecutiveSuccessLimit": 2, "failureLimit": 5}),
            json!([good, bad, good, good]),
            "Successful",
        ),
        (json!({"consecutiveSuccessLimit": 2, "failureLimit": 5}), json!([good, error, good]), "Running"),
        (json!({"consecutiveSuccessLimit": 2}), json!([good, bad]), "Failed"),
        (
            json!({"count": 3, "consecutiveSuccessLimit": 2, "failureLimit": 3}),
            json!([good, bad, good]),
            "Inconclusive",
        ),
        (
            json!({"count": 3, "consecutiveSuccessLimit": 2, "failureLimit": -1}),
            json!([good, bad, good]),
            "Failed",
        ),
        (
            json!({"count": 3, "consecutiveSuccessLimit": 2, "failureLimit": -1}),
            json!([bad, good, good]),
            "Successful",
        ),
        (json!({"count": 0}), json!([good, good, good]), "Running"),
        (json!({}), json!([good, good, good]), "Running"),
        (json!({"interval": null}), json!([good]), "Successful"),
    ] {
        let (phase, result) = ends(fields.clone(), measured.clone());
        assert_eq!(phase, expected, "{fields}: {measured}: {result}");
    }
}

#[test]
fn the_status_is_written_as_argo_writes_it() {
    let metric =
        web(json!({"successCondition": "result > 5", "interval": "30s", "count": 2, "failureLimit": 1}));
    let mut player = Player::new(json!({"metrics": [metric]}), json!({"m": [9, "broken", 1]}));
    player.until(600);
    let at = |seconds: i64| format!("2026-01-31T12:00:{seconds:02}Z");
    assert_eq!(
        player.status(),
        &json!({
            "phase": "Successful",
            "startedAt": at(0),
            "completedAt": at(40),
            "metricResults": [{
                "name": "m", "phase": "Successful",
                "measurements": [
                    {"phase": "Successful", "startedAt": at(0), "value": "9", "finishedAt": at(0)},
                    {"phase": "Error", "message": "broken", "startedAt": at(30), "finishedAt": at(30)},
                    {"phase": "Failed", "startedAt": at(40), "value": "1", "finishedAt": at(40)},
                ],
                "count": 2, "successful": 1, "failed": 1, "error": 1,
            }],
            "runSummary": {"count": 1, "successful": 1},
            "dryRunSummary": {},
        })
    );
    assert_eq!(player.notes, ["MetricSuccessful", "AnalysisRunSuccessful"]);
}

#[test]
fn the_worst_metric_decides_and_is_named() {
    let metric = |name: &str, condition: &str| web(json!({"name": name, "successCondition": condition}));
    let spec =
        json!({"metrics": [metric("a", "result > 5"), metric("b", "result > 5"), metric("c", "result > 5")]});
    let mut player = Player::new(spec, json!({"a": [9], "b": [1], "c": [9]}));
    player.until(600);
    assert_eq!(player.phase(), "Failed");
    assert_eq!(
        player.status()["message"],
        "Metric \"b\" assessed Failed due to failed (1) > failureLimit (0)"
    );
    assert_eq!(player.status()["runSummary"], json!({"count": 3, "successful": 2, "failed": 1}));

    let spec = json!({"metrics": [metric("a", "result.x.y > 5")]});
    let mut player = Player::new(spec, json!({"a": [1, 1, 1, 1, 1]}));
    player.until(600);
    assert_eq!(player.phase(), "Error");
    let message = player.status()["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with(
            "Metric \"a\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4)"
        ),
        "{message}"
    );
}

#[test]
fn dry_runs_are_recorded_and_decide_nothing() {
    let metric = |name: &str| web(json!({"name": name, "successCondition": "result > 5"}));
    let spec = json!({"metrics": [metric("real"), metric("try-1"), metric("try-2")], "dryRun": [{"metricName": "^try-"}]});
    let mut player = Player::new(spec, json!({"real": [9], "try-1": [1], "try-2": [9]}));
    player.until(600);
    assert_eq!(player.phase(), "Successful");
    assert_eq!(player.result("try-1")["phase"], "Failed");
    assert_eq!(player.result("try-1")["dryRun"], true);
    assert_eq!(
        player.result("try-1")["message"],
        "Metric assessed Failed due to failed (1) > failureLimit (0)"
    );
    assert_eq!(player.status()["runSummary"], json!({"count": 1, "successful": 1}));
    assert_eq!(player.status()["dryRunSummary"], json!({"count": 2, "successful": 1, "failed": 1}));

    let spec = json!({"metrics": [metric("try-1")], "dryRun": [{"metricName": ".*"}]});
    let mut player = Player::new(spec, json!({"try-1": [1]}));
    player.until(600);
    assert_eq!(player.phase(), "Successful");
}

#[test]
fn only_so_many_measurements_are_kept() {
    let metric = web(json!({"interval": "1s", "count": 30}));
    for (rules, kept) in [(json!(null), 10), (json!([{"metricName": "m", "limit": 3}]), 3)] {
        let spec = json!({"metrics": [metric], "measurementRetention": rules});
        let mut player = Player::new(spec, json!({"m": vec![1; 30]}));
        player.until(600);
        assert_eq!(player.phase(), "Successful");
        assert_eq!(player.result("m")["measurements"].as_array().unwrap().len(), kept);
        assert_eq!(player.result("m")["count"], 30);
    }
}
