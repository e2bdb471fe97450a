//! What seeds draw: valid specs, of all kinds.

use tidegate_explore::{Edit, Happening, Kind, Meddling, Plan};
use tidegate_model::validate::validate;

#[test]
fn specs_are_valid() {
    for seed in 0..500 {
        let plan = Plan::of(seed);
        for rollout in plan.scenario.rollouts() {
            let errors = validate(&rollout);
            assert!(errors.is_empty(), "seed {seed}: {errors:?} in {rollout}");
        }
    }
}

#[test]
fn everything_that_can_be_drawn_is() {
    let plans: Vec<Plan> = (0..500).map(Plan::of).collect();
    let apps = || plans.iter().flat_map(|plan| &plan.scenario.apps);
    for count in 1..=4 {
        assert!(plans.iter().any(|plan| plan.scenario.apps.len() == count), "{count} Rollouts");
    }
    assert!(apps().any(|app| app.routers.len() > 1), "several routers");
    assert!(
        plans.iter().any(|plan| plan.scenario.routes().iter().any(|(_, apps)| apps.len() > 1)),
        "shared routes"
    );
    for field in ["dynamicStableScale", "replicaProgressThreshold", "minPodsPerReplicaSet"] {
        assert!(apps().any(|app| app.canary.contains_key(field)), "{field}");
    }
    assert!(apps().any(|app| app.max_weight != 100) && apps().any(|app| app.replicas == 0));
    for scale_down in ["never", "onsuccess", "progressively"] {
        let mut deployments = apps().filter_map(|app| app.deployment);
        assert!(deployments.any(|one| one.scale_down == scale_down), "{scale_down}");
    }
    for step in ["setWeight", "pause", "setCanaryScale", "setHeaderRoute", "setMirrorRoute"] {
        assert!(apps().flat_map(|app| &app.steps).any(|one| one.get(step).is_some()), "{step}");
    }
    for step in ["analysis", "experiment"] {
        assert!(apps().flat_map(|app| &app.steps).any(|one| one.get(step).is_some()), "{step}");
    }
    assert!(apps().any(|app| app.canary.contains_key("analysis")), "an analysis beside the steps");
    for kind in ["AnalysisRun", "Experiment"] {
        let mut alone = plans.iter().flat_map(|plan| &plan.scenario.evidence.alone);
        assert!(alone.any(|object| object["kind"] == kind), "{kind} of no Rollout");
    }
    let happenings = || plans.iter().flat_map(|plan| &plan.happenings).map(|timed| &timed.what);
    let is_any = |test: fn(&Happening) -> bool| happenings().any(test);
    assert!(is_any(|one| matches!(one, Happening::Edit { what: Edit::Delete, .. })));
    assert!(is_any(|one| matches!(one, Happening::Edit { what: Edit::DeleteWorkload, .. })));
    assert!(is_any(|one| matches!(one, Happening::Edit { what: Edit::Restart(_), .. })));
    assert!(
        is_any(|one| matches!(one, Happening::Request { .. }))
            && is_any(|one| matches!(one, Happening::Crash { .. }))
    );
    assert!(
        is_any(|one| matches!(one, Happening::Leads { .. }))
            && is_any(|one| matches!(one, Happening::Watch { .. }))
    );
    assert!(
        is_any(|one| matches!(one, Happening::Compact))
            && is_any(|one| matches!(one, Happening::Plugin { .. }))
    );
    assert!(
        is_any(|one| matches!(one, Happening::Gateway(_)))
            && is_any(|one| matches!(one, Happening::Pods { .. }))
    );
    assert!(
        is_any(|one| matches!(one, Happening::PodsLost { .. }))
            && is_any(|one| matches!(one, Happening::ClockJump { .. }))
    );
    assert!(
        is_any(|one| matches!(one, Happening::Metrics(_))) && is_any(|one| matches!(one, Happening::Jobs(_)))
    );
    let meddlings: [fn(&Meddling) -> bool; 9] = [
        |one| matches!(one, Meddling::End(Kind::Run, _)),
        |one| matches!(one, Meddling::Delete(Kind::Experiment, _)),
        |one| matches!(one, Meddling::DeleteSet(_)),
        |one| matches!(one, Meddling::DeleteService(_)),
        |one| matches!(one, Meddling::Scribble(Kind::Run, ..)),
        |one| matches!(one, Meddling::Scribble(Kind::Experiment, ..)),
        |one| matches!(one, Meddling::Scribble(Kind::Rollout, ..)),
        |one| matches!(one, Meddling::DeleteTemplate(_)),
        |one| matches!(one, Meddling::ChangeTemplate(..)),
    ];
    for (index, is_it) in meddlings.into_iter().enumerate() {
        assert!(
            happenings().any(|one| matches!(one, Happening::Meddling(what) if is_it(what))),
            "number {index} of the meddlings"
        );
    }
}
