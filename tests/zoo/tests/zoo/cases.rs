//! The table: what is there instead of a plugin, and which reason that gets.

use std::time::Duration;

use tidegate_artifact::LoadReason::{self, *};
use tidegate_hostile::{Component, Ends};
use tidegate_zoo::{Answer, Step};

use crate::artifacts::{self, LAST_WORDS};
use crate::house::House;

/// What whoever asks sends along, and nobody else may learn of.
pub(crate) const SECRET: &str = "hunter2";

/// Something that is no plugin.
pub(crate) struct Case {
    pub(crate) name: String,
    /// The arguments of the check, the location among them.
    pub(crate) arguments: Vec<String>,
    /// What it must be called.
    pub(crate) reason: LoadReason,
    /// What the message has to say, and the page about failures to explain: in the section of the reason.
    pub(crate) told: &'static str,
}

/// All of them, which the house serves from now on.
pub(crate) fn all(house: &House) -> Vec<Case> {
    let mut cases = Vec::new();
    statuses(house, &mut cases);
    foreign(house, &mut cases);
    components(house, &mut cases);
    streams(house, &mut cases);
    redirects(house, &mut cases);
    connections(house, &mut cases);
    configurations(house, &mut cases);
    hostile(house, &mut cases);
    cases
}

/// Something on the main server, by its name.
fn served(house: &House, name: &str, answer: Answer, reason: LoadReason, told: &'static str) -> Case {
    let path = format!("/{name}");
    house.serve(&path, answer);
    let url = house.main.url(&format!("{path}?token={SECRET}"));
    located(house, name, url, reason, told)
}

fn located(house: &House, name: &str, location: String, reason: LoadReason, told: &'static str) -> Case {
    let mut arguments = house.trusting();
    arguments.push(location);
    Case { name: name.to_owned(), arguments, reason, told }
}

impl Case {
    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }
}

fn statuses(house: &House, cases: &mut Vec<Case>) {
    for (name, status, told) in [
        ("unauthorized", "401 Unauthorized", "401 Unauthorized"),
        ("forbidden", "403 Forbidden", "403 Forbidden"),
        ("not-found", "404 Not Found", "404 Not Found"),
        ("proxy-authentication", "407 Proxy Authentication Required", "407 Proxy Authentication Required"),
        ("gone", "410 Gone", "410 Gone"),
        ("too-many-requests", "429 Too Many Requests", "429 Too Many Requests"),
        ("internal-error", "500 Internal Server Error", "500 Internal Server Error"),
        ("bad-gateway", "502 Bad Gateway", "502 Bad Gateway"),
        ("unavailable", "503 Service Unavailable", "503 Service Unavailable"),
        ("no-content", "204 No Content", "204 No Content"),
        ("not-modified", "304 Not Modified", "304 Not Modified"),
    ] {
        let answer = Answer::new(status, &["Retry-After: 120"], b"");
        cases.push(served(house, name, answer, HttpStatus, told));
    }
}

fn foreign(house: &House, cases: &mut Vec<Case>) {
    let page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body></body></html>";
    let bytes: Vec<(&str, Vec<u8>, &'static str)> = vec![
        ("page", page.to_vec(), "an HTML page"),
        ("elf-x86-64", artifacts::elf(0x3e), "a Linux binary (ELF, x86-64)"),
        ("elf-arm64", artifacts::elf(0xb7), "a Linux binary (ELF, arm64)"),
        ("mach-o", artifacts::mach_o(), "a macOS binary (Mach-O, arm64)"),
        ("pe", artifacts::pe(), "a Windows binary (x86-64)"),
        ("gzip", artifacts::gzip(), "compressed with gzip"),
        ("zip", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), "a zip archive"),
        ("empty", Vec::new(), "an empty file"),
        ("json", b"{\"message\": \"Not Found\"}".to_vec(), "JSON"),
        ("xml", b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>".to_vec(), "XML"),
        ("yaml", b"apiVersion: v1\nkind: ConfigMap\n".to_vec(), "YAML"),
        ("text", b"please ask the administrator".to_vec(), "text (it begins with"),
        ("script", b"#!/bin/sh\nexec true\n".to_vec(), "a script"),
        ("wat", b"(component)".to_vec(), "WebAssembly in its text form (WAT)"),
        ("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n".to_vec(), "a Git LFS pointer"),
    ];
    for (name, bytes, told) in bytes {
        cases.push(served(house, name, Answer::file(&bytes), NotWasm, told));
    }
    let encoded = Answer::new("200 OK", &["Content-Encoding: gzip"], &artifacts::gzip());
    cases.push(served(house, "encoded", encoded, NotWasm, "comes encoded"));

    let digest = hex(&artifacts::good());
    let wrong =
        served(house, "wrong-digest", Answer::file(&artifacts::core_module()), DigestMismatch, "is pinned");
    cases.push(wrong.with(&["--sha256", &digest]));
    let page = served(house, "pinned-page", Answer::file(page), DigestMismatch, "an HTML page");
    cases.push(page.with(&["--sha256", &digest]));
}

