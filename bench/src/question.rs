//! A fixture as the question of a pass: what a plugin is asked while a Rollout gives its canary 20 of 100.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use tidegate_conformance::{Fixture, World};
use tidegate_contract::{Destination, Router, Traffic};
use tidegate_route::{Answer, Pass, Purpose, Routed, run};

/// The file of the fixture in each plugin's folder `fixtures`: objects of about 4 kB together. The conformance suite runs it too.
const FIXTURE: &str = "four-kilobytes.yaml";

/// Passes until a plugin has seen all that it needs.
const ROUNDS: usize = 6;

/// A Rollout and the objects around it.
pub(crate) struct Question {
    fixture: Fixture,
    world: World,
}

impl Question {
    /// Reads the fixture of a plugin.
    pub(crate) fn read(plugins: &Path, name: &str) -> Result<Self> {
        let file = plugins.join(name).join("fixtures").join(FIXTURE);
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{} cannot be read: every built-in plugin has one", file.display()))?;
        let fixture = Fixture::parse(name, &file.display().to_string(), &text)?;
        let world = World::new(&fixture.objects, &fixture.unserved);
        Ok(Self { fixture, world })
    }

    /// A pass in which everything is seen that the plugin asks for, and the host's answer to it.
    pub(crate) fn pass(&self, router: &dyn Router) -> Result<(Pass, Routed)> {
        let target = self.fixture.target();
        let namespace = target.namespace.clone();
        let mut pass =
            Pass { target, traffic: self.traffic(), seen: Vec::new(), purpose: Purpose::Route, grant: None };
        for _ in 0..ROUNDS {
            match run(&mut *router.session()?, router.description(), &pass) {
                Answer::Needs(queries) => {
                    let seen = queries.iter().map(|query| self.world.observe(&namespace, query));
                    pass.seen = seen.collect::<Result<_, _>>().map_err(anyhow::Error::msg)?;
                }
                Answer::Routed(routed) => return Ok((pass, routed)),
                answer => bail!("the plugin does not route the fixture: {answer:?}"),
            }
        }
        bail!("the plugin never has enough to see")
    }

    /// Carries out what the host writes.
    pub(crate) fn write(&mut self, routed: &Routed) -> Result<()> {
        routed.writes.iter().try_for_each(|write| self.world.write(write).map_err(anyhow::Error::msg))
    }

    fn traffic(&self) -> Traffic {
        let target = &self.fixture.target;
        let destination = |name: &str, service: &Option<String>, hash: &Option<String>, weight| Destination {
            name: name.to_owned(),
            service: service.clone(),
            pod_template_hash: hash.clone(),
            weight,
        };
        Traffic {
            max_weight: 100,
            stable: destination("stable", &target.stable_service, &target.stable_pod_template_hash, 80),
            canary: destination("canary", &target.canary_service, &target.canary_pod_template_hash, 20),
            ..Traffic::default()
        }
    }
}
