//! Simulations that cannot be run: exit status 2, a message for people and, if asked for, one for programs.

use crate::command::{Files, Run, app, repository, simulate, tidegate};

fn refused(run: &Run, reason: &str, told: &str) {
    assert_eq!(run.status, 2, "{}", run.stdout);
    let result = run.result();
    assert_eq!(
        (result["result"].as_str(), result["reason"].as_str()),
        (Some("Error"), Some(reason)),
        "{result}"
    );
    assert!(result["message"].as_str().unwrap().contains(told), "{result}");
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn files_that_are_no_manifests() {
    let files = Files::new();
    let broken = files.write("broken.yaml", "a: [1");
    refused(&simulate(&[&broken]), "NotYaml", "broken.yaml");
    let half = files.write("half.yaml", "apiVersion: v1\nkind: Service\n");
    refused(&simulate(&[&half]), "NotAManifest", "metadata.name");
    let binary = files.write("binary.yaml", [0xff, 0xfe, 0x00]);
    refused(&simulate(&[&binary]), "Unreadable", "binary.yaml");
    refused(&simulate(&["nowhere.yaml"]), "Unreadable", "nowhere.yaml");
}

#[test]
fn manifests_without_a_rollout() {
    refused(&simulate(&[&repository("examples/quick-start/services.yaml")]), "NoRollout", "Rollout");
    let empty = Files::new();
    refused(&simulate(&[&empty.directory()]), "NoRollout", "Rollout");
}

#[test]
fn a_container_that_does_not_exist() {
    let run = simulate(&[&repository("examples/quick-start"), "--image", "nobody=x"]);
    refused(&run, "UnknownContainer", "nobody");
    assert!(run.stderr.contains("rollouts-demo"), "it names those that exist: {}", run.stderr);
}

#[test]
fn a_manifest_that_the_api_server_refuses() {
    let files = Files::new();
    let mut list = app("web", "argoproj-labs/gatewayAPI");
    list["items"][2]["spec"]["rules"][0]["backendRefs"][0]["weight"] = "heavy".into();
    let path = files.write("web.json", list.to_string());
    refused(&simulate(&[&path]), "Refused", "weight");
}

#[test]
fn arguments_that_cannot_be_parsed() {
    let example = repository("examples/quick-start");
    for arguments in [
        &["--image", "no-equals-sign"][..],
        &["--pods-ready-after", "soon"],
        &["--output", "xml"],
        &["--router-plugin", "nothing"],
        &["--router-plugin", "a=b.wasm,sha256=short"],
        &["--gateway-silent", "--gateway-reports-after", "1s"],
        &["--nonsense"],
    ] {
        let run = tidegate(&[&["simulate", example.as_str()], arguments].concat());
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(run.stderr.contains(arguments[0]), "{}", run.stderr);
    }
}

#[test]
fn errors_are_for_people_unless_asked_otherwise() {
    let run = tidegate(&["simulate", "nowhere.yaml"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("nowhere.yaml"));
}