fn components(house: &House, cases: &mut Vec<Case>) {
    let endless = "(loop $again (br $again))";
    let growing = "(loop $again (drop (memory.grow (i32.const 16))) (br $again))";
    let all = ["wasi:sockets/tcp@0.2.6", "wasi:http/outgoing-handler@0.2.6", "acme:secrets/vault@1.0.0"];
    let bytes: Vec<(&str, Vec<u8>, LoadReason, &'static str)> = vec![
        ("core-module", artifacts::core_module(), NotAComponent, "a core WebAssembly module"),
        ("precompiled", artifacts::precompiled(), Precompiled, "compiled to machine code"),
        ("truncated", artifacts::half(), Malformed, "is not valid"),
        ("eight-bytes", b"\0asm\x0d\0\x01".to_vec(), Malformed, "cut off in its first eight bytes"),
        ("next-format", b"\0asm\x0e\0\x01\0".to_vec(), Malformed, "version 14 of the format"),
        ("other-world", artifacts::other_world(), IncompatibleInterface, "the component exports render"),
        ("old-interface", artifacts::old_interface(), IncompatibleInterface, "tidegate:traffic/router@0.0.9"),
        ("sockets", artifacts::wanting(&all[..1]), UngrantedImport, "wasi:sockets/tcp"),
        ("http", artifacts::wanting(&all[1..2]), UngrantedImport, "wasi:http/outgoing-handler"),
        ("vault", artifacts::wanting(&all), UngrantedImport, "acme:secrets/vault"),
        ("trap-in-start", artifacts::starting("(unreachable)"), StartFailed, "while it started"),
        ("trap-in-describe", artifacts::speechless(), StartFailed, LAST_WORDS),
        ("loop-in-start", artifacts::starting(endless), LimitExceeded, "OutOfFuel"),
        ("growth-in-start", artifacts::starting(growing), LimitExceeded, "MemoryLimit"),
        ("large-from-the-start", artifacts::hungry(), LimitExceeded, "starts with a memory of"),
    ];
    for (name, bytes, reason, told) in bytes {
        cases.push(served(house, name, Answer::file(&bytes), reason, told));
    }
}

fn streams(house: &House, cases: &mut Vec<Case>) {
    let good = artifacts::good();
    let length = format!("Content-Length: {}", good.len());
    let begun = || Answer::head("200 OK", &[&length]).then(Step::Write(good[..100].to_vec()));
    let zeros = || vec![0; 1 << 16];
    let large = vec![0; (4 << 20) + 1];
    let answers: Vec<(&str, Answer, LoadReason, &'static str)> = vec![
        ("larger-said", Answer::file(&large), TooLarge, "has more than 4194304 bytes"),
        (
            "larger-not-said",
            Answer::head("200 OK", &[]).then(Step::Write(large.clone())),
            TooLarge,
            "has more than",
        ),
        ("endless", Answer::head("200 OK", &[]).then(Step::WriteForEver(zeros())), TooLarge, "has more than"),
        ("reset", begun().then(Step::Reset), Unreachable, "broke off after"),
        ("closed", begun(), Unreachable, "broke off after"),
        ("no-answer", Answer::default(), Unreachable, "no answer"),
        (
            "no-http",
            Answer(vec![Step::Write(b"220 mail.example ESMTP\r\n".to_vec())]),
            Unreachable,
            "does not speak HTTP",
        ),
    ];
    for (name, answer, reason, told) in answers {
        cases.push(served(house, name, answer, reason, told));
    }
    let head = || Answer::head("200 OK", &[&length]);
    let drip = head().then(Step::Drip(good.clone(), Duration::from_millis(50)));
    for (name, answer, told) in [
        ("slow-drip", drip, "which is all the time that there is"),
        ("silence", head().then(Step::Hang), "has sent no more than 0 bytes"),
        ("silent-from-the-start", Answer::default().then(Step::Hang), "does not answer within"),
    ] {
        cases.push(served(house, name, answer, Unreachable, told).with(&["--timeout", "2s"]));
    }
}

