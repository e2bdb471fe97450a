//! `tidegate plugin new`: what it makes and what it refuses. That the result builds and passes the suite is for the
//! tests that cross crates, which have a compiler for guests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::command::{plugin, repository};

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

#[test]
fn a_workspace_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("here").display().to_string();
    let checkout = repository("");
    let run = plugin(&["new", "my-router", "--path", &path, "--sdk", &checkout]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.contains("my_router_component.wasm --fixtures fixtures"), "{}", run.stdout);
    let made = files(Path::new(&path));
    assert!(made.len() > 8);
    for file in &made {
        assert!(!std::fs::read_to_string(file).unwrap().contains("@NAME@"), "{}", file.display());
    }
    let manifest = std::fs::read_to_string(Path::new(&path).join("Cargo.toml")).unwrap();
    assert!(manifest.contains("plugins/sdk") && manifest.contains("[profile.release]"), "{manifest}");
    let fixtures = Path::new(&path).join("fixtures");
    assert_eq!(tidegate_conformance::Fixture::read_folder(&fixtures).unwrap().len(), 1);
    // Again, over what is there: nothing is touched.
    let run = plugin(&["new", "my-router", "--path", &path, "--sdk", &checkout]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("--path"), "{}", run.stderr);
    assert_eq!(files(Path::new(&path)), made);
}

#[test]
fn the_sdk_comes_from_the_repository_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router").display().to_string();
    assert_eq!(plugin(&["new", "router", "--path", &path]).status, 0);
    let manifest = std::fs::read_to_string(Path::new(&path).join("Cargo.toml")).unwrap();
    let expected = format!("tag = \"v{}\"", env!("CARGO_PKG_VERSION"));
    assert!(manifest.contains("git = \"https://") && manifest.contains(&expected), "{manifest}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router").display().to_string();
    for arguments in [
        vec!["new", "My_Router", "--path", &path],
        vec!["new", "fn", "--path", &path],
        vec!["new", "router", "--path", &path, "--sdk", "no/such/folder"],
    ] {
        let run = plugin(&arguments);
        assert_eq!(run.status, 2, "{arguments:?}");
        assert!(!Path::new(&path).exists(), "{arguments:?}");
    }
}
