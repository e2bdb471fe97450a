//! Kubernetes 1.20.2 from Debian's source package, the last that has the whole tree, built by the Go and run with the
//! etcd of the same release. Old, but real; for machines without Go modules.

use std::path::Path;

use anyhow::Result;

use crate::apt::{self, PrivateApt};
use crate::context::Context;
use crate::digest;
use crate::run;

/// The release of Debian with that source package.
const RELEASE: &str = "bookworm";

/// The steps, as a shell script.
const SCRIPT: &str = "tests/apiserver/debian.sh";

/// The name of what this recipe builds, in the cache.
pub(super) fn name(context: &Context<'_>) -> Result<String> {
    let mut hash = digest::of_recipe(RELEASE, &context.root, &[SCRIPT])?;
    hash.truncate(16);
    Ok(format!("kube-v1.20.2-{hash}"))
}

/// Builds the programs into `out`.
pub(super) fn build(context: &Context<'_>, work: &Path, out: &Path) -> Result<()> {
    let apt = PrivateApt::new(context, &work.join("apt"), RELEASE, true)?;
    apt::announce(context.console, "the sources of Kubernetes 1.20.2, and Go 1.19", RELEASE);
    let mut script = apt.command(context, "bash");
    script.arg(context.root.join(SCRIPT)).arg(work).arg(out);
    run::with_progress(context.console, &mut script, |_, newest| newest.chars().take(100).collect())
}
