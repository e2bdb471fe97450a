//! Everything at random, by seeds: servers come and go, wishes change, leaders change, processes restart. What must always hold
//! holds after every step, and when it stops, what is configured serves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tidegate_artifact::{LoadReason, Stage};
use tidegate_contract::Digest;
use tidegate_plugins::Event;

use crate::rig::{At, Rig, digest, minutes, seconds, web};

const BYTES: [&str; 4] = ["one", "two", "three", "four"];
const NAMES: [&str; 3] = ["a", "b", "c"];

/// A small generator (splitmix64): the same seed gives the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % bound as u64).unwrap()
    }
}

fn url(bytes: &str) -> String {
    format!("https://example.com/{bytes}")
}

struct Run {
    rig: Rig,
    random: Random,
    /// Every digest that was ever pinned for a plugin.
    pinned: BTreeMap<&'static str, BTreeSet<Digest>>,
    revoked: BTreeSet<&'static str>,
    served: BTreeMap<&'static str, bool>,
}

impl Run {
    fn spec(&self, name: &str, bytes: &str) -> serde_json::Value {
        let mut spec = web(&format!("{name}/x"), &url(bytes), bytes);
        let revoked: Vec<String> = self.revoked.iter().map(|one| digest(one).to_string()).collect();
        spec["revoked"] = json!(revoked);
        spec
    }

    fn something_happens(&mut self) {
        let name = NAMES[self.random.below(NAMES.len())];
        let bytes = BYTES[self.random.below(BYTES.len())];
        match self.random.below(12) {
            0 | 1 => {
                self.pinned.entry(name).or_default().insert(digest(bytes));
                let spec = self.spec(name, bytes);
                self.rig.apply(name, &spec);
            }
            2 => {
                self.rig.sources.insert(url(bytes), At::Plugin(bytes));
            }
            3 => {
                self.rig.sources.remove(&url(bytes));
            }
            4 => {
                let stage = [Stage::Read, Stage::Recognise, Stage::Start][self.random.below(3)];
                let reason = [LoadReason::HttpStatus, LoadReason::NotWasm, LoadReason::StartFailed]
                    [self.random.below(3)];
                self.rig.sources.insert(url(bytes), At::Fails(stage, reason));
            }
            5 => {
                self.rig.sources.insert(url(bytes), At::Hangs);
            }
            6 => {
                let leading = self.random.below(2) == 0;
                self.rig.lead(leading);
            }
            7 => {
                let digests: BTreeSet<_> =
                    (0..self.random.below(3)).map(|_| digest(BYTES[self.random.below(4)])).collect();
                self.rig.tell(Event::InUse(BTreeMap::from([(format!("{name}/x"), digests)])));
            }
            8 => {
                let next = self.rig.restarted(Vec::new());
                self.rig = next;
                self.served.clear();
                self.rig.read();
            }
            9 if self.rig.resources.contains_key(name) => {
                self.rig.remove(name);
                self.served.remove(name);
            }
            10 if self.rig.resources.contains_key(name) => {
                if !self.revoked.remove(bytes) {
                    self.revoked.insert(bytes);
                }
                let spec = self.rig.resources[name]["spec"]["source"]["https"]["url"].clone();
                let pinned = BYTES.into_iter().find(|one| spec == json!(url(one))).unwrap();
                let spec = self.spec(name, pinned);
                self.rig.apply(name, &spec);
            }
            _ => {
                self.rig.answer();
                self.rig.tell(Event::Woken);
            }
        }
    }

    fn check(&mut self, seed: u64) {
        let said: BTreeSet<String> = self
            .rig
            .resources
            .values()
            .flat_map(|one| one["spec"]["revoked"].as_array().cloned().unwrap_or_default())
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect();
        for (name, plugin) in &self.rig.told.by_name {
            for version in plugin.versions() {
                let digest = version.router.digest();
                assert!(!said.contains(&digest.to_string()), "seed {seed}: {name}: revoked and serves");
            }
        }
        for name in NAMES {
            let Some(plugin) = self.rig.told.by_name.get(&format!("{name}/x")) else { continue };
            let version = plugin.current.version();
            if let Some(version) = version {
                let digest = version.router.digest();
                let pinned = self.pinned.get(name).is_some_and(|all| all.contains(&digest));
                assert!(pinned, "seed {seed}: {name}: never pinned and serves");
            }
            // What served is replaced only by something that is ready, unless it is revoked.
            let served = self.served.insert(name, version.is_some()).unwrap_or(false);
            let revoked = !said.is_empty();
            assert!(!served || version.is_some() || revoked, "seed {seed}: {name} does not serve any more");
        }
    }
}

fn run(seed: u64) {
    let mut run = Run {
        rig: Rig::new(Vec::new()),
        random: Random(seed),
        pinned: BTreeMap::new(),
        revoked: BTreeSet::new(),
        served: BTreeMap::new(),
    };
    run.rig.read();
    for _ in 0..120 {
        run.something_happens();
        run.check(seed);
        let pause = run.random.below(400);
        let steps = run.rig.steps;
        run.rig.run(seconds(pause as u64));
        assert!(run.rig.steps - steps < 2000, "seed {seed}: busy");
        run.check(seed);
    }
    // Everything is well again.
    run.revoked.clear();
    for bytes in BYTES {
        run.rig.sources.insert(url(bytes), At::Plugin(bytes));
    }
    run.rig.answer();
    run.rig.lead(true);
    for name in NAMES {
        let spec = run.spec(name, "one");
        run.pinned.entry(name).or_default().insert(digest("one"));
        run.rig.apply(name, &spec);
    }
    run.rig.run(minutes(60));
    for name in NAMES {
        assert_eq!(run.rig.serves(&format!("{name}/x")), "one", "seed {seed}: {name}");
        assert_eq!(run.rig.condition(name, "Ready"), ("True", "Ready"), "seed {seed}: {name}");
    }
    assert!(run.rig.is_open(), "seed {seed}");
    let (writes, loads, tellings) = (run.rig.writes, run.rig.loads.len(), run.rig.tellings);
    run.rig.run(minutes(24 * 60));
    let silent = (run.rig.writes, run.rig.loads.len(), run.rig.tellings) == (writes, loads, tellings);
    assert!(silent, "seed {seed}: not silent");
}

#[test]
fn whatever_happens_what_is_configured_serves_in_the_end() {
    let first = std::env::var("CHANCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let count = std::env::var("CHANCE_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    (first..first + count).for_each(run);
}
