//! The controller where nothing can be written: a root that is read-only throughout, no folder for temporary files, no
//! home, not root, no capabilities, and locked down. Looked at from outside.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use tidegate_tests::{Controller, Fixture, QuickStart, Servers, servers};
use tidegate_zoo::{Answer, Authority, Server, Validity};

const GATEWAY_API: &str = "argoproj-labs/gatewayAPI";

/// The lines of `/proc/PID/status`.
fn status(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key, value.trim())).collect()
}

/// How many filters whoever starts the tests has given them, and so the controller.
fn filters_of_this_process() -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    status(&text)["Seccomp_filters"].parse().unwrap()
}

/// Asserts of a process and each of its threads that it has no rights left and a filter, and of its mounts that none can
/// be written to.
fn expect_confined(controller: &Controller) {
    let folder = format!("/proc/{}/task", controller.process_id());
    let threads: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|thread| format!("task/{}/status", thread.unwrap().file_name().display()))
        .collect();
    assert!(threads.len() > 1, "{threads:?}");
    for thread in &threads {
        let text = controller.proc(thread);
        let status = status(&text);
        // 2 is SECCOMP_MODE_FILTER.
        assert_eq!((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), "{thread}:\n{text}");
        let filters: usize = status["Seccomp_filters"].parse().unwrap();
        assert_eq!(filters, filters_of_this_process() + 2, "{thread}:\n{text}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status[set], "0000000000000000", "{set} of {thread}");
        }
        for ids in ["Uid", "Gid"] {
            assert!(status[ids].split_whitespace().all(|id| id != "0"), "{thread}:\n{text}");
        }
    }
    let mounts = controller.proc("mountinfo");
    assert!(mounts.lines().any(|mount| mount.split(' ').nth(4) == Some("/")), "{mounts}");
    for mount in mounts.lines() {
        let options = mount.split(' ').nth(5).unwrap_or_default();
        assert!(options.split(',').any(|option| option == "ro"), "can be written to: {mount}");
    }
    expect_nothing_open_for_writing(controller);
}

/// Of files. Pipes, sockets and events are none; the log, to which standard output and error go, is what the test gave
/// it, and `/dev/null` is no place.
fn expect_nothing_open_for_writing(controller: &Controller) {
    let folder = format!("/proc/{}/fd", controller.process_id());
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let number = entry.file_name().display().to_string();
        // Closed since.
        let Ok(target) = fs::metadata(entry.path()) else { continue };
        if !target.is_file() || target.nlink() == 0 || ["1", "2"].contains(&number.as_str()) {
            continue;
        }
        let info = controller.proc(&format!("fdinfo/{number}"));
        let flags = status(&info)["flags"];
        assert!(flags.ends_with(['0', '4']), "open for writing: {} {flags}", entry.path().display());
    }
}

#[test]
fn the_canary_of_the_quick_start_goes_through() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "read-only").await;
        let authority = trusted(servers, &fixture, &Authority::new());
        let controller =
            Controller::start_confined(servers, &fixture.namespace, &["--lockdown"], &authority).await;
        expect_confined(&controller);
        let quick_start = QuickStart::create(&fixture, GATEWAY_API).await;
        quick_start.go_through().await;
        // Threads that started meanwhile too.
        expect_confined(&controller);
        assert!(controller.terminate().await.success());
    });
}

#[test]
fn it_goes_through_with_a_plugin_from_the_web() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "read-only-web").await;
        let plugin = tidegate_bundle::all().iter().find(|one| one.name == "gateway-api").unwrap();
        let authority = Authority::new();
        let server = Server::start(Some(authority.server("localhost", Validity::Now)), move |_| {
            Answer::file(plugin.bytes)
        });
        let digest = tidegate_contract::Digest(plugin.sha256);
        // A name that nothing built in has.
        let name = "example.com/fetched";
        let flag = format!("--router-plugin={name}={},sha256={digest}", server.url("/router.wasm"));
        let authority = trusted(servers, &fixture, &authority);
        let flags = ["--lockdown", flag.as_str()];
        let controller = Controller::start_confined(servers, &fixture.namespace, &flags, &authority).await;
        assert!(!server.seen().is_empty(), "it was fetched");
        QuickStart::create(&fixture, name).await.go_through().await;
        expect_confined(&controller);
        assert!(controller.terminate().await.success());
    });
}

/// A file with the certificate of an authority.
fn trusted(servers: &Servers, fixture: &Fixture, authority: &Authority) -> PathBuf {
    let file = servers.file(&format!("{}.pem", fixture.namespace));
    fs::write(&file, authority.pem()).unwrap();
    file
}
