//! What is configured: anything can come, and what is right is right for the schema too.

use tidegate_contract::{Problem, Target};

use crate::bench::{Bench, Broken, Case, End, Ended, observe, problem_in_words};
use crate::sample;
use crate::schema;
use crate::world::{World, cut};

/// Codes of what can be wrong with a configuration.
const OF_CONFIG: [&str; 3] = ["invalid-config", "unsupported", "missing-service"];

/// Whatever JSON comes, `check` answers with features or with a problem of the configuration, and no function fails.
pub(crate) fn invalid(bench: &mut Bench<'_>) -> Ended {
    let wants_object = schema::read(&bench.router.description().config_schema)
        .is_ok_and(|schema| schema::violation(&schema, &serde_json::Value::Null).is_some());
    let mut configurations = sample::strange_configurations();
    for _ in 0..bench.cases {
        let value = sample::value(&mut bench.random, 4);
        configurations.push((value.to_string(), value.is_object()));
    }
    for (config, is_object) in configurations {
        for services in [true, false] {
            let target = target(&config, "{}", services);
            let checked = judge(bench, &target, &World::default(), &format!("config {}", cut(&config, 100)))?;
            let is_refused = checked.as_ref().is_some_and(|problem| problem.code == OF_CONFIG[0]);
            if services && !is_object && config != "null" && wants_object && !is_refused {
                return Err(Broken::new(
                    format!("check, config {}", cut(&config, 100)),
                    checked.map_or_else(|| "no problem".to_owned(), |problem| problem_in_words(&problem)),
                    "the problem `invalid-config`: by the plugin's own schema this is no configuration",
                ));
            }
        }
        let settings = target("{}", &config, true);
        judge(bench, &settings, &World::default(), &format!("settings {}", cut(&config, 100)))?;
    }
    Ok(End::Passed)
}

/// The fixture's configuration, broken in one place after the other.
pub(crate) fn broken(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let world = case.world();
    for _ in 0..bench.cases {
        let mut config = case.fixture.config.clone();
        let Some((place, _)) = sample::break_somewhere(&mut bench.random, &mut config, &|_| false) else {
            return Ok(End::NotApplicable("the fixture has an empty configuration".to_owned()));
        };
        let target = Target { config: config.to_string(), ..case.target.clone() };
        judge(bench, &target, &world, &format!("config {} (broken at {place:?})", cut(&target.config, 300)))?;
    }
    Ok(End::Passed)
}

/// Asks everything about a configuration that may be wrong. Answers with the problem of `check`.
fn judge(
    bench: &mut Bench<'_>,
    target: &Target,
    world: &World,
    what: &str,
) -> Result<Option<Problem>, Broken> {
    let checked = bench.call(|| format!("check, {what}"), |session| session.check(target))?.err();
    if let Some(problem) = &checked
        && !OF_CONFIG.contains(&problem.code.as_str())
    {
        return Err(Broken::new(
            format!("check, {what}"),
            problem_in_words(problem),
            "a problem of the configuration: `invalid-config`, `unsupported` or `missing-service`",
        ));
    }
    // What `check` refuses no host asks about any more; but a Rollout can be changed between two questions.
    let traffic = traffic(target);
    let queries =
        bench.call(|| format!("locate, {what}"), |session| session.locate(target, &traffic, &[]))?;
    let queries = queries.unwrap_or_default();
    let seen = observe(world, &target.namespace, &queries).unwrap_or_default();
    let _ = bench.call(|| format!("route, {what}"), |session| session.route(target, &traffic, &seen))?;
    let _ = bench.call(|| format!("release, {what}"), |session| session.release(target, &traffic, &seen))?;
    Ok(checked)
}

/// `check` takes the configuration, and answers with features that are described.
pub(crate) fn features(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let fixture = case.fixture;
    let asked = || format!("check, config {} (fixture {})", cut(&case.target.config, 300), fixture.name);
    let answer = bench.call(asked, |session| session.check(&case.target))?;
    let features = match (answer, &fixture.problem) {
        (Ok(features), None) => features,
        (Err(problem), Some(code)) if problem.code == *code => return Ok(End::Passed),
        (Ok(_), Some(code)) => {
            return Err(Broken::new(
                asked(),
                "features",
                format!("the problem `{code}`, which the fixture expects"),
            ));
        }
        (Err(problem), _) => {
            return Err(Broken::new(
                asked(),
                problem_in_words(&problem),
                "the features of this configuration",
            ));
        }
    };
    let description = bench.router.description();
    if let Some(undescribed) = features.iter().find(|feature| !description.features.contains(feature)) {
        return Err(Broken::new(
            asked(),
            format!("the feature `{undescribed}`"),
            format!("features that are described: {}", description.features.join(", ")),
        ));
    }
    if let Some(expected) = &fixture.features {
        let sorted = |features: &[String]| {
            let mut features = features.to_vec();
            features.sort();
            features.join(", ")
        };
        if sorted(&features) != sorted(expected) {
            return Err(Broken::new(
                asked(),
                sorted(&features),
                format!("{}, by the fixture", sorted(expected)),
            ));
        }
    }
    for (what, text, value) in [
        ("config", &description.config_schema, &fixture.config),
        ("settings", &description.settings_schema, &fixture.settings),
    ] {
        let schema = schema::read(text).ok();
        if let Some(violation) = schema.and_then(|schema| schema::violation(&schema, value)) {
            return Err(Broken::new(
                asked(),
                format!("features, although its {what} schema says: {violation}"),
                "a schema by which the fixture is right, or a problem",
            ));
        }
    }
    Ok(End::Passed)
}

fn target(config: &str, settings: &str, services: bool) -> Target {
    let service = |name: &str| services.then(|| name.to_owned());
    Target {
        namespace: "conformance".to_owned(),
        name: "web".to_owned(),
        uid: "5d5bb1c2-0f5c-4d0e-9a51-3b7f0c1d2e4f".to_owned(),
        config: config.to_owned(),
        settings: settings.to_owned(),
        stable_service: service("web"),
        canary_service: service("web-canary"),
    }
}

fn traffic(target: &Target) -> tidegate_contract::Traffic {
    let destination = |name: &str, service: &Option<String>, weight| tidegate_contract::Destination {
        name: name.to_owned(),
        service: service.clone(),
        pod_template_hash: None,
        weight,
    };
    tidegate_contract::Traffic {
        max_weight: 100,
        stable: destination("stable", &target.stable_service, 80),
        canary: destination("canary", &target.canary_service, 20),
        ..tidegate_contract::Traffic::default()
    }
}
