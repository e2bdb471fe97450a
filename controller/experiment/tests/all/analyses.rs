//! Analyses of an Experiment.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_analysis::Reference;

use crate::player::{Player, template};

fn player(analyses: Value, fields: Value) -> Player {
    let mut spec =
        json!({"templates": [template("a", json!({})), template("b", json!({}))], "analyses": analyses});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let mut player = Player::new(spec);
    let reference = Reference { cluster: false, name: "check".into() };
    let spec = json!({"args": [{"name": "hash", "value": ""}, {"name": "end", "value": ""}],
        "metrics": [{"name": "m", "provider": {"web": {"url": "http://{{args.hash}}/"}}}]});
    player.world.templates.insert(reference, Arc::new(json!({"spec": spec})));
    player
}

fn analysis(name: &str, fields: Value) -> Value {
    let mut analysis = json!({"name": name, "templateName": "check"});
    analysis.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    analysis
}

fn set_phase(player: &mut Player, run: &str, phase: &str) {
    let mut changed = (*player.world.runs[run]).clone();
    changed["status"] = json!({"phase": phase, "message": "because"});
    player.world.runs.insert(run.into(), Arc::new(changed));
}

fn is_told(player: &Player, run: &str) -> bool {
    player.world.runs[run]["spec"]["terminate"] == true
}

#[test]
fn analyses_begin_when_all_pods_were_available() {
    let args = json!([{"name": "hash", "value": "{{templates.b.podTemplateHash}}"}, {"name": "end", "value": "{{experiment.finishedAt}}"}]);
    let mut player = player(json!([analysis("x", json!({"args": args}))]), json!({"duration": "1m"}));
    player.is_healthy = false;
    player.settle();
    assert!(player.world.runs.is_empty());
    player.until(10);
    player.is_healthy = true;
    player.settle();
    let run = &player.world.runs["exp-x"];
    let hash = player.template("b")["podTemplateHash"].clone();
    assert_eq!(
        run["spec"]["args"],
        json!([{"name": "hash", "value": hash}, {"name": "end", "value": "2026-01-31T12:01:10Z"}])
    );
    assert_eq!(
        player.status()["analysisRuns"],
        json!([{"name": "x", "analysisRun": "exp-x", "phase": "Pending"}])
    );
}

#[test]
fn an_analysis_that_is_not_good_ends_all() {
    for phase in ["Failed", "Error", "Inconclusive"] {
        let mut player = player(json!([analysis("x", json!({})), analysis("y", json!({}))]), json!({}));
        player.settle();
        set_phase(&mut player, "exp-x", phase);
        player.settle();
        assert!(is_told(&player, "exp-y"));
        assert_eq!(player.phase(), "Running");
        set_phase(&mut player, "exp-y", "Successful");
        player.settle();
        assert_eq!(player.phase(), phase);
        assert_eq!(player.template("a")["status"], "Successful");
    }
}

#[test]
fn required_analyses_say_when_it_is_over() {
    let analyses = json!([analysis("x", json!({"requiredForCompletion": true})), analysis("y", json!({}))]);
    for duration in [json!(null), json!("1m")] {
        let mut player = player(analyses.clone(), json!({"duration": duration}));
        player.until(600);
        assert_eq!(player.phase(), "Running");
        set_phase(&mut player, "exp-x", "Successful");
        player.settle();
        assert!(is_told(&player, "exp-y"));
        set_phase(&mut player, "exp-y", "Successful");
        player.settle();
        assert_eq!(player.phase(), "Successful");
    }
}

#[test]
fn other_analyses_end_with_the_experiment() {
    let mut player = player(json!([analysis("x", json!({}))]), json!({"duration": "1m"}));
    player.until(59);
    set_phase(&mut player, "exp-x", "Running");
    player.until(60);
    assert!(is_told(&player, "exp-x"));
    assert_eq!(player.phase(), "Running");
    set_phase(&mut player, "exp-x", "Failed");
    player.settle();
    assert_eq!(player.phase(), "Failed");
}

#[test]
fn a_run_that_cannot_be_made_is_an_error() {
    for analysis in [
        json!({"name": "x", "templateName": "missing"}),
        analysis("x", json!({"args": [{"name": "hash", "value": "{{templates.z.podTemplateHash}}"}]})),
    ] {
        let mut player = player(json!([analysis]), json!({}));
        player.until(60);
        assert_eq!(player.phase(), "Error", "{analysis}");
    }
}

#[test]
fn a_name_that_somebody_else_has_gets_a_number() {
    let mut player = player(json!([analysis("x", json!({}))]), json!({}));
    let foreign = Arc::new(
        json!({"metadata": {"name": "exp-x", "namespace": "ns", "uid": "f"}, "status": {"phase": "Failed"}}),
    );
    player.world.runs.insert("exp-x".into(), foreign.clone());
    player.settle();
    assert!(player.world.runs.contains_key("exp-x.1"));
    assert_eq!(player.world.runs["exp-x"], foreign);
    assert_eq!(player.phase(), "Running");
}
