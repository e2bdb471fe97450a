//! One feature set per package: the demo and the tests select different packages of the workspace, and cargo gives a
//! shared dependency the union of the features that the selected packages ask for. Where the unions differ, the
//! dependency and all above it are compiled twice; for the sandbox's compiler that is minutes.
//!
//! So the package `tidegate-feature-set`, on which the binary depends, asks for the larger union of each dependency
//! that the demo shares with the tests. `cargo xtask features` writes its manifest from what cargo plans to build.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::context::Context;
use crate::{demo, run, suite};

/// The manifest that is written.
const MANIFEST: &str = "xtask/feature-set/Cargo.toml";

/// Asking for features may bring in packages that differ in turn; more rounds than this mean a mistake of ours.
const ROUNDS: usize = 8;

const HEAD: &str = r#"# Written by `cargo xtask features`: run it again when the stage `feature sets` of `cargo xtask ci` says so.
[package]
name = "tidegate-feature-set"
description = "Asks for the features that the tests need of what the demo shares with them, so that both share its builds"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
repository.workspace = true
publish.workspace = true

[lints]
workspace = true
"#;

/// A dependency in one of its two roles, which have features of their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Dependency {
    role: Role,
    name: String,
    version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// Linked into what we build.
    Target,
    /// Used by build scripts and macros.
    Build,
}

type Features = BTreeSet<String>;

/// What cargo plans to build: each dependency with its features; a build may need it with several sets.
type Plan = BTreeMap<Dependency, BTreeSet<Features>>;

/// What the manifest asks for.
type Wanted = BTreeMap<Dependency, Features>;

/// Writes the manifest anew; where that fails, it stays as it was.
pub(crate) fn write(context: &Context<'_>) -> Result<()> {
    let file = context.root.join(MANIFEST);
    let put = |text: &str| std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()));
    let before = std::fs::read_to_string(&file).unwrap_or_else(|_| manifest(&Wanted::new()));
    // Both plans can be made, or the manifest is not touched.
    differences(&demo_plan(context)?, &tests_plan(context)?);
    let result = converge(context, &|wanted| put(&manifest(wanted)));
    match &result {
        Ok(number) => context.console.note(&format!("{MANIFEST} asks for features of {number} dependencies")),
        Err(_) => put(&before)?,
    }
    result.map(drop)
}

/// From an empty manifest, asks for what differs until nothing does. Answers with the number of dependencies.
fn converge(context: &Context<'_>, put: &dyn Fn(&Wanted) -> Result<()>) -> Result<usize> {
    let mut wanted = Wanted::new();
    for _ in 0..ROUNDS {
        put(&wanted)?;
        let more = differences(&demo_plan(context)?, &tests_plan(context)?);
        if more.is_empty() {
            return Ok(wanted.len());
        }
        for (dependency, features) in more {
            wanted.entry(dependency).or_default().extend(features);
        }
    }
    bail!(
        "the demo and the tests still differ after {ROUNDS} rounds; what is in {MANIFEST} does not reach the demo"
    )
}

/// Fails when the demo would build a dependency in another way than the tests.
pub(crate) fn check(context: &Context<'_>) -> Result<()> {
    let differences = differences(&demo_plan(context)?, &tests_plan(context)?);
    if differences.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for (dependency, features) in &differences {
        let features: Vec<_> = features.iter().map(String::as_str).collect();
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {} {}: {}", dependency.name, dependency.version, features.join(", "));
    }
    bail!(
        "the demo and the tests would each build their own copy of some dependencies; `cargo xtask features` makes \
         the demo ask for these features:{text}"
    )
}

fn demo_plan(context: &Context<'_>) -> Result<Plan> {
    let mut cargo = context.cargo();
    demo::build(&mut cargo);
    plan(&mut cargo)
}

fn tests_plan(context: &Context<'_>) -> Result<Plan> {
    let mut cargo = context.cargo();
    suite::build(context, &suite::Options::default(), &mut cargo);
    plan(&mut cargo)
}

/// What a build command would build. Cargo tells only with an unstable option, which does not touch the builds.
fn plan(cargo: &mut std::process::Command) -> Result<Plan> {
    cargo.args(["--unit-graph", "-Zunstable-options"]).env("RUSTC_BOOTSTRAP", "1");
    let graph: Value = serde_json::from_str(&run::capture(cargo)?).context("reading cargo's unit graph")?;
    let units = graph.get("units").and_then(Value::as_array).context("cargo's unit graph has no units")?;
    Ok(units.iter().filter_map(unit).fold(Plan::new(), |mut plan, (dependency, features)| {
        plan.entry(dependency).or_default().insert(features);
        plan
    }))
}

