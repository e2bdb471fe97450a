//! Getting the bytes: locations, caps, digests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests, and helpers of tests")]

use std::collections::BTreeSet;
use std::io::{self, Read};

use tidegate_artifact::{
    Artifact, Collector, LimitedSource, Limits, LoadError, LoadReason, Location, Source, Stage, read, shown,
};
use tidegate_contract::Digest;

const NONE: &dyn Fn(&str) -> Option<&'static [u8]> = &|_| None;

/// SHA-256 of `abc` (FIPS 180-2, B.1).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn locations_are_read_from_text() {
    let file = |path: &str| Location::File(path.into());
    for (text, location) in [
        ("plugin.wasm", file("plugin.wasm")),
        ("./a b/c,d.wasm", file("./a b/c,d.wasm")),
        ("/plugins/p.wasm", file("/plugins/p.wasm")),
        ("file:///plugins/p.wasm", file("/plugins/p.wasm")),
        ("builtin:gateway-api", Location::Builtin("gateway-api".into())),
        ("https://example.com/p.wasm", Location::Web("https://example.com/p.wasm".parse().unwrap())),
        ("http://localhost:8080/p.wasm", Location::Web("http://localhost:8080/p.wasm".parse().unwrap())),
    ] {
        assert_eq!(text.parse(), Ok(location.clone()), "{text}");
        assert_eq!(location.to_string().parse(), Ok(location));
    }
    for text in [
        "",
        "builtin:",
        "builtin:a/b",
        "file://host/p.wasm",
        "file://p.wasm",
        "oci://x",
        "https://",
        "https://me:secret@example.com/p.wasm",
        "https://me@example.com/p.wasm",
        "https://example.com/p.wasm#part",
        "https://[::1/p.wasm",
    ] {
        let error = text.parse::<Location>().unwrap_err();
        assert_eq!(error.reason, LoadReason::InvalidConfig, "{text}");
        assert!(!error.hint.is_empty());
        assert!(!error.message.contains("secret"), "{}", error.message);
    }
}

#[test]
fn what_tends_to_be_secret_in_a_url_is_not_shown() {
    let location: Location = "https://example.com/p.wasm?sig=secret".parse().unwrap();
    assert_eq!(location.to_string(), "https://example.com/p.wasm?…");
    let Location::Web(url) = location else { panic!("{location}") };
    assert_eq!(url.query(), Some("sig=secret"), "it is still there for whoever fetches it");
    let url = "https://me:secret@example.com:8443/a?secret#secret".parse().unwrap();
    assert_eq!(shown(&url), "https://example.com:8443/a?…");
    for text in ["https://[::1/p.wasm?secret", "https://example.com/p.wasm?secret#part"] {
        let error = text.parse::<Location>().unwrap_err();
        assert!(!error.message.contains("secret"), "{}", error.message);
    }
}

#[test]
fn what_may_pass_by_itself_is_known() {
    let error = |reason, status| LoadError { status, ..LoadError::new(Stage::Read, reason, "", "") };
    for (reason, status, transient) in [
        (LoadReason::Unreachable, None, true),
        (LoadReason::Forbidden, None, true),
        (LoadReason::HttpStatus, Some(503), true),
        (LoadReason::HttpStatus, Some(429), true),
        (LoadReason::HttpStatus, Some(404), false),
        (LoadReason::HttpStatus, None, false),
        (LoadReason::DigestMismatch, None, false),
        (LoadReason::NotWasm, None, false),
    ] {
        assert_eq!(error(reason, status).is_transient(), transient, "{reason} {status:?}");
    }
}

#[test]
fn pieces_are_capped_and_hashed_as_they_come() {
    let mut collector = Collector::new("here", 3);
    assert!(collector.is_empty());
    collector.announced(3).unwrap();
    assert_eq!(collector.announced(4).unwrap_err().reason, LoadReason::TooLarge);
    collector.push(b"a").unwrap();
    collector.push(b"bc").unwrap();
    assert_eq!(collector.len(), 3);
    let artifact = collector.finish(Some(ABC.parse().unwrap())).unwrap();
    assert_eq!((artifact.bytes(), artifact.is_pinned()), (b"abc".as_slice(), true));

    let mut collector = Collector::new("here", 3);
    collector.push(b"abc").unwrap();
    assert_eq!(collector.push(b"d").unwrap_err().reason, LoadReason::TooLarge);
}

