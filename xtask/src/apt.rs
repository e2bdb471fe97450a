//! Debian's packages without installing them: a private apt configuration, so that the machine's own lists, settings
//! and packages stay as they are. Needs `apt-get`, `apt-cache` and `dpkg`, and no privileges.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::console::Console;
use crate::context::Context;
use crate::run;

/// The releases under which the machine's sources may name Debian's main archive.
const RELEASES: [&str; 9] =
    ["bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"];

/// Debian's own keyring. Where it is missing, apt's default keys decide.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A private apt for one release of Debian, with its lists fetched.
#[derive(Debug)]
pub(crate) struct PrivateApt {
    configuration: PathBuf,
}

impl PrivateApt {
    /// Makes the configuration in `folder` for `release`, with source packages when `sources`, and fetches the lists.
    /// The archive's address is the one that the machine uses.
    pub(crate) fn new(context: &Context<'_>, folder: &Path, release: &str, sources: bool) -> Result<Self> {
        for tool in ["apt-get", "apt-cache", "dpkg"] {
            if !run::works(context.command(tool).arg("--version")) {
                bail!("`{tool}` is not on this machine, so Debian's packages cannot be had");
            }
        }
        let archive = archive(context)?;
        for part in ["sources.d", "lists/partial", "cache/archives/partial", "state"] {
            let part = folder.join(part);
            std::fs::create_dir_all(&part).with_context(|| format!("creating {}", part.display()))?;
        }
        let write = |name: &str, text: &str| {
            let file = folder.join(name);
            std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
        };
        write("state/status", "")?;
        write(
            "sources.d/debian.sources",
            &source_entry(&archive, release, sources, Path::new(KEYRING).exists()),
        )?;
        write("apt.conf", &configuration(folder))?;
        let apt = Self { configuration: folder.join("apt.conf") };
        run::capture(apt.command(context, "apt-get").args(["-qq", "update"]))
            .with_context(|| format!("fetching the package lists of Debian {release}"))?;
        Ok(apt)
    }

    /// An apt tool, or a script that runs apt tools, with this configuration.
    pub(crate) fn command(&self, context: &Context<'_>, tool: &str) -> Command {
        let mut command = context.command(tool);
        command.env("APT_CONFIG", &self.configuration);
        command
    }

    /// All packages that installing `packages` on an empty system would bring.
    pub(crate) fn closure(&self, context: &Context<'_>, packages: &[&str]) -> Result<Vec<String>> {
        let output = run::capture(
            self.command(context, "apt-get")
                .args(["install", "--simulate", "--no-install-recommends"])
                .args(packages),
        )?;
        Ok(installed_by(&output))
    }

    /// The version of a package that `download` would fetch.
    pub(crate) fn version(&self, context: &Context<'_>, package: &str) -> Result<String> {
        let output =
            run::capture(self.command(context, "apt-cache").args(["show", "--no-all-versions", package]))?;
        output
            .lines()
            .find_map(|line| line.strip_prefix("Version: "))
            .map(str::to_owned)
            .with_context(|| format!("Debian's lists give no version of {package}"))
    }

    /// Downloads packages and unpacks them under `root`; nothing is configured or started.
    pub(crate) fn unpack(
        &self,
        context: &Context<'_>,
        packages: &[String],
        work: &Path,
        root: &Path,
    ) -> Result<()> {
        std::fs::create_dir_all(work).with_context(|| format!("creating {}", work.display()))?;
        let mut download = self.command(context, "apt-get");
        download.current_dir(work).args(["-q", "download"]).args(packages);
        run::with_progress(context.console, &mut download, |_, _| {
            format!("downloading {} packages", packages.len())
        })?;
        for file in std::fs::read_dir(work).with_context(|| format!("reading {}", work.display()))? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                run::capture(context.command("dpkg").arg("--extract").arg(&file).arg(root))?;
                std::fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
            }
        }
        Ok(())
    }
}

/// The address of Debian's archive in the machine's own sources.
fn archive(context: &Context<'_>) -> Result<String> {
    let targets = run::capture(context.command("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE)",
        "Created-By: Packages",
    ]))?;
    archive_among(&targets)
        .context("no Debian archive among this machine's apt sources, so Debian's packages cannot be had")
}

fn archive_among(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let (address, release) = line.split_once(' ')?;
        RELEASES.contains(&release.trim_end_matches('/')).then(|| address.to_owned())
    })
}

fn source_entry(archive: &str, release: &str, sources: bool, keyring: bool) -> String {
    let types = if sources { "deb deb-src" } else { "deb" };
    let mut entry = format!("Types: {types}\nURIs: {archive}\nSuites: {release}\nComponents: main\n");
    if keyring {
        entry.push_str("Signed-By: ");
        entry.push_str(KEYRING);
        entry.push('\n');
    }
    entry
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/sources.d";
Dir::State "{folder}/state";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Acquire::Languages "none";
APT::Sandbox::User "";
"#
    )
}

/// The packages in what `apt-get install --simulate` says.
fn installed_by(output: &str) -> Vec<String> {
    output
        .lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next().map(str::to_owned))
        .collect()
}

/// Says what is about to be fetched from Debian.
pub(crate) fn announce(console: &Console, what: &str, release: &str) {
    console.note(&format!("fetching {what} from Debian {release} (nothing is installed on this machine)"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_the_one_with_a_main_release() {
        let targets = "http://packages.example/apt/ noble\n\
                       http://mirror.example/debian-security/ bookworm-security\n\
                       http://mirror.example/debian/ bookworm-updates\n\
                       http://mirror.example/debian/ bookworm\n";
        assert_eq!(archive_among(targets).as_deref(), Some("http://mirror.example/debian/"));
        assert_eq!(archive_among("http://mirror.example/ubuntu/ noble\n"), None);
        assert_eq!(archive_among(""), None);
    }

    #[test]
    fn simulated_installations_name_their_packages() {
        let output = "NOTE: This is only a simulation!\n\
                      Inst gcc-16-base (16.2.0-3 Debian:testing [amd64])\n\
                      Inst libgcc-s1 (16.2.0-3 Debian:testing [amd64]) []\n\
                      Conf libgcc-s1 (16.2.0-3 Debian:testing [amd64])\n";
        assert_eq!(installed_by(output), ["gcc-16-base", "libgcc-s1"]);
    }

    #[test]
    fn the_keyring_is_named_only_where_it_is() {
        let entry = source_entry("http://mirror.example/debian/", "forky", true, false);
        assert!(entry.starts_with("Types: deb deb-src\n") && !entry.contains("Signed-By"));
        assert!(source_entry("http://mirror.example/debian/", "forky", false, true).contains(KEYRING));
    }
}