/// A package of a registry in the graph. Cargo optimises only what is linked into the result.
fn unit(unit: &Value) -> Option<(Dependency, Features)> {
    let id = unit.get("pkg_id")?.as_str()?.strip_prefix("registry+")?;
    let (_, package) = id.rsplit_once('#')?;
    let (name, version) = package.rsplit_once('@')?;
    let role = match unit.pointer("/profile/opt_level")?.as_str()? {
        "0" => Role::Build,
        _ => Role::Target,
    };
    let features =
        unit.get("features")?.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Some((Dependency { role, name: name.to_owned(), version: version.to_owned() }, features))
}

/// The dependencies that the demo builds in a way in which the tests do not, with all features that either asks for.
fn differences(demo: &Plan, tests: &Plan) -> Wanted {
    let none = BTreeSet::new();
    demo.iter()
        .filter_map(|(dependency, sets)| {
            let others = tests.get(dependency).unwrap_or(&none);
            let union = || sets.union(others).flatten().cloned().collect();
            (!sets.is_subset(others)).then(|| (dependency.clone(), union()))
        })
        .collect()
}

fn manifest(wanted: &Wanted) -> String {
    let mut text = HEAD.to_owned();
    for (role, section) in [(Role::Target, "dependencies"), (Role::Build, "build-dependencies")] {
        let of_role: Vec<_> = wanted.iter().filter(|(dependency, _)| dependency.role == role).collect();
        if !of_role.is_empty() {
            let _ = writeln!(text, "\n[{section}]");
        }
        for (dependency, features) in &of_role {
            let several = of_role.iter().filter(|(other, _)| other.name == dependency.name).count() > 1;
            let _ = writeln!(text, "{}", requirement(dependency, features, several));
        }
    }
    text
}

/// One line of the manifest. Where it asks for several versions of a package, each has a name of its own.
fn requirement(dependency: &Dependency, features: &Features, several: bool) -> String {
    let Dependency { name, version, .. } = dependency;
    let (key, package) = if several {
        (format!("{name}-{}", version.replace(['.', '+'], "_")), format!("package = \"{name}\", "))
    } else {
        (name.clone(), String::new())
    };
    // Build metadata has no place in a requirement.
    let version = version.split('+').next().unwrap_or(version);
    let features: Vec<_> = features.iter().map(|feature| format!("\"{feature}\"")).collect();
    format!(
        "{key} = {{ {package}version = \"{version}\", default-features = false, features = [{}] }}",
        features.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn graph(entries: &[(&str, &str, &[&str])]) -> Plan {
        let mut plan = Plan::new();
        for (package, level, features) in entries {
            let (dependency, features) = unit(&json!({
                "pkg_id": format!("registry+https://index.example/index#{package}"),
                "profile": {"opt_level": level},
                "features": features,
            }))
            .unwrap();
            plan.entry(dependency).or_default().insert(features);
        }
        plan
    }

    #[test]
    fn only_what_the_demo_shares_is_compared() {
        let demo = graph(&[("semver@1.0.28", "3", &["std"]), ("log@0.4.29", "3", &[])]);
        let tests = graph(&[
            ("semver@1.0.28", "3", &["serde", "std"]),
            ("semver@1.0.28", "0", &[]),
            ("log@0.4.29", "3", &[]),
            ("kube@5.0.0", "3", &["client"]),
        ]);
        let wanted = differences(&demo, &tests);
        let text = manifest(&wanted);
        assert_eq!(wanted.len(), 1);
        assert!(
            text.ends_with(
                "\n[dependencies]\nsemver = { version = \"1.0.28\", default-features = false, features = [\"serde\", \"std\"] }\n"
            ),
            "{text}"
        );
        assert!(differences(&tests, &tests).is_empty());
    }

    #[test]
    fn two_versions_have_two_names() {
        let demo = graph(&[("toml@1.1.0+spec-1.1.0", "0", &["a"]), ("toml@0.9.2", "0", &["a"])]);
        let text = manifest(&differences(&demo, &Plan::new()));
        assert!(text.contains("[build-dependencies]\n"), "{text}");
        assert!(text.contains("toml-0_9_2 = { package = \"toml\", version = \"0.9.2\", "), "{text}");
        assert!(
            text.contains("toml-1_1_0_spec-1_1_0 = { package = \"toml\", version = \"1.1.0\", "),
            "{text}"
        );
    }

    #[test]
    fn members_of_the_workspace_are_no_dependencies() {
        let ours =
            json!({"pkg_id": "path+file:///w/xtask#0.1.0", "profile": {"opt_level": "3"}, "features": []});
        assert_eq!(unit(&ours), None);
    }
}
