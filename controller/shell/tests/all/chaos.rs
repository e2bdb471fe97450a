//! Everything at once, at random: requests fail or get lost, processes end, leadership moves, watches are late,
//! repeat themselves or start anew, people edit routes and specs. Once it stops, the Rollouts get where they
//! should be, and then nothing more is sent.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;
use tidegate_api::{ApiError, builtin};
use tidegate_contract::{Digest, FaultReason, Router as _};
use tidegate_model::names::ROUTER_PLUGINS_ANNOTATION;
use tidegate_shell::{Event, PluginState};

use crate::manifests::{self, PLUGIN};
use crate::rig::{Fate, Rig, minutes, seconds};
use crate::router::Weights;
use crate::store::{Store, unavailable};

/// A small generator (splitmix64): the same seed gives the same run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn fate(random: &mut Random) -> Fate {
    let error = |code, reason| Fate::Refused(ApiError::new(code, reason, "at random"));
    match random.below(40) {
        0 => error(409, "Conflict"),
        1 => error(429, "TooManyRequests"),
        2 => error(500, "InternalError"),
        3 => error(503, "ServiceUnavailable"),
        4 => error(0, "Timeout"),
        5 => Fate::Lost,
        6 => Fate::Crash,
        7 => Fate::CrashBefore,
        _ => Fate::Answered,
    }
}

fn something_happens(rig: &mut Rig, random: &mut Random) {
    let name = if random.below(2) == 0 { "web" } else { "api" };
    let index = usize::try_from(random.below(2)).unwrap();
    match random.below(14) {
        0 => rig.set_image(name, &format!("web:{}", random.below(4))),
        1 => rig.promote(name),
        2 => {
            let abort = json!({"status": {"abort": random.below(2) == 0}});
            rig.patch(&builtin::rollouts(), name, Some("status"), abort);
        }
        3 => rig.edit_weights(name, random.below(100), random.below(100)),
        4 => rig.relist(index),
        5 => rig.restart(index),
        6 => rig.tell(index, Event::Leading(random.below(2) == 0)),
        7 => rig.lag = seconds(random.below(15)),
        8 => rig.copies = usize::try_from(1 + random.below(3)).unwrap(),
        9 => {
            let fault = [None, Some(FaultReason::Trap), Some(FaultReason::HostBusy)];
            *rig.router.fault.lock().unwrap() = fault[usize::try_from(random.below(3)).unwrap()];
        }
        10 => {
            let replicas = json!({"spec": {"replicas": random.below(5)}});
            rig.patch(&builtin::rollouts(), name, None, replicas);
        }
        11 => rig.clock_offset += seconds(random.below(120)),
        12 => rig.patch(&builtin::rollouts(), name, None, json!({"spec": {"paused": random.below(2) == 0}})),
        _ => rig.pages = random.below(2) == 0,
    }
}

const VERSIONS: [Digest; 3] = [Digest([7; 32]), Digest([8; 32]), Digest([9; 32])];

fn version(rig: &Rig, random: &mut Random) -> Arc<Weights> {
    rig.store.versions[&VERSIONS[usize::try_from(random.below(3)).unwrap()]].clone()
}

fn something_happens_to_the_plugin(rig: &mut Rig, random: &mut Random) {
    let name = if random.below(2) == 0 { "web" } else { "api" };
    let annotate = |rig: &mut Rig, text: Option<String>| {
        let annotations = json!({ROUTER_PLUGINS_ANNOTATION: text});
        rig.patch(&builtin::rollouts(), name, None, json!({"metadata": {"annotations": annotations}}));
    };
    match random.below(12) {
        0 => annotate(rig, None),
        1 => annotate(rig, Some("garbage".to_owned())),
        2 => {
            let digest = version(rig, random).digest();
            let record = json!({PLUGIN: digest.to_string(), "example/other": "1"});
            annotate(rig, Some(record.to_string()));
        }
        3 => {
            let digest = version(rig, random).digest();
            rig.store.revoked.insert(digest);
            let current = rig.plugins.get(PLUGIN).and_then(PluginState::version);
            if current.is_some_and(|version| version.router.digest() == digest) {
                rig.plugins.insert(PLUGIN.to_owned(), unavailable("Revoked"));
            }
        }
        4 => rig.store.revoked.clear(),
        5 => rig.store.is_loading = random.below(2) == 0,
        6 => drop(rig.plugins.insert(PLUGIN.to_owned(), unavailable("Unreachable"))),
        7 => drop(rig.plugins.insert(PLUGIN.to_owned(), PluginState::Loading)),
        8 => {
            let fault = [None, Some(FaultReason::Trap), Some(FaultReason::HostBusy)];
            let fault = fault[usize::try_from(random.below(3)).unwrap()];
            *version(rig, random).fault.lock().unwrap() = fault;
        }
        9 => {
            rig.store.is_complete = random.below(2) == 0;
            rig.plugins.remove(PLUGIN);
        }
        _ => {
            let version = version(rig, random);
            if !rig.store.revoked.contains(&version.digest()) {
                rig.plugins.insert(PLUGIN.to_owned(), PluginState::ready(version));
            }
        }
    }
    rig.tell_plugins();
}

