//! How much memory a stream without end makes the binary take.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::process::Stdio;
use std::time::Duration;

use tidegate_zoo::{Answer, Server, Step};
use tokio::process::Command;
use tokio::time::sleep;

/// The most memory that a process had so far, in bytes; none, when it is gone.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().unwrap();
    Some(kibibytes << 10)
}

/// What a check of this URL says, and the most memory that it was seen to have.
async fn check(url: &str) -> (String, u64) {
    let binary =
        std::env::var_os("TIDEGATE_BIN").expect("TIDEGATE_BIN does not name the controller's binary");
    let mut command = Command::new(binary);
    command.args(["plugin", "check", "--output", "json", "--allow-http", url]);
    command.env("NO_PROXY", "localhost").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().unwrap();
    let process = child.id().unwrap();
    let mut output = Box::pin(child.wait_with_output());
    let mut most = 0;
    let output = loop {
        tokio::select! {
            output = &mut output => break output.unwrap(),
            () = sleep(Duration::from_millis(1)) => most = peak(process).unwrap_or_default().max(most),
        }
        // A stream that is followed for ever should end the test, not the machine.
        assert!(most < 1 << 30, "{url}: {most} bytes");
    };
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    (outcome["reason"].as_str().unwrap().to_owned(), most)
}

#[tokio::test]
async fn a_stream_without_end_takes_no_more_than_a_few_times_the_limit() {
    const LIMIT: u64 = 4 << 20;
    let server = Server::start(None, |request| match request.target.as_str() {
        "/short" => Answer::file(b"not much"),
        "/said" => Answer::head("200 OK", &["Content-Length: 1000000000000"])
            .then(Step::WriteForEver(vec![0; 1 << 16])),
        _ => Answer::head("200 OK", &[]).then(Step::WriteForEver(vec![0; 1 << 16])),
    });
    let (reason, usual) = check(&server.url("/short")).await;
    assert!(reason == "NotWasm" && usual > 0, "{reason} {usual}");
    for target in ["/said", "/endless"] {
        let (reason, most) = check(&server.url(target)).await;
        assert_eq!(reason, "TooLarge");
        println!("{target}: at most {most} bytes, and {usual} for a file that is short");
        assert!(most < usual + 4 * LIMIT, "{target}: {most} bytes, and {usual} for a file that is short");
    }
}
