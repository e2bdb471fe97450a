//! Measurements that last.

use serde_json::json;
use tidegate_analysis::{Effect, Key, Outcome, Phase};

use crate::player::{Player, web};

fn job(name: &str) -> serde_json::Value {
    json!({"name": name, "provider": {"job": {"spec": {"template": {"spec": {"containers": []}}}}}})
}

fn key(metric: &str, number: u64) -> Key {
    Key { metric: metric.into(), number }
}

fn resume(metric: &str, number: u64) -> Effect {
    Effect::Resume { key: key(metric, number), job: format!("uid-1.{metric}.{number}") }
}

#[test]
fn a_job_is_followed_until_it_ends() {
    for (phase, expected) in [(Phase::Successful, "Successful"), (Phase::Failed, "Failed")] {
        let mut player = Player::new(json!({"metrics": [job("curl")]}), json!({}));
        assert!(matches!(&player.pass().effects[..], [Effect::Measure { .. }]));
        player.answer(key("curl", 1), Outcome::Running);
        assert_eq!(player.pass().effects, [resume("curl", 1)]);
        assert_eq!(player.result("curl")["measurements"][0]["metadata"], json!({"job-name": "uid-1.curl.1"}));
        player.answer(key("curl", 1), Outcome::Running);
        assert_eq!(player.pass().effects, [resume("curl", 1)]);
        player.answer(key("curl", 1), Outcome::Verdict { phase, message: "said".into() });
        assert_eq!(player.pass().effects, []);
        assert_eq!(player.phase(), expected);
        assert_eq!(player.result("curl")["message"], "said");
    }
}

#[test]
fn a_job_that_ended_before_it_was_seen_running_counts_once() {
    let mut player = Player::new(json!({"metrics": [job("curl")]}), json!({}));
    player.pass();
    player.answer(key("curl", 1), Outcome::Verdict { phase: Phase::Successful, message: String::new() });
    player.pass();
    assert_eq!(player.phase(), "Successful");
    assert_eq!(player.result("curl")["measurements"].as_array().unwrap().len(), 1);
}

#[test]
fn a_job_that_is_gone_is_run_again_under_another_name() {
    let mut player = Player::new(json!({"metrics": [job("curl")]}), json!({}));
    player.pass();
    player.answer(key("curl", 1), Outcome::Running);
    player.pass();
    player.answer(key("curl", 1), Outcome::Error("it does not exist".into()));
    player.until(10);
    let asked = player.pass().effects;
    assert!(
        matches!(&asked[..], [Effect::Measure { key: asked, .. }] if *asked == key("curl", 2)),
        "{asked:?}"
    );
}

#[test]
fn a_failing_metric_ends_the_jobs_of_others() {
    let metrics = json!([job("curl"), web(json!({"successCondition": "result > 5", "initialDelay": "5s"}))]);
    let mut player = Player::new(json!({"metrics": metrics}), json!({"m": [1]}));
    player.pass();
    player.answer(key("curl", 1), Outcome::Running);
    player.until(5);
    let terminate = Effect::Terminate { key: key("curl", 1), job: "uid-1.curl.1".into() };
    assert_eq!(player.last.as_ref().unwrap().effects, std::slice::from_ref(&terminate));
    assert_eq!(player.phase(), "Running");
    assert_eq!(player.pass().effects, [terminate]);
    player.answer(key("curl", 1), Outcome::Terminated);
    player.pass();
    assert_eq!(player.phase(), "Failed");
    assert_eq!(player.result("curl")["phase"], "Successful");
    assert_eq!(player.result("curl")["measurements"][0]["message"], "metric terminated");
}

#[test]
fn jobs_of_forgotten_measurements_are_deleted() {
    let mut metric = job("curl");
    metric["interval"] = json!("1s");
    let spec = json!({"metrics": [metric], "measurementRetention": [{"metricName": "curl", "limit": 1}]});
    let mut player = Player::new(spec, json!({}));
    for number in 1..=2 {
        player.pass();
        player.answer(key("curl", number), Outcome::Running);
        player.pass();
        player.answer(
            key("curl", number),
            Outcome::Verdict { phase: Phase::Successful, message: String::new() },
        );
        let decision = player.pass();
        player.now = decision.wake_at.unwrap();
        let deleted = Effect::DeleteJob { job: "uid-1.curl.1".into() };
        assert!(!decision.effects.contains(&deleted), "the only one is kept");
        if number == 2 {
            player.pass();
            player.answer(key("curl", 3), Outcome::Running);
            let effects = player.pass().effects;
            assert_eq!(effects, [resume("curl", 3), Effect::DeleteJob { job: "uid-1.curl.2".into() }]);
        }
    }
}

#[test]
fn what_is_under_way_without_a_job_is_taken_again() {
    for (metric, measurement) in [
        (job("m"), json!({"phase": "Running"})),
        (job("m"), json!({"phase": "odd", "metadata": {"job-name": ""}})),
        (web(json!({})), json!({"phase": "Running", "metadata": {"job-name": "x"}})),
        (web(json!({})), json!({})),
    ] {
        let mut player = Player::new(json!({"metrics": [metric]}), json!({"m": [1]}));
        player.edit(|run| {
            run["status"] = json!({"metricResults": [{"name": "m", "measurements": [measurement]}]});
        });
        player.pass();
        assert_eq!(player.result("m")["error"], 1, "{measurement}");
        player.until(60);
        assert!(
            player.taken.iter().all(|(taken, at)| *taken == key("m", 2) && *at >= 10),
            "{:?}",
            player.taken
        );
    }
}
