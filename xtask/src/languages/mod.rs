//! `cargo xtask guests`: the example router in each language, built by that language's own tools and packages.
//!
//! Each is built in a folder of its own, `target/guests/LANGUAGE`, of copies of its sources in `examples/routers/LANGUAGE`:
//! nothing is written beside the sources, and nothing is installed anywhere else. What comes out is
//! `target/guests/LANGUAGE.wasm`. It is kept until something that it is made of changes.

mod go;
mod javascript;
mod python;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::console::spoken;
use crate::context::Context;
use crate::toolchain::Source;
use crate::{digest, guests, run};

/// A language that the example router is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// With the SDK
    Rust,
    /// With componentize-py
    Python,
    /// With npm packages
    Javascript,
    /// With wit-bindgen
    Go,
}

impl Language {
    const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Javascript => "javascript",
            Self::Go => "go",
        }
    }
}

/// The folder of the WIT package, and the world, as seen from the workspace's root.
const WIT: &str = "wit/0.1";
const WORLD: &str = "traffic-router";

/// Builds the example router in these languages, or in all when none is named.
pub(crate) fn build(context: &Context<'_>, source: Source, languages: &[Language]) -> Result<()> {
    let wanted = if languages.is_empty() { Language::value_variants() } else { languages };
    for language in wanted {
        build_one(context, source, *language)
            .with_context(|| format!("building the example router in {language:?}"))?;
    }
    Ok(())
}

type Step<T> = fn(&Workshop<'_>) -> Result<T>;

fn build_one(context: &Context<'_>, source: Source, language: Language) -> Result<()> {
    let (version, make): (Step<String>, Step<PathBuf>) = match language {
        Language::Rust => return guests::build_examples(context, source),
        Language::Python => (python::version, python::build),
        Language::Javascript => (javascript::version, javascript::build),
        Language::Go => (go::version, go::build),
    };
    let work = Workshop::new(context, language);
    context.console.heading(&format!("Building the example router in {language:?}"));
    let version = version(&work)?;
    let recipe = work.recipe(&version)?;
    let component = guests::examples(context).join(language.name()).with_extension("wasm");
    let mark = work.folder.join("recipe");
    if component.exists() && std::fs::read_to_string(&mark).is_ok_and(|built| built == recipe) {
        context.console.note(&format!("{} is up to date", context.relative(&component)));
        return Ok(());
    }
    let started = Instant::now();
    // What was installed there stays; a failure half-way leaves no mark.
    let _ = std::fs::remove_file(&mark);
    work.copy(&work.sources, &work.folder)?;
    guests::install(context, &make(&work)?, &component)?;
    std::fs::write(&mark, recipe).with_context(|| format!("writing {}", mark.display()))?;
    context.console.note(&format!("done in {}, with {version}", spoken(started.elapsed())));
    Ok(())
}

/// Where one language's example is built.
#[derive(Debug)]
struct Workshop<'a> {
    context: &'a Context<'a>,
    /// The sources, in the repository.
    sources: PathBuf,
    /// Where they are copied to, and where all that is installed goes.
    folder: PathBuf,
}

impl<'a> Workshop<'a> {
    fn new(context: &'a Context<'a>, language: Language) -> Self {
        let sources = context.root.join("examples/routers").join(language.name());
        let folder = guests::examples(context).join(language.name());
        Self { context, sources, folder }
    }

    /// A command in the folder.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.context.command(program.as_ref());
        command.current_dir(&self.folder);
        command
    }

    /// The folder of the WIT package.
    fn wit(&self) -> PathBuf {
        self.context.root.join(WIT)
    }

    /// What the first of these programs says of its version. `needed` says what is missing when there is none.
    fn version(&self, programs: &[&str], argument: &str, needed: &str) -> Result<(String, String)> {
        for program in programs {
            let mut command = self.context.command(*program);
            if let Ok(text) = run::capture(command.arg(argument)) {
                return Ok(((*program).to_owned(), text.trim().to_owned()));
            }
        }
        bail!("{needed}; or leave the guests in other languages out: --language, --no-languages")
    }

    /// Stands for all that the component is made of: the sources, the contract, and the version of the language.
    fn recipe(&self, version: &str) -> Result<String> {
        let mut files = vec![format!("{WIT}/router.wit")];
        for file in files_in(&self.sources)? {
            files.push(file.strip_prefix(&self.context.root).unwrap_or(&file).display().to_string());
        }
        let names: Vec<_> = files.iter().map(String::as_str).collect();
        let how = concat!(
            include_str!("mod.rs"),
            include_str!("python.rs"),
            include_str!("javascript.rs"),
            include_str!("go.rs")
        );
        digest::of_recipe(&format!("{version}\n{how}"), &self.context.root, &names)
    }

    /// Copies a folder's files into another one, and leaves there what else is there.
    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        for file in files_in(from)? {
            let place = to.join(file.strip_prefix(from).unwrap_or(&file));
            if let Some(parent) = place.parent() {
                std::fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
            }
            std::fs::copy(&file, &place)
                .with_context(|| format!("copying {}", self.context.relative(&file)))?;
        }
        Ok(())
    }
}

/// All files in a folder, at any depth, in order; not those that tools leave beside sources.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
        let name = entry.file_name();
        if ["node_modules", "__pycache__", ".venv"].iter().any(|other| name == *other) {
            continue;
        }
        if entry.path().is_dir() {
            files.extend(files_in(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_an_example_with_a_manifest_and_instructions() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (language, manifest) in [
            (Language::Rust, "Cargo.toml"),
            (Language::Python, "requirements.txt"),
            (Language::Javascript, "package-lock.json"),
            (Language::Go, "go.mod"),
        ] {
            let files = files_in(&root.join("examples/routers").join(language.name())).unwrap();
            for wanted in [manifest, "README.md"] {
                assert!(files.iter().any(|file| file.ends_with(wanted)), "{language:?} has no {wanted}");
            }
        }
    }

    #[test]
    fn locks_name_no_registry() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let lock =
            std::fs::read_to_string(root.join("examples/routers/javascript/package-lock.json")).unwrap();
        assert!(lock.contains("\"integrity\"") && !lock.contains("\"resolved\""));
    }
}
