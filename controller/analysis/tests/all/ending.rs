//! How runs end, and what becomes of them.

use serde_json::{Value, json};
use tidegate_analysis::Effect;

use crate::player::{Player, web};

#[test]
fn a_run_that_is_terminated_ends_as_what_it_has_seen() {
    let metric = web(json!({"interval": "1m", "successCondition": "result > 5", "failureLimit": 3}));
    for (script, seconds, expected) in [
        (json!({"m": [9, 9]}), 70, "Successful"),
        (json!({"m": [9, 1]}), 70, "Successful"),
        (json!({}), 0, "Successful"),
    ] {
        let mut player = Player::new(json!({"metrics": [metric]}), script);
        player.until(seconds);
        assert_eq!(player.phase(), "Running");
        player.edit(|run| run["spec"]["terminate"] = json!(true));
        assert_eq!(player.pass().effects, []);
        assert_eq!(player.phase(), expected);
        assert_eq!(player.status()["message"], "Run Terminated");
    }
    let mut player = Player::new(json!({"metrics": [metric], "terminate": true}), json!({}));
    player.pass();
    assert_eq!((player.phase(), player.taken.len()), ("Successful", 0));
}

#[test]
fn a_spec_that_cannot_be_acted_on_ends_the_run_at_once() {
    let good = web(json!({}));
    for spec in [
        json!(null),
        json!({}),
        json!({"metrics": []}),
        json!({"metrics": "m"}),
        json!({"metrics": [good, good]}),
        json!({"metrics": [web(json!({"successCondition": "result >"}))]}),
        json!({"metrics": [web(json!({"interval": "soon"}))]}),
        json!({"metrics": [web(json!({"provider": {"datadog": {}}}))]}),
        json!({"metrics": [web(json!({"successCondition": "result > {{args.x}}"}))]}),
        json!({"metrics": [good], "args": [{"name": "x"}]}),
        json!({"metrics": [good], "args": [{"name": "x", "value": "1"}, {"name": "x", "value": "1"}]}),
        json!({"metrics": [good], "args": [{"name": "x", "value": 1}]}),
        json!({"metrics": [good], "args": {}}),
        json!({"metrics": [good], "dryRun": [{"metricName": "other"}]}),
        json!({"metrics": [good], "dryRun": [{"metricName": "("}]}),
        json!({"metrics": [good], "measurementRetention": [{"metricName": "m", "limit": 0}]}),
    ] {
        let mut player = Player::new(spec.clone(), json!({"m": [1]}));
        player.until(60);
        assert_eq!(player.phase(), "Error", "{spec}");
        assert_ne!(player.status()["message"], Value::Null, "{spec}");
        assert_eq!(player.taken, [], "{spec}");
        assert_eq!(player.notes, ["AnalysisRunError"], "{spec}");
    }
}

#[test]
fn a_run_that_is_over_stays_as_it_is_until_its_time_to_live_ends() {
    for (strategy, measured, seconds) in [
        (json!(null), 9, None),
        (json!({"secondsAfterCompletion": 60}), 9, Some(60)),
        (json!({"secondsAfterCompletion": 60, "secondsAfterSuccess": 30}), 9, Some(30)),
        (json!({"secondsAfterCompletion": 60, "secondsAfterFailure": 30}), 9, Some(60)),
        (json!({"secondsAfterCompletion": 60, "secondsAfterFailure": 30}), 1, Some(30)),
        (json!({"secondsAfterSuccess": 30}), 1, None),
        (json!({"secondsAfterCompletion": -5}), 1, Some(0)),
    ] {
        let metric = web(json!({"successCondition": "result > 5"}));
        let mut player =
            Player::new(json!({"metrics": [metric], "ttlStrategy": strategy}), json!({"m": [measured]}));
        player.pass();
        player.pass();
        let status = player.status().clone();
        player.until(1000);
        assert_eq!(player.status(), &status);
        let effects = player.pass().effects;
        assert_eq!(effects, seconds.map(|_| Effect::DeleteRun).into_iter().collect::<Vec<_>>(), "{strategy}");
        if let Some(seconds) = seconds.filter(|seconds| *seconds > 0) {
            player.now = player.start;
            let decision = player.pass();
            assert_eq!(decision.effects, []);
            assert_eq!(decision.wake_at.unwrap().duration_since(player.start).as_secs(), seconds);
        }
    }
}

#[test]
fn a_run_that_is_being_deleted_is_left_alone() {
    let mut player = Player::new(json!({"metrics": [web(json!({}))]}), json!({"m": [1]}));
    player.edit(|run| run["metadata"]["deletionTimestamp"] = json!("2026-01-31T12:00:00Z"));
    let decision = player.pass();
    assert_eq!((decision.effects, decision.wake_at, decision.status), (vec![], None, Value::Null));
}

#[test]
fn unknown_fields_of_the_status_are_kept() {
    let mut player = Player::new(json!({"metrics": [web(json!({"interval": "1m"}))]}), json!({"m": [1]}));
    player.edit(|run| {
        run["status"] = json!({"new": 1, "metricResults": [{"name": "m", "newer": 2}, {"name": "gone", "phase": "Successful"}]});
    });
    player.until(30);
    assert_eq!(player.status()["new"], 1);
    assert_eq!(player.result("m")["newer"], 2);
    assert_eq!(player.result("m")["count"], 1);
    assert_eq!(player.result("gone")["phase"], "Successful");
}