fn calm_down(rig: &mut Rig) {
    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.lag = seconds(0);
    rig.copies = 1;
    *rig.router.fault.lock().unwrap() = None;
    for version in rig.store.versions.values() {
        *version.fault.lock().unwrap() = None;
    }
    let (revoked, is_loading, is_complete) = (BTreeSet::new(), false, true);
    rig.store = Store { versions: std::mem::take(&mut rig.store.versions), revoked, is_loading, is_complete };
    if rig.plugins.get(PLUGIN).and_then(PluginState::version).is_none() {
        rig.plugins.insert(PLUGIN.to_owned(), PluginState::ready(rig.router.clone()));
    }
    rig.tell_plugins();
    rig.tell(1, Event::Leading(false));
    rig.tell(0, Event::Leading(true));
    // What a lagging watch has not delivered yet arrives.
    rig.run(minutes(1));
    for name in ["web", "api"] {
        let spec = json!({"spec": {"paused": false, "replicas": 2}});
        rig.patch(&builtin::rollouts(), name, None, spec);
        let status = json!({"status": {"abort": null, "pauseConditions": null}});
        rig.patch(&builtin::rollouts(), name, Some("status"), status);
    }
}

/// Something happens to the rest of the world, too.
fn run(seed: u64, plugins: bool) {
    let random = Rc::new(RefCell::new(Random(seed)));
    let mut rig = Rig::empty(tidegate_shell::Settings::default());
    rig.apply_all(manifests::shop("web"));
    rig.apply_all(manifests::shop("api"));
    if plugins {
        let versions = VERSIONS.map(|digest| (digest, Arc::new(Weights::of(digest))));
        rig.store.versions = BTreeMap::from(versions);
        rig.router = rig.store.versions[&VERSIONS[0]].clone();
        rig.plugins.insert(PLUGIN.to_owned(), PluginState::ready(rig.router.clone()));
    }
    rig.start();
    rig.start_standby();
    let dice = random.clone();
    rig.fate = Box::new(move |_, _| fate(&mut dice.borrow_mut()));
    for _ in 0..60 {
        let pause = random.borrow_mut().below(20);
        rig.run(seconds(pause));
        if plugins && random.borrow_mut().below(2) == 0 {
            something_happens_to_the_plugin(&mut rig, &mut random.borrow_mut());
        } else {
            something_happens(&mut rig, &mut random.borrow_mut());
        }
    }
    calm_down(&mut rig);
    for _ in 0..30 {
        rig.run(minutes(2));
        for name in ["web", "api"] {
            let paused =
                rig.rollout(name)["status"]["pauseConditions"].as_array().is_some_and(|all| !all.is_empty());
            if paused && rig.rollout(name)["status"]["currentStepIndex"] == 3 {
                rig.promote(name);
            }
        }
    }
    for name in ["web", "api"] {
        assert!(
            rig.is_healthy(name),
            "seed {seed}, {name}: {} {}",
            rig.phase(name),
            rig.rollout(name)["status"]
        );
        assert_eq!(rig.weights(name), (100, 0), "seed {seed}, {name}");
        let record = &rig.rollout(name)["metadata"]["annotations"][ROUTER_PLUGINS_ANNOTATION];
        assert!(record.is_null(), "seed {seed}, {name}: {record}");
    }
    assert!(rig.controllers[0].knows.in_use.is_empty(), "seed {seed}");
    rig.forget_requests();
    rig.run(minutes(90));
    assert!(rig.requests.is_empty(), "seed {seed}: {:?}", rig.requests);
}

/// The seeds to run: as many as usual, or as the environment says.
fn seeds() -> std::ops::Range<u64> {
    let first = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let count = std::env::var("CHAOS_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(12);
    first..first + count
}

#[test]
fn whatever_happens_it_gets_there_in_the_end() {
    seeds().for_each(|seed| run(seed, false));
}

/// Whatever happens to the plugin meanwhile, weights are written only by a version that the Rollout may use (which `Knows`
/// asserts at each write).
#[test]
fn whatever_happens_to_its_plugin_it_gets_there_in_the_end() {
    seeds().for_each(|seed| run(seed, true));
}
