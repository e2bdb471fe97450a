//! When metrics are measured.

use serde_json::json;
use tidegate_analysis::{Effect, Key, Outcome};

use crate::player::{Player, web};

#[test]
fn measurements_follow_delay_interval_and_errors() {
    let metrics = json!([
        web(json!({"name": "once"})),
        web(json!({"name": "delayed", "initialDelay": "90s"})),
        web(json!({"name": "every", "interval": "1m", "count": 3})),
        web(json!({"name": "flaky", "interval": "5m", "count": 2})),
    ]);
    let script = json!({"once": [1], "delayed": [1], "every": [1, 1, 1], "flaky": ["e", "e", 1, 1]});
    let mut player = Player::new(json!({"metrics": metrics}), script);
    player.until(3600);
    assert_eq!(player.phase(), "Successful");
    assert_eq!(player.seconds("once"), [0]);
    assert_eq!(player.seconds("delayed"), [90]);
    assert_eq!(player.seconds("every"), [0, 60, 120]);
    assert_eq!(player.seconds("flaky"), [0, 10, 20, 320]);
}

#[test]
fn a_measurement_is_asked_for_until_its_answer_is_in_the_status() {
    let mut player = Player::new(json!({"metrics": [web(json!({"interval": "1m"}))]}), json!({}));
    let key = Key { metric: "m".into(), number: 1 };
    for _ in 0..3 {
        let decision = player.pass();
        assert!(matches!(&decision.effects[..], [Effect::Measure { key: asked, .. }] if *asked == key));
    }
    player.answer(key.clone(), Outcome::Error("late".into()));
    player.answer(key.clone(), Outcome::Error("twice".into()));
    assert_eq!(player.pass().effects, []);
    assert_eq!(player.result("m")["error"], 1);
    // An answer that was taken in before, and one about something that was never asked.
    player.answer(key, Outcome::Error("again".into()));
    player.answer(Key { metric: "m".into(), number: 7 }, Outcome::Error("early".into()));
    player.answer(Key { metric: "unknown".into(), number: 1 }, Outcome::Error("odd".into()));
    player.pass();
    assert_eq!(player.result("m")["error"], 1);
    assert_eq!(player.status()["metricResults"].as_array().unwrap().len(), 1);
}

#[test]
fn nothing_is_lost_when_a_process_ends_between_measuring_and_writing() {
    let mut player = Player::new(json!({"metrics": [web(json!({}))]}), json!({"m": [1]}));
    player.pass();
    assert_eq!(player.taken.len(), 1);
    // Nobody remembers the answer.
    player.world.answers.clear();
    player.script.insert("m".into(), vec![json!(1)]);
    player.until(60);
    assert_eq!(player.phase(), "Successful");
    let first = player.taken[0].0.clone();
    assert!(player.taken.iter().all(|(key, _)| *key == first), "{:?}", player.taken);
}

#[test]
fn arguments_are_in_place_when_something_is_asked() {
    let metric = json!({"name": "{{args.name}}", "count": "{{ args.count }}", "interval": "1s",
        "successCondition": "result == '{{args.quote}}'", "provider": {"web": {"url": "http://{{args.host}}/"}}});
    let args = json!([{"name": "name", "value": "named"}, {"name": "count", "value": "2"}, {"name": "host", "value": "h"},
        {"name": "quote", "value": "\""}]);
    let mut player = Player::new(json!({"metrics": [metric], "args": args}), json!({}));
    let decision = player.pass();
    let [Effect::Measure { key, provider }] = &decision.effects[..] else { panic!("{decision:?}") };
    assert_eq!(key.metric, "named");
    assert!(format!("{provider:?}").contains("http://h/"));
}
