//! Programs that tests run and that take long to build: built once per machine, into the user's cache, and again only
//! when their recipe changes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::console::spoken;
use crate::context::{Context, cache_folder, remove_folder};

/// Programs that belong together, in one folder.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Their file names.
    pub(crate) names: &'static [&'static str],
    /// The environment variable that names a folder to use instead.
    pub(crate) variable: &'static str,
    /// The file in the cache whose lock says that somebody builds them.
    pub(crate) lock: &'static str,
    /// What they are, for messages: "an API server".
    pub(crate) what: &'static str,
    /// Said before they are built: what, how long.
    pub(crate) heading: &'static str,
}

impl Programs {
    /// The folder that the environment names, if it has all programs.
    pub(crate) fn provided(&self, context: &Context<'_>) -> Option<PathBuf> {
        let folder = std::env::var_os(self.variable).filter(|value| !value.is_empty()).map(PathBuf::from)?;
        let missing: Vec<_> =
            self.names.iter().filter(|program| !folder.join(program).is_file()).copied().collect();
        if missing.is_empty() {
            return Some(folder);
        }
        context.console.warning(&format!(
            "{} names {}, which lacks {}: not used",
            self.variable,
            folder.display(),
            missing.join(" and ")
        ));
        None
    }

    /// The folder `name` of the cache, if it has all programs.
    pub(crate) fn cached(&self, name: &str) -> Result<Option<PathBuf>> {
        let folder = cache_folder()?.join(name);
        Ok(self.are_in(&folder).then_some(folder))
    }

    fn are_in(&self, folder: &Path) -> bool {
        self.names.iter().all(|program| folder.join(program).is_file())
    }

    /// Builds the programs into the folder `name` of the cache, unless they are there. One process builds at a time;
    /// what is incomplete is never seen under the name. The recipe gets a folder to work in and one for the programs.
    pub(crate) fn build(
        &self,
        context: &Context<'_>,
        name: &str,
        recipe: impl FnOnce(&Path, &Path) -> Result<()>,
    ) -> Result<PathBuf> {
        if let Some(folder) = self.cached(name)? {
            return Ok(folder);
        }
        let cache = cache_folder()?;
        let lock = cache.join(self.lock);
        let lock = File::create(&lock).with_context(|| format!("creating {}", lock.display()))?;
        if lock.try_lock().is_err() {
            context.console.note(&format!("waiting for another process that builds {}", self.what));
            lock.lock().context("locking the cache")?;
        }
        let folder = cache.join(name);
        if self.are_in(&folder) {
            return Ok(folder);
        }
        context.console.heading(self.heading);
        let started = Instant::now();
        let work = cache.join(format!("{name}.work"));
        remove_folder(&work)?;
        let out = work.join("bin");
        std::fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
        let built = recipe(&work, &out);
        if built.is_ok() {
            if !self.are_in(&out) {
                bail!("the recipe ended without all of {}", self.names.join(", "));
            }
            remove_folder(&folder)?;
            std::fs::rename(&out, &folder)
                .with_context(|| format!("moving {} into place", folder.display()))?;
        }
        remove_folder(&work)?;
        built?;
        context.console.note(&format!("built in {}: {}", spoken(started.elapsed()), folder.display()));
        Ok(folder)
    }
}
