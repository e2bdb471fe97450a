//! What is said before a switch from Argo's controller, of a cluster that it has left in the middle of a canary.

use std::process::Output;

use serde_json::{Value, json};
use tidegate_api::Body;
use tidegate_tests::{Controller, Fixture, Planner, eventually, servers};

use super::exclusion::{virtual_services, with_istio};
use super::quick_argo;
use crate::end_to_end::{QUICK_ELECTION, leads};

/// The report, and the exit status that came with it.
fn read(output: &Output) -> (Value, Option<i32>) {
    let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{said}"));
    assert_eq!(report["exitCode"].as_i64(), output.status.code().map(i64::from));
    (report, output.status.code())
}

#[test]
fn what_a_switch_would_do_is_said_before_and_nothing_is_written() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "preflight").await;
        let argo = quick_argo(servers, &fixture.namespace).await;
        with_istio(&fixture, json!([{ "setWeight": 20 }, { "pause": {} }])).await;
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        let admin = Planner::admin(servers, &fixture);
        eventually("the canary rests, and a switch changes no traffic", || async {
            let (report, code) = read(&admin.preflight(&[]));
            if code == Some(0) { Ok(()) } else { Err(report.to_string()) }
        })
        .await;
        argo.kill();
        let versions = fixture.versions().await.unwrap();
        let (report, _) = read(&admin.preflight(&[]));
        let [rollout] = report["rollouts"].as_array().unwrap().as_slice() else { panic!("{report}") };
        assert_eq!((&rollout["phase"], &rollout["step"]), (&json!("Paused"), &json!(1)));
        assert_eq!(rollout["replicaSet"]["foundBy"], "hash");
        assert_eq!(report["lease"]["whose"], "argo-rollouts");
        assert_eq!((&report["missingRights"], &report["notes"]), (&json!([]), &json!([])));

        // Whoever may only read learns which rights a controller needs besides.
        let reader = Planner::new(servers, &fixture).await;
        let (report, code) = read(&reader.preflight(&[]));
        let missing = report["missingRights"].as_array().unwrap();
        let patch = json!({ "verb": "patch", "group": "networking.istio.io", "resource": "virtualservices" });
        assert!(code == Some(3) && missing.contains(&patch), "{report}");
        assert!(missing.iter().all(|right| right["verb"] != "get"), "{report}");

        // Somebody has changed the weights while nobody looked.
        let change = json!([{ "op": "replace", "path": "/spec/http/0/route/1/weight", "value": 30 }]);
        let change = Body::Json(change);
        fixture.admin.patch(&virtual_services(), &fixture.namespace, "web", None, change).await.unwrap();
        let (report, code) = read(&admin.preflight(&[]));
        let changes = report["rollouts"][0]["changes"].as_array().unwrap();
        let weight = changes.iter().find(|one| one["field"] == "/spec/http/0/route/1/weight");
        let weight = weight.unwrap_or_else(|| panic!("{report}"));
        assert_eq!((code, &weight["has"], &weight["would"]), (Some(1), &json!(30), &json!(20)));
        assert_eq!(fixture.versions().await.unwrap(), versions, "nothing was written");

        // And so it comes.
        let ours = Controller::start_ready(servers, &fixture.namespace, &QUICK_ELECTION).await;
        eventually("it leads, and the weight is back", || async {
            let service = fixture.get(&virtual_services(), "web").await?;
            let weight = &service["spec"]["http"][0]["route"][1]["weight"];
            if leads(&ours) && weight == 20 { Ok(()) } else { Err(weight.to_string()) }
        })
        .await;
        fixture.expect_paused_at(1).await;
    });
}
