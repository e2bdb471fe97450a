//! What the sandbox and the asynchronous runtime do after the lockdown, in a process of its own. What it forbids is tested with
//! `tidegate-lockdown`.

use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use tidegate_contract::{Destination, Router, Target, Traffic};
use tidegate_hostile::Guest;
use tidegate_runtime::{Allocation, Artifact, Limits, Runtime, RuntimeSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// Says to a process that it is there for the case.
const CASE: &str = "TIDEGATE_LOCKDOWN_CASE";
const TEST: &str = "lockdown::plugins_load_and_run_and_tasks_go_on";
const PASSED: &str = "passed after the lockdown";
/// Questions that may all be on their way at once, each on a thread of its own and with a sandbox of its own.
const ASKED: u32 = 40;

#[test]
fn plugins_load_and_run_and_tasks_go_on() {
    if env::var_os(CASE).is_some() {
        case();
        println!("{PASSED}");
        return;
    }
    // This program again, asked for this test.
    let output = Command::new(env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture"])
        .env(CASE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains(PASSED), "{}\n{said}\n{complained}", output.status);
}

fn case() {
    let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let before = Runtime::new(RuntimeSettings { sandboxes: ASKED, ..RuntimeSettings::default() }).unwrap();
    ask(&*load(&before, 1));
    tidegate_lockdown::lock_down().unwrap();
    let refused = fs::write("/dev/null", "").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
    // A change of a plugin while the controller runs, and a runtime from the start, both ways of having memories.
    for page in 2..10 {
        ask(&*load(&before, page));
    }
    for allocation in [Allocation::Pool, Allocation::OnDemand] {
        let after = Runtime::new(RuntimeSettings { allocation, ..RuntimeSettings::default() }).unwrap();
        let plugin = load(&after, 20);
        for _ in 0..100 {
            ask(&*plugin);
        }
    }
    workers.block_on(tasks(before));
}

/// A plugin whose memory starts with something in it, so that it starts from an image.
fn load(runtime: &Runtime, pages: u32) -> std::sync::Arc<dyn Router> {
    let guest = Guest { pages: Some(pages), data: vec![1; 4096], ..Guest::new() };
    let artifact = Artifact::from_bytes(guest.build(), "a test", None, 64 << 20).unwrap();
    runtime
        .load(&artifact, &Limits::default(), &mut |_, _| {})
        .unwrap_or_else(|error| panic!("{error}\n{}", error.hint))
}

/// Asks it in a fresh sandbox.
fn ask(plugin: &dyn Router) {
    let target = Target {
        namespace: "shop".into(),
        name: "cart".into(),
        uid: "0f3b".into(),
        config: "{}".into(),
        settings: "{}".into(),
        stable_service: Some("cart-stable".into()),
        canary_service: Some("cart-canary".into()),
    };
    let destination = |name: &str, weight| Destination {
        name: name.into(),
        service: Some(format!("cart-{name}")),
        pod_template_hash: Some("7d9c".into()),
        weight,
    };
    let traffic = Traffic {
        max_weight: 100,
        stable: destination("stable", 80),
        canary: destination("canary", 20),
        ..Traffic::default()
    };
    let outcome = plugin.session().unwrap().route(&target, &traffic, &[]).unwrap();
    assert!(outcome.shares.is_empty());
}

/// What the controller does all the time: connections, blocking work on threads of its own, timers, signals, names.
async fn tasks(runtime: Runtime) {
    let mut hangup = signal(SignalKind::hangup()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::task::spawn(async move {
        // Without blocking: a worker that waits here may be the one that looks after the connections of all.
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut question = [0; 4];
        stream.read_exact(&mut question).await.unwrap();
        stream.write_all(&question).await.unwrap();
    });
    // By name: on a blocking thread, in the C library.
    let client = TcpStream::connect(("localhost", port)).await.unwrap().into_std().unwrap();
    client.set_nonblocking(false).unwrap();
    let echoed = tokio::task::spawn_blocking(move || {
        let mut client = client;
        std::io::Write::write_all(&mut client, b"ping").unwrap();
        let mut answer = [0; 4];
        std::io::Read::read_exact(&mut client, &mut answer).unwrap();
        answer
    });
    assert_eq!(&echoed.await.unwrap(), b"ping");
    server.await.unwrap();
    let plugin = load(&runtime, 30);
    let asked: Vec<_> = (0..ASKED)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::task::spawn_blocking(move || ask(&*plugin))
        })
        .collect();
    for one in asked {
        one.await.unwrap();
    }
    let nothing = tokio::time::timeout(Duration::from_millis(5), hangup.recv()).await;
    assert!(nothing.is_err(), "no signal came");
    let text = tokio::fs::read_to_string("/proc/self/status").await.unwrap();
    assert!(text.contains("Seccomp:\t2"), "{text}");
}
