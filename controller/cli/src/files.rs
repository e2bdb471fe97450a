//! Reading the files that users name.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A text and what it is called.
pub(crate) struct FileText {
    pub(crate) name: String,
    pub(crate) content: String,
}

/// Reads files, all manifests in directories (sorted by name), and standard input (`-`).
pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<FileText>> {
    let mut texts = Vec::new();
    for path in paths {
        read_one(path, &mut texts)?;
    }
    Ok(texts)
}

fn read_one(path: &Path, texts: &mut Vec<FileText>) -> anyhow::Result<()> {
    let name = path.display().to_string();
    if path == Path::new("-") {
        let mut content = String::new();
        std::io::stdin().read_to_string(&mut content).context("cannot read standard input")?;
        texts.push(FileText { name: "standard input".to_owned(), content });
    } else if path.is_dir() {
        for file in manifests_in(path).with_context(|| format!("cannot read {name}"))? {
            read_one(&file, texts)?;
        }
    } else {
        let content = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        texts.push(FileText { name, content });
    }
    Ok(())
}

fn manifests_in(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = std::fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        file.is_file() && extension.is_some_and(|kind| ["yaml", "yml", "json"].contains(&kind))
    });
    files.sort();
    Ok(files)
}