#[test]
fn every_reason_has_a_text_of_its_own() {
    let texts: BTreeSet<&str> = LoadReason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(texts.len(), LoadReason::ALL.len());
    assert!(texts.iter().all(|text| text.chars().all(|c| c.is_ascii_alphanumeric())));
}

#[test]
fn sources_can_be_pinned() {
    let plain: Source = "p.wasm".parse().unwrap();
    assert_eq!(plain.sha256, None);
    for text in [format!("p.wasm,sha256={ABC}"), format!("p.wasm,sha256=sha256:{ABC}")] {
        let pinned: Source = text.parse().unwrap();
        assert_eq!((pinned.location, pinned.sha256), (plain.location.clone(), Some(ABC.parse().unwrap())));
    }
    let pinned: Source = format!("builtin:a,sha256={}", ABC.to_uppercase()).parse().unwrap();
    assert_eq!(pinned.to_string(), format!("builtin:a,sha256={ABC}"));
    for (text, reason) in [
        ("p.wasm,sha256=", LoadReason::DigestMissing),
        ("p.wasm,sha256=abc", LoadReason::InvalidConfig),
        ("p.wasm,sha265=abc", LoadReason::InvalidConfig),
        (&format!("p.wasm,sha256={}", "g".repeat(64)), LoadReason::InvalidConfig),
    ] {
        assert_eq!(text.parse::<Source>().unwrap_err().reason, reason, "{text}");
    }
}

#[test]
fn sources_can_have_limits() {
    let plain: LimitedSource = "p.wasm".parse().unwrap();
    assert_eq!(
        (plain.source.location.clone(), plain.limits),
        (Location::File("p.wasm".into()), Limits::default())
    );
    let limited =
        Limits { artifact_bytes: 32 << 20, memory_bytes: 1 << 30, fuel: 2_000_000_000, ..Limits::default() };
    for text in [
        format!("p.wasm,sha256={ABC},max-size=32Mi,memory=1Gi,fuel=2G"),
        format!("p.wasm,fuel=2000M,memory=1048576Ki,max-size=33554432,sha256={ABC}"),
    ] {
        let all: LimitedSource = text.parse().unwrap();
        assert_eq!(
            (&all.source.location, all.source.sha256),
            (&plain.source.location, Some(ABC.parse().unwrap()))
        );
        assert_eq!(all.limits, limited, "{text}");
    }
    let with_comma: LimitedSource = "a,b.wasm,memory=8k".parse().unwrap();
    assert_eq!(with_comma.source.location, Location::File("a,b.wasm".into()));
    assert_eq!((with_comma.limits.memory_bytes, with_comma.limits.fuel), (8000, Limits::default().fuel));

    for text in [
        "p.wasm,memory=",
        "p.wasm,memory=0",
        "p.wasm,memory=-1",
        "p.wasm,memory=+1",
        "p.wasm,memory=Mi",
        "p.wasm,memory=1.5Gi",
        "p.wasm,memory=5Gi",
        "p.wasm,max-size=1Gi",
        "p.wasm,fuel=99999999999G",
        "p.wasm,fuel=1G,fuel=2G",
        "p.wasm,speed=1",
        ",memory=1Mi",
    ] {
        let error = text.parse::<LimitedSource>().unwrap_err();
        assert_eq!(error.reason, LoadReason::InvalidConfig, "{text}");
        assert!(!error.hint.is_empty());
    }
    assert_eq!(
        "p.wasm,sha256=,fuel=1".parse::<LimitedSource>().unwrap_err().reason,
        LoadReason::DigestMissing
    );
}

