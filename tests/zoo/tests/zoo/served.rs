//! The zoo, visited by the real binary.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_artifact::LoadReason;
use tidegate_zoo::{Answer, Server, Step};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::artifacts;
use crate::cases::{self, Case, SECRET, hex};
use crate::command::{Checked, check, tidegate, tidegate_in};
use crate::house::House;

/// Checks that run at the same time.
const VISITORS: usize = 4;

/// Runs checks, a few at a time, and gives what came of each, in order.
async fn visit(all: Vec<Vec<String>>) -> Vec<Checked> {
    let visitors = Arc::new(Semaphore::new(VISITORS));
    let mut checks = JoinSet::new();
    for (index, arguments) in all.into_iter().enumerate() {
        let visitors = Arc::clone(&visitors);
        checks.spawn(async move {
            let _visitor = visitors.acquire().await.unwrap();
            (index, check(&arguments).await)
        });
    }
    let mut done = checks.join_all().await;
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, checked)| checked).collect()
}

/// What is wrong with the outcome of a case; nothing, if it is as it should be.
fn complaints(case: &Case, checked: &Checked) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            complaints.push(format!("{}: {what}: {}", case.name, checked.text));
        }
    };
    expect(checked.status == 1, "the exit status is not 1");
    expect(checked.text_of("reason") == case.reason.as_str(), case.reason.as_str());
    expect(checked.text_of("message").contains(case.told), case.told);
    expect(!checked.text_of("hint").is_empty(), "there is no remedy");
    expect(!checked.text.contains(SECRET), "it tells the secret");
    let is_read = !matches!(
        case.reason,
        LoadReason::Unreachable | LoadReason::HttpStatus | LoadReason::TooLarge | LoadReason::InvalidConfig
    );
    // What comes encoded is not read either.
    let is_read = is_read && case.name != "encoded";
    expect(checked.outcome["sha256"].is_string() == is_read, "the digest");
    expect(checked.outcome["size"].is_u64() == is_read, "the size");
    complaints
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_wrong_gets_its_reason() {
    let house = House::open();
    let cases = cases::all(&house);
    let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len(), "each has a name of its own");
    assert!(cases.len() >= 70, "{}", cases.len());
    let outcomes = visit(cases.iter().map(|case| case.arguments.clone()).collect()).await;
    let complaints: Vec<_> =
        cases.iter().zip(&outcomes).flat_map(|(case, checked)| complaints(case, checked)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_changed_bit_is_found_out() {
    let house = House::open();
    let good = artifacts::good();
    let digest = hex(&good);
    let bits: Vec<usize> = (0..good.len() * 8).step_by(good.len() / 5).collect();
    let mut all = Vec::new();
    for bit in &bits {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let path = format!("/bit-{bit}");
        house.serve(&path, Answer::file(&bytes));
        let mut arguments = house.trusting();
        arguments.push(house.main.url(&path));
        all.push(arguments.clone());
        arguments.extend(["--sha256".to_owned(), digest.clone()]);
        all.push(arguments);
    }
    let outcomes = visit(all).await;
    for (pair, bit) in outcomes.chunks(2).zip(bits) {
        // Without a pin it is found out or does no harm, in words that are known; with one it always is.
        let [unpinned, pinned] = pair else { panic!("{bit}") };
        let reason = unpinned.text_of("reason");
        let known =
            LoadReason::ALL.iter().any(|known| known.as_str() == reason && *known != LoadReason::HostFault);
        assert_eq!(unpinned.status, i32::from(reason != "Ready"), "{bit}: {}", unpinned.text);
        assert!(known || reason == "Ready", "{bit}: {}", unpinned.text);
        assert_eq!(unpinned.outcome["sha256"], pinned.outcome["sha256"]);
        assert_eq!(
            (pinned.status, pinned.text_of("reason")),
            (1, "DigestMismatch"),
            "{bit}: {}",
            pinned.text
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_plugin_is_ready_from_everywhere() {
    let house = House::open();
    let good = artifacts::good();
    house.serve("/good", Answer::file(&good));
    house.serve("/away", Answer::redirect(&house.other.url("/good")));
    let secure = |url: String| [house.trusting(), vec![url, "--sha256".into(), hex(&good)]].concat();
    let all = vec![
        secure(house.main.url("/good")),
        secure(house.main.url("/away")),
        vec![house.plain.url("/good"), "--allow-http".into()],
        vec![house.file("good.wasm", &good)],
        vec!["builtin:gateway-api".to_owned()],
    ];
    for checked in visit(all).await {
        assert_eq!((checked.status, checked.text_of("reason")), (0, "Ready"), "{}", checked.text);
        assert_eq!(checked.text_of("version"), "0.1.0");
        assert!(
            checked.outcome["features"].as_array().unwrap().contains(&"weights".into()),
            "{}",
            checked.text
        );
        let exports = checked.outcome["exports"].as_array().unwrap();
        assert_eq!(exports, &["tidegate:traffic/router@0.1.0"], "{}", checked.text);
        assert!(
            checked.outcome["sha256"].is_string() && checked.outcome["size"].is_u64(),
            "{}",
            checked.text
        );
    }
    // What it was told to send went where it was meant to go, and nowhere else.
    let told = format!("Bearer {SECRET}");
    assert!(house.main.seen().iter().all(|asked| asked.header("authorization") == Some(told.as_str())));
    assert_eq!((house.main.seen().len(), house.other.seen().len()), (2, 1));
    assert!(house.other.seen()[0].headers.iter().all(|(_, value)| !value.contains(SECRET)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_each_stage_and_how_it_ends() {
    let house = House::open();
    let good = house.file("good.wasm", &artifacts::good());
    let (status, text, _) = tidegate(&["plugin", "check", &good]).await;
    assert_eq!(status, 0, "{text}");
    for stage in ["read", "digest", "recognise", "validate", "interface", "compile", "start", "describe"] {
        assert!(text.contains(&format!("✔ {stage} ")), "{stage}: {text}");
    }
    assert!(text.contains("READY") && text.contains(&hex(&artifacts::good())), "{text}");

    let trap = house.file("trap.wasm", &artifacts::starting("(unreachable)"));
    let (status, text, _) = tidegate(&["plugin", "check", &trap]).await;
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("✔ compile") && text.contains("✘ start") && text.contains("StartFailed"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_commands_take_urls_too() {
    let house = House::open();
    let good = artifacts::good();
    house.serve("/good", Answer::file(&good));
    let (url, ca) = (house.main.url("/good"), house.path("ca.pem"));
    let (status, text, errors) = tidegate(&["plugin", "digest", &url, "--ca", &ca]).await;
    assert_eq!((status, text.trim()), (0, hex(&good).as_str()), "{errors}");
    let (status, text, errors) =
        tidegate(&["plugin", "inspect", &url, "--ca", &ca, "--output", "json"]).await;
    assert_eq!(status, 0, "{text}{errors}");
    let (status, text, errors) = tidegate(&["plugin", "test", &url, "--ca", &ca, "--cases", "1"]).await;
    assert!(text.contains("weights") && status != 2, "{text}{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulation_runs_with_a_plugin_from_a_server() {
    let house = House::open();
    let plugin = tidegate_bundle::builtin("gateway-api").unwrap();
    house.serve("/router", Answer::file(plugin));
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/quick-start");
    let image = "rollouts-demo=argoproj/rollouts-demo:yellow";
    let simulate = async |url: &str, options: &str, variables: &[(&str, &str)]| {
        let plugin = format!("argoproj-labs/gatewayAPI={url},sha256={}{options}", hex(plugin));
        let arguments = ["simulate", example, "--image", image, "--router-plugin", &plugin];
        tidegate_in(variables, &arguments).await
    };
    // The authority is one of this machine's, as far as the binary can see.
    let roots = house.path("ca.pem");
    let (status, text, errors) = simulate(&house.main.url("/router"), "", &[("SSL_CERT_FILE", &roots)]).await;
    assert_eq!(status, 0, "{text}{errors}");
    let (status, text, errors) = simulate(&house.plain.url("/router"), ",allow-http=true", &[]).await;
    assert_eq!(status, 0, "{text}{errors}");
    let (status, text, errors) = simulate(&house.plain.url("/router"), "", &[]).await;
    assert_eq!(status, 1, "{text}{errors}");
    assert!(text.contains("InvalidConfig") || errors.contains("InvalidConfig"), "{text}{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_says_which_proxy() {
    let house = House::open();
    house.serve("/good", Answer::file(&artifacts::good()));
    let address = house.main.address();
    let proxy = Server::start(None, move |_| Answer::head("200 OK", &[]).then(Step::Tunnel(address)));
    let through = format!("http://localhost:{}", proxy.address().port());
    let (url, ca) = (house.main.url("/good"), house.path("ca.pem"));
    let arguments = ["plugin", "check", &url, "--ca", &ca];
    for (variables, asked) in [
        (vec![("HTTPS_PROXY", through.as_str()), ("NO_PROXY", "localhost")], 0),
        (vec![("HTTPS_PROXY", through.as_str())], 1),
    ] {
        let (status, text, errors) = tidegate_in(&variables, &arguments).await;
        assert_eq!(status, 0, "{text}{errors}");
        assert_eq!(proxy.seen().len(), asked, "{variables:?}");
    }
    assert_eq!(proxy.seen()[0].method, "CONNECT");
}
