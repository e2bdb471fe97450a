//! Everything at once, at random: requests fail or get lost, processes end, leadership moves, watches are late,
//! repeat themselves or start anew, people edit routes and specs. Once it stops, the Rollouts get where they
//! should be, and then nothing more is sent.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;
use tidegate_api::{ApiError, builtin};
use tidegate_contract::FaultReason;
use tidegate_shell::Event;

use crate::manifests;
use crate::rig::{Fate, Rig, minutes, seconds};

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

fn calm_down(rig: &mut Rig) {
    rig.fate = Box::new(|_, _| Fate::Answered);
    rig.lag = seconds(0);
    rig.copies = 1;
    *rig.router.fault.lock().unwrap() = None;
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

fn run(seed: u64) {
    let random = Rc::new(RefCell::new(Random(seed)));
    let mut rig = Rig::empty(tidegate_shell::Settings::default());
    rig.apply_all(manifests::shop("web"));
    rig.apply_all(manifests::shop("api"));
    rig.start();
    rig.start_standby();
    let dice = random.clone();
    rig.fate = Box::new(move |_, _| fate(&mut dice.borrow_mut()));
    for _ in 0..60 {
        let pause = random.borrow_mut().below(20);
        rig.run(seconds(pause));
        something_happens(&mut rig, &mut random.borrow_mut());
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
    }
    rig.forget_requests();
    rig.run(minutes(90));
    assert!(rig.requests.is_empty(), "seed {seed}: {:?}", rig.requests);
}

#[test]
fn whatever_happens_it_gets_there_in_the_end() {
    let first = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let count = std::env::var("CHAOS_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(12);
    (first..first + count).for_each(run);
}
