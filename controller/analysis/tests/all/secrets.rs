//! Arguments out of Secrets.

use serde_json::json;
use tidegate_analysis::{Effect, Key, Outcome, Secret, SecretKey};

use crate::player::{Player, web};

fn player() -> Player {
    let metrics = json!([
        web(
            json!({"provider": {"web": {"url": "http://x", "headers": [{"key": "Authorization", "value": "Bearer {{args.token}}"}]}}})
        ),
        web(json!({"name": "other"})),
    ]);
    let args = json!([{"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
    Player::new(json!({"metrics": metrics, "args": args}), json!({"other": [1]}))
}

fn key() -> SecretKey {
    SecretKey { name: "s".into(), key: "k".into() }
}

#[test]
fn a_metric_waits_for_its_secret_and_others_do_not() {
    let mut player = player();
    let decision = player.pass();
    assert_eq!(decision.secrets, [key()]);
    assert!(matches!(&decision.effects[..], [Effect::Measure { key, .. }] if key.metric == "other"));
    player.world.secrets.insert(key(), Secret::Known("hunter2".into()));
    let decision = player.pass();
    let [Effect::Measure { provider, .. }] = &decision.effects[..] else { panic!("{decision:?}") };
    assert!(format!("{provider:?}").contains("Bearer hunter2"));
}

#[test]
fn a_secret_does_not_get_into_messages() {
    let mut player = player();
    player.world.secrets.insert(key(), Secret::Known("hunter2".into()));
    player.pass();
    player.answer(Key { metric: "m".into(), number: 1 }, Outcome::Error("refused: Bearer hunter2".into()));
    player.pass();
    assert_eq!(player.result("m")["measurements"][0]["message"], "refused: Bearer *****");
    assert!(!player.world.run.to_string().contains("hunter2"));
    assert!(!format!("{:?}", player.world.secrets).contains("hunter2"));
}

#[test]
fn a_condition_may_depend_on_a_secret() {
    let args = json!([{"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
    let metrics = json!([web(json!({"successCondition": "result < {{args.token}}"}))]);
    for (secret, expected) in [("5", "Successful"), ("1", "Failed")] {
        let mut player = Player::new(json!({"metrics": metrics, "args": args}), json!({"m": [3]}));
        player.world.secrets.insert(key(), Secret::Known(secret.into()));
        player.until(5);
        assert_eq!(player.phase(), expected);
    }
}

#[test]
fn a_secret_that_cannot_be_had_is_an_error_that_may_pass() {
    let mut player = player();
    player.world.secrets.insert(key(), Secret::Missing("it does not exist".into()));
    player.until(15);
    assert_eq!(player.phase(), "Running");
    assert_eq!(player.result("m")["error"], 2);
    player.world.secrets.insert(key(), Secret::Known("hunter2".into()));
    player.script.insert("m".into(), vec![json!(1)]);
    player.until(60);
    assert_eq!(player.phase(), "Successful");

    let mut player = self::player();
    player.world.secrets.insert(key(), Secret::Missing("it does not exist".into()));
    player.until(60);
    assert_eq!(player.phase(), "Error");
    assert_eq!(player.seconds("m"), Vec::<i64>::new());
}

#[test]
fn a_secret_does_not_get_into_the_query_that_is_shown() {
    let prometheus = json!({"address": "http://p", "query": "up{token=\"{{args.token}}\"}"});
    let args = json!([{"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
    let metrics = json!([{"name": "m", "provider": {"prometheus": prometheus}}]);
    let mut player = Player::new(json!({"metrics": metrics, "args": args}), json!({"m": [1]}));
    player.world.secrets.insert(key(), Secret::Known("hunter2".into()));
    player.until(5);
    assert_eq!(player.result("m")["metadata"]["ResolvedPrometheusQuery"], "up{token=\"*****\"}");
    assert!(!player.world.run.to_string().contains("hunter2"));
}
