//! SHA-256 of files, in hexadecimal.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest, Sha256};

/// The digest of some bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_slice())
}

/// One digest over several files and a text: what decides whether something built from them may be used again. Names
/// and lengths are in it, so that no two sets of files can look alike.
pub(crate) fn of_recipe(text: &str, root: &Path, files: &[&str]) -> Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(text.len().to_be_bytes());
    hasher.update(text);
    for name in files {
        let bytes = std::fs::read(root.join(name)).with_context(|| format!("reading {name}"))?;
        hasher.update(name.len().to_be_bytes());
        hasher.update(name);
        hasher.update(bytes.len().to_be_bytes());
        hasher.update(bytes);
    }
    Ok(hex(hasher.finalize().as_slice()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(of_bytes(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_recipe_is_its_text_and_its_files() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let one = of_recipe("a", root, &["Cargo.toml"]).unwrap();
        assert_eq!(one, of_recipe("a", root, &["Cargo.toml"]).unwrap());
        assert_ne!(one, of_recipe("b", root, &["Cargo.toml"]).unwrap());
        assert_ne!(one, of_recipe("a", root, &["Cargo.toml", "src/main.rs"]).unwrap());
        assert!(of_recipe("a", root, &["missing"]).is_err());
    }
}
