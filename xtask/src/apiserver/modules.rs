//! A current Kubernetes by Go modules: `tests/apiserver` is a module with a `main` of a few lines for each program,
//! and the versions in its go.mod are the versions that run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::digest;
use crate::run;

/// The Go module, and all of its files.
const MODULE: &str = "tests/apiserver";
const FILES: [&str; 5] = [
    "tests/apiserver/go.mod",
    "tests/apiserver/go.sum",
    "tests/apiserver/etcd/main.go",
    "tests/apiserver/kube-apiserver/main.go",
    "tests/apiserver/kube-controller-manager/main.go",
];

/// No C compiler, no paths of this machine, no cloud providers, no symbols. A change here is a change of the recipe.
const FLAGS: [&str; 6] = ["-trimpath", "-mod=readonly", "-buildvcs=false", "-tags", "providerless", "-v"];

/// The name of what this recipe builds, in the cache.
pub(super) fn name(context: &Context<'_>) -> Result<String> {
    let text = format!("{FLAGS:?} {} {}", std::env::consts::OS, std::env::consts::ARCH);
    let mut hash = digest::of_recipe(&text, &context.root, &FILES)?;
    hash.truncate(16);
    Ok(format!("kube-{}-{hash}", version(context)?))
}

/// Checks that a fitting Go is there and has it fetch all modules. Where this fails, the recipe cannot be had here;
/// where it does not, a build that fails is an error.
pub(super) fn fetch(context: &Context<'_>) -> Result<()> {
    if !run::works(go(context).arg("version")) {
        bail!("there is no Go on this machine to build a current Kubernetes with");
    }
    let mut list = go(context);
    list.args(["mod", "download"]);
    run::with_progress(context.console, &mut list, |_, _| "fetching Go modules".to_owned())
        .context("the Go modules of Kubernetes cannot be had")
}

/// Builds the programs into `out`, with the build cache in `work`: it is of 3 GB and of no use afterwards.
pub(super) fn build(context: &Context<'_>, work: &Path, out: &Path) -> Result<()> {
    let version = version(context)?;
    let all =
        run::capture(go(context).args(["list", "-deps", "-tags", "providerless", "./..."]))?.lines().count();
    let mut build = go(context);
    build
        .arg("build")
        .args(FLAGS)
        .arg("-ldflags")
        .arg(linker_flags(&version)?)
        .arg("-o")
        .arg(out)
        .arg("./...")
        .env("GOCACHE", work.join("go-build"));
    run::with_progress(context.console, &mut build, |count, _| {
        format!("Kubernetes {version}: {count} of {all} packages compiled")
    })
}

fn go(context: &Context<'_>) -> Command {
    let mut go = context.command("go");
    go.current_dir(context.root.join(MODULE)).env("GOFLAGS", "").env("CGO_ENABLED", "0");
    go
}

/// The version of Kubernetes that go.mod requires.
fn version(context: &Context<'_>) -> Result<String> {
    let file = context.root.join(MODULE).join("go.mod");
    let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    required_version(&text).with_context(|| format!("{} requires no k8s.io/kubernetes", file.display()))
}

fn required_version(go_mod: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        (words.next() == Some("k8s.io/kubernetes")).then(|| words.next()).flatten().map(str::to_owned)
    })
}

/// The version that `/version` answers with: Kubernetes' own build sets these variables too.
fn linker_flags(version: &str) -> Result<String> {
    let mut numbers = version.trim_start_matches('v').split('.');
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        bail!("{version} is no version of Kubernetes");
    };
    let set = |name: &str, value: &str| format!("-X k8s.io/component-base/version.{name}={value}");
    let variables =
        [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor), ("gitTreeState", "clean")];
    let mut flags = String::from("-s -w");
    for (name, value) in variables {
        flags.push(' ');
        flags.push_str(&set(name, value));
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_required_one() {
        let block = "module m\n\nrequire (\n\tk8s.io/api v0.36.4\n\tk8s.io/kubernetes v1.36.4\n)\n";
        assert_eq!(required_version(block).as_deref(), Some("v1.36.4"));
        assert_eq!(required_version("require k8s.io/kubernetes v1.37.0\n").as_deref(), Some("v1.37.0"));
        assert_eq!(required_version("module m\n"), None);
    }

    #[test]
    fn the_version_is_told_to_the_linker() {
        let flags = linker_flags("v1.36.4").unwrap();
        assert!(
            flags.contains("gitVersion=v1.36.4")
                && flags.contains("gitMajor=1 ")
                && flags.contains("gitMinor=36 ")
        );
        assert!(linker_flags("latest").is_err());
    }
}