#[test]
fn files_are_read_and_compared_with_their_pin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.wasm");
    std::fs::write(&path, "abc").unwrap();
    let mut source = Source { location: Location::File(path.clone()), sha256: None };

    let artifact = read(&source, 3, NONE).unwrap();
    assert_eq!((artifact.bytes(), artifact.is_pinned()), (b"abc".as_slice(), false));
    assert_eq!(artifact.digest().to_string(), ABC);

    source.sha256 = Some(artifact.digest());
    assert!(read(&source, 3, NONE).unwrap().is_pinned());

    let other = Digest([7; 32]);
    source.sha256 = Some(other);
    let error = read(&source, 3, NONE).unwrap_err();
    assert_eq!((error.stage, error.reason), (Stage::Digest, LoadReason::DigestMismatch));
    assert!(error.message.contains(ABC) && error.message.contains(&other.to_string()), "{}", error.message);

    let error = read(&source, 2, NONE).unwrap_err();
    assert_eq!((error.stage, error.reason), (Stage::Read, LoadReason::TooLarge));
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("absent.wasm"), folder.path().to_owned(), "/dev/zero".into()] {
        let source = Source { location: Location::File(path), sha256: None };
        let error = read(&source, 1 << 20, NONE).unwrap_err();
        assert_eq!((error.stage, error.reason), (Stage::Read, LoadReason::Unreachable), "{source}");
    }
}

#[test]
fn built_in_plugins_are_found_by_name() {
    let builtins = |name: &str| (name == "abc").then_some(b"abc".as_slice());
    let artifact = read(&"builtin:abc".parse().unwrap(), 3, &builtins).unwrap();
    assert_eq!(artifact.digest().to_string(), ABC);
    assert_eq!(artifact.origin(), "builtin:abc");
    let error = read(&"builtin:abd".parse().unwrap(), 3, &builtins).unwrap_err();
    assert_eq!(error.reason, LoadReason::Unreachable);
    let error = read(&"builtin:abc".parse().unwrap(), 2, &builtins).unwrap_err();
    assert_eq!(error.reason, LoadReason::TooLarge);
    let pinned = format!("builtin:abc,sha256={}", "0".repeat(64));
    let error = read(&pinned.parse().unwrap(), 3, &builtins).unwrap_err();
    assert_eq!(error.reason, LoadReason::DigestMismatch);
}

/// Gives bytes without end, counts them, and is sometimes interrupted.
struct Endless(u64);

impl Read for &mut Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        if self.0.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = buffer.len().min(1000);
        buffer[..length].fill(b'x');
        Ok(length)
    }
}

#[test]
fn a_stream_without_end_is_not_followed() {
    let mut endless = Endless(0);
    let error = Artifact::from_reader(&mut endless, "a stream", None, 100_000).unwrap_err();
    assert_eq!(error.reason, LoadReason::TooLarge);
    assert!(endless.0 < 200, "{}", endless.0);
}

#[test]
fn a_stream_that_breaks_off_is_not_used() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let stream = b"abc".as_slice().chain(Broken);
    let error = Artifact::from_reader(stream, "a stream", None, 100).unwrap_err();
    assert_eq!((error.stage, error.reason), (Stage::Read, LoadReason::Unreachable));
}

#[test]
fn what_was_looked_at_can_be_pinned() {
    let artifact = || Artifact::from_bytes(b"abc".to_vec(), "here", None, 3).unwrap();
    assert!(artifact().pin(ABC.parse().unwrap()).unwrap().is_pinned());
    assert_eq!(artifact().pin(Digest([0; 32])).unwrap_err().reason, LoadReason::DigestMismatch);
}

#[test]
fn streams_hash_like_files() {
    let mut endless = Endless(0);
    let mut stream = (&mut endless).take(200_000);
    let streamed = Artifact::from_reader(&mut stream, "a stream", None, 200_000).unwrap();
    let whole =
        Artifact::from_bytes(vec![b'x'; 200_000], "memory", Some(streamed.digest()), 200_000).unwrap();
    assert_eq!(streamed.bytes(), whole.bytes());
}
