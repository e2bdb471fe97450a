//! A current Kubernetes by Go modules: `tests/apiserver` is a module with a `main` of a few lines for each program,
//! and the versions in its go.mod are the versions that run.

use std::path::Path;

use anyhow::{Result, bail};

use crate::context::Context;
use crate::go_module::GoModule;

const MODULE: GoModule = GoModule {
    folder: "tests/apiserver",
    files: &[
        "tests/apiserver/go.mod",
        "tests/apiserver/go.sum",
        "tests/apiserver/etcd/main.go",
        "tests/apiserver/kube-apiserver/main.go",
        "tests/apiserver/kube-controller-manager/main.go",
    ],
    versioned: "k8s.io/kubernetes",
    packages: &["./..."],
    // No paths of this machine, no cloud providers.
    flags: &["-trimpath", "-mod=readonly", "-buildvcs=false", "-tags", "providerless", "-v"],
    what: "Kubernetes",
};

/// The name of what this recipe builds, in the cache.
pub(super) fn name(context: &Context<'_>) -> Result<String> {
    MODULE.name(context, "kube")
}

/// Checks that a fitting Go is there and has it fetch all modules.
pub(super) fn fetch(context: &Context<'_>) -> Result<()> {
    MODULE.fetch(context)
}

/// Builds the programs into `out`.
pub(super) fn build(context: &Context<'_>, work: &Path, out: &Path) -> Result<()> {
    MODULE.build(context, &linker_flags(&MODULE.version(context)?)?, work, out)
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
