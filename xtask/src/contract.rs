//! The published versions of the contract with plugins never change: each file has the digest that `wit/frozen.sha256` records.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::digest;

/// Where the digests are, in the format of `sha256sum`.
const FROZEN: &str = "frozen.sha256";

/// Compares every published file with its digest, and finds folders of versions that no digest speaks of.
pub(crate) fn check(context: &Context<'_>) -> Result<()> {
    let count = check_folder(&context.root.join("wit"))?;
    context.console.note(&format!("{count} published files are as they were published"));
    Ok(())
}

fn check_folder(folder: &Path) -> Result<usize> {
    let list = folder.join(FROZEN);
    let text = std::fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
    let frozen = digests(&text)?;
    for (name, expected) in &frozen {
        let bytes = std::fs::read(folder.join(name))
            .with_context(|| format!("reading wit/{name}, which is published"))?;
        let found = digest::of_bytes(&bytes);
        if found != *expected {
            bail!(
                "wit/{name} is published and may not change: its SHA-256 is {found}, and {expected} is frozen. \
                 A new ability is a new interface in a new folder (wit/README.md says how); undo the change"
            );
        }
    }
    for name in wit_files(folder)? {
        if !frozen.contains_key(&name) {
            bail!(
                "wit/{name} is not in wit/{FROZEN}: append what `sha256sum {name}` prints when it is published"
            );
        }
    }
    Ok(frozen.len())
}

/// File names and digests.
fn digests(text: &str) -> Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (digest, name) = line
            .split_once("  ")
            .with_context(|| format!("wit/{FROZEN}: {line:?} is not DIGEST, two spaces, FILE"))?;
        digests.insert(name.to_owned(), digest.to_owned());
    }
    if digests.is_empty() {
        bail!("wit/{FROZEN} names no file");
    }
    Ok(digests)
}

/// The contract's files, `VERSION/NAME.wit`.
fn wit_files(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for version in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let version = version?;
        if !version.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(version.path())? {
            let (file, version) = (file?.file_name(), version.file_name());
            let file = Path::new(&file);
            if file.extension().is_some_and(|extension| extension == "wit") {
                files.push(format!("{}/{}", version.display(), file.display()));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with one published file whose digest is recorded as given.
    fn folder(content: &str, frozen: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("0.1")).unwrap();
        std::fs::write(folder.path().join("0.1/router.wit"), content).unwrap();
        std::fs::write(folder.path().join(FROZEN), frozen).unwrap();
        folder
    }

    #[test]
    fn a_published_file_that_changed_is_found() {
        let line = format!("{}  0.1/router.wit\n", digest::of_bytes(b"package a:b;"));
        assert_eq!(check_folder(folder("package a:b;", &line).path()).unwrap(), 1);
        let error = check_folder(folder("package a:b; ", &line).path()).unwrap_err();
        assert!(error.to_string().contains("0.1/router.wit"), "{error}");
    }

    #[test]
    fn a_file_that_nobody_froze_is_found() {
        let line = format!("{}  0.1/router.wit\n", digest::of_bytes(b"package a:b;"));
        let folder = folder("package a:b;", &line);
        std::fs::write(folder.path().join("0.1/more.wit"), "package a:c;").unwrap();
        let error = check_folder(folder.path()).unwrap_err();
        assert!(error.to_string().contains("0.1/more.wit"), "{error}");
    }

    #[test]
    fn a_list_that_says_nothing_is_an_error() {
        for frozen in ["", "abc 0.1/router.wit\n"] {
            assert!(check_folder(folder("package a:b;", frozen).path()).is_err(), "{frozen:?}");
        }
    }
}
