//! Programs from a Go module of ours that has little more than a go.mod: the versions that it pins are those that run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::digest;
use crate::run;

/// A Go module, and how its programs are built.
#[derive(Debug)]
pub(crate) struct GoModule {
    /// Its folder in the repository.
    pub(crate) folder: &'static str,
    /// All of its files: a change of one is a change of the recipe.
    pub(crate) files: &'static [&'static str],
    /// The module whose version is that of the programs.
    pub(crate) versioned: &'static str,
    /// The packages to build.
    pub(crate) packages: &'static [&'static str],
    /// Flags of `go build`, among them `-v`: progress counts what it says. A change here is a change of the recipe.
    pub(crate) flags: &'static [&'static str],
    /// What it is, for messages: "Kubernetes".
    pub(crate) what: &'static str,
}

impl GoModule {
    /// The name in the cache of what is built for this machine.
    pub(crate) fn name(&self, context: &Context<'_>, prefix: &str) -> Result<String> {
        let text = format!("{:?} {} {}", self.flags, std::env::consts::OS, std::env::consts::ARCH);
        let mut hash = digest::of_recipe(&text, &context.root, self.files)?;
        hash.truncate(16);
        Ok(format!("{prefix}-{}-{hash}", self.version(context)?))
    }

    /// Checks that a fitting Go is there and has it fetch all modules. Where this fails, the recipe cannot be had here;
    /// where it does not, a build that fails is an error.
    pub(crate) fn fetch(&self, context: &Context<'_>) -> Result<()> {
        if !run::works(self.go(context).arg("version")) {
            bail!("there is no Go on this machine to build {} with", self.what);
        }
        run::with_progress(context.console, self.go(context).args(["mod", "download"]), |_, _| {
            "fetching Go modules".to_owned()
        })
        .with_context(|| format!("the Go modules of {} cannot be had", self.what))
    }

    /// Builds the programs into `out`, with the build cache in `work`: it is of gigabytes and of no use afterwards.
    pub(crate) fn build(
        &self,
        context: &Context<'_>,
        linker_flags: &str,
        work: &Path,
        out: &Path,
    ) -> Result<()> {
        let version = self.version(context)?;
        let mut list = self.go(context);
        list.args(["list", "-deps"]).args(self.flags).args(self.packages);
        let all = run::capture(&mut list)?.lines().count();
        let mut build = self.go(context);
        build
            .arg("build")
            .args(self.flags)
            .arg("-ldflags")
            .arg(linker_flags)
            .arg("-o")
            .arg(out)
            .args(self.packages)
            .env("GOCACHE", work.join("go-build"));
        run::with_progress(context.console, &mut build, |count, _| {
            format!("{} {version}: {count} of {all} packages compiled", self.what)
        })
    }

    /// The version of the programs, as go.mod requires it.
    pub(crate) fn version(&self, context: &Context<'_>) -> Result<String> {
        let file = context.root.join(self.folder).join("go.mod");
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        required_version(&text, self.versioned)
            .with_context(|| format!("{} requires no {}", file.display(), self.versioned))
    }

    /// No C compiler, and no flags of this machine.
    fn go(&self, context: &Context<'_>) -> Command {
        let mut go = context.command("go");
        go.current_dir(context.root.join(self.folder)).env("GOFLAGS", "").env("CGO_ENABLED", "0");
        go
    }
}

fn required_version(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        (words.next() == Some(module)).then(|| words.next()).flatten().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_required_one() {
        let version = |text| required_version(text, "k8s.io/kubernetes");
        let block = "module m\n\nrequire (\n\tk8s.io/api v0.36.4\n\tk8s.io/kubernetes v1.36.4\n)\n";
        assert_eq!(version(block).as_deref(), Some("v1.36.4"));
        assert_eq!(version("require k8s.io/kubernetes v1.37.0\n").as_deref(), Some("v1.37.0"));
        assert_eq!(version("module m\n"), None);
    }
}
