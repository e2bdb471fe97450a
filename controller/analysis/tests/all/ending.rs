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
        json!({"metrics": [web(json!({"interval": "soon"}))]}),
        json!({"metrics": [web(json!({"provider": {"datadog": {}}}))]}),
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
fn a_metric_that_cannot_be_judged_or_lacks_an_argument_is_in_error_until_its_limit() {
    for (fields, told) in [
        (json!({"successCondition": "result >"}), "spec.metrics[0].successCondition"),
        (json!({"failureCondition": "nope(result)"}), "spec.metrics[0].failureCondition"),
        (json!({"successCondition": "result > {{args.x}}"}), "args.x"),
        (json!({"interval": "{{args.x}}", "count": 2}), "args.x"),
        (json!({"provider": {"web": {"url": "http://{{args.x}}"}}}), "args.x"),
        (json!({"provider": {"prometheus": {"address": "http://p", "query": "up{{{args.x}}}"}}}), "args.x"),
    ] {
        let fields = |limit: i64| {
            let mut fields = fields.clone();
            fields["consecutiveErrorLimit"] = json!(limit);
            web(fields)
        };
        let other = web(json!({"name": "other", "interval": "5s", "count": 100}));
        let good = json!({"other": vec![1; 100]});
        let spec = json!({"metrics": [fields(2), other], "args": [{"name": "x"}]});
        let mut player = Player::new(spec.clone(), good.clone());
        player.until(15);
        let result = player.result("m");
        assert_eq!((player.phase(), &result["error"]), ("Running", &json!(2)), "{told}");
        for measurement in result["measurements"].as_array().unwrap() {
            assert_eq!(measurement["phase"], "Error");
            assert!(measurement["message"].as_str().unwrap().contains(told), "{measurement}");
        }
        assert!(!player.seconds("other").is_empty() && player.seconds("m").is_empty());
        player.until(60);
        assert_eq!((player.phase(), &player.result("m")["error"]), ("Error", &json!(3)));
        assert!(player.status()["message"].as_str().unwrap().contains(told), "{}", player.status());

        let mut spec = spec;
        spec["metrics"] = json!([fields(100)]);
        let mut player = Player::new(spec, json!({"m": [1]}));
        player.until(120);
        assert_eq!(player.phase(), "Running");
    }
}

#[test]
fn a_value_is_not_judged_by_a_condition_that_was_broken_meanwhile() {
    let mut player =
        Player::new(json!({"metrics": [web(json!({"successCondition": "result > 5"}))]}), json!({"m": [9]}));
    player.pass();
    player.edit(|run| run["spec"]["metrics"][0]["successCondition"] = json!("result >"));
    player.pass();
    assert_eq!(player.result("m")["measurements"][0]["phase"], "Error");
}

#[test]
fn an_argument_that_nothing_uses_may_lack_a_value() {
    let spec = json!({"metrics": [web(json!({}))], "args": [{"name": "x"}]});
    let mut player = Player::new(spec, json!({"m": [1]}));
    player.until(5);
    assert_eq!(player.phase(), "Successful");
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