fn redirects(house: &House, cases: &mut Vec<Case>) {
    house.serve("/circle-back", Answer::redirect("/circle"));
    for (name, location, told) in [
        ("circle", "/circle-back".to_owned(), "leads in a circle"),
        ("self", format!("/self?token={SECRET}"), "leads in a circle"),
        ("downgrade", house.plain.url("/good"), "leads from https to plain http"),
        ("to-a-file", "file:///etc/passwd".to_owned(), "not to a web server"),
        ("to-a-password", "https://me:hunter2@localhost/".to_owned(), "a user name or a password"),
    ] {
        cases.push(served(house, name, Answer::redirect(&location), HttpStatus, told));
    }
}

fn connections(house: &House, cases: &mut Vec<Case>) {
    house.serve("/good", Answer::file(&artifacts::good()));
    let secure_port = house.main.address().port();
    let plain_port = house.plain.address().port();
    let nobody = house.nobody;
    for (name, url, told) in [
        ("unknown-authority", house.stranger.url("/good"), "of an authority that is not trusted here"),
        ("expired", house.expired.url("/good"), "has expired"),
        ("another-host", house.elsewhere.url("/good"), "is for another host"),
        ("no-tls", format!("https://localhost:{plain_port}/good"), "does not speak TLS"),
        ("nobody", format!("https://localhost:{nobody}/good"), "refuses the connection"),
        ("nowhere", "https://plugins.invalid/good".to_owned(), "does not resolve"),
    ] {
        cases.push(located(house, name, url, Unreachable, told));
    }
    let tls = located(
        house,
        "tls",
        format!("http://localhost:{secure_port}/good"),
        Unreachable,
        "does not speak HTTP",
    );
    cases.push(tls.with(&["--allow-http"]));
}

fn configurations(house: &House, cases: &mut Vec<Case>) {
    let url = || house.main.url("/good");
    let no_pem = house.file("no.pem", b"no certificate");
    for (name, location, told) in [
        ("plain-http", house.plain.url("/good"), "is plain http"),
        ("credentials", format!("https://me:{SECRET}@localhost/good"), "a user name or a password"),
        ("another-scheme", "oci://example.com/plugin".to_owned(), "cannot be loaded over"),
        ("no-host", "https://".to_owned(), "is no URL"),
    ] {
        cases.push(located(house, name, location, InvalidConfig, told));
    }
    cases.push(Case {
        name: "bad-authorities".into(),
        arguments: vec![url(), "--ca".into(), no_pem],
        reason: InvalidConfig,
        told: "no certificate among the authorities to trust",
    });
    for (header, name) in [(SECRET, "header-without-colon"), ("Host: hunter2", "header-of-the-transport")] {
        let told = if name.ends_with("colon") { "no colon in a header" } else { "cannot be set" };
        cases.push(located(house, name, url(), InvalidConfig, told).with(&["--header", header]));
    }
    for (name, location, told) in [
        ("no-file", house.path("nowhere.wasm"), "cannot be read"),
        ("folder", house.path("."), "is a directory"),
        ("no-such-builtin", "builtin:cats".to_owned(), "is built into this binary"),
    ] {
        cases.push(located(house, name, location, Unreachable, told));
    }
}

/// The plugins that misbehave before they are asked anything, served like any other.
fn hostile(house: &House, cases: &mut Vec<Case>) {
    for one in tidegate_hostile::zoo() {
        let (Component::Bytes(bytes), Ends::NotLoaded(_, reason)) = (&one.component, one.ends) else {
            continue;
        };
        let reason = LoadReason::ALL.into_iter().find(|other| other.as_str() == reason).unwrap();
        cases.push(served(house, &format!("hostile-{}", one.name), Answer::file(bytes), reason, ""));
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    tidegate_artifact::Artifact::from_bytes(bytes.to_vec(), "", None, u64::MAX).unwrap().digest().to_string()
}
