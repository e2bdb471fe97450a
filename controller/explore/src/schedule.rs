//! Drawing what happens, and when.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_contract::FaultReason;

use crate::happening::{Edit, Fate, GatewayFault, Happening, PluginFault, Pods, WatchFault, Which};
use crate::manifests;
use crate::plan::Timed;
use crate::scenario::{self, App, PLUGINS, Scenario};
use crate::steps;

/// Images that there are.
const IMAGES: u8 = 5;

/// The kinds whose watches can be late each for itself.
const KINDS: [&str; 6] = ["Rollout", "ReplicaSet", "Service", "HTTPRoute", "Deployment", "Pod"];

/// What happens in a scenario, in order of time.
pub(crate) fn draw(random: &mut fastrand::Rng, scenario: &Scenario) -> Vec<Timed> {
    // Some runs are calm but for what users do, so that whole updates happen; some are all storm.
    let trouble = *random.choice(&[0, 10, 30, 60]).unwrap_or(&30);
    let count = random.usize(5..=60);
    let pace = random.u64(500..=15_000);
    let mut at = Duration::from_millis(random.u64(0..60_000));
    let mut happenings = Vec::with_capacity(count);
    for _ in 0..count {
        let what = if random.u8(..100) < trouble { fault(random) } else { edit(random, scenario) };
        happenings.push(Timed { at, what });
        // Often several things at once.
        if random.u8(..4) != 0 {
            at += Duration::from_millis(random.u64(0..=pace));
        }
    }
    happenings
}

fn fault(random: &mut fastrand::Rng) -> Happening {
    let controller = usize::from(random.u8(..3) == 0);
    match random.u8(..22) {
        0..=7 => request(random, controller),
        8 => Happening::Crash { controller, down: millis(random, 0, 10_000) },
        9..=10 => Happening::Leads { controller, leads: random.u8(..3) != 0 },
        11..=14 => watch(random, controller),
        15 => Happening::Compact,
        16..=17 => plugin(random),
        18 => Happening::Gateway(gateway(random)),
        19 => Happening::Pods { image: random.u8(..IMAGES), what: pods(random) },
        20 => Happening::PodsLost { app: random.usize(..4), count: random.usize(1..=3) },
        _ => Happening::ClockJump { seconds: random.i64(-120..=300) },
    }
}

fn request(random: &mut fastrand::Rng, controller: usize) -> Happening {
    let which = match random.u8(..6) {
        0 => Which::Any,
        1..=3 => Which::Writes,
        _ => Which::Of(random.choice(&KINDS).copied().unwrap_or("Rollout")),
    };
    let fate = match random.u8(..10) {
        0..=3 => Fate::Refused(random.choice(&[403, 409, 422, 429, 500, 503]).copied().unwrap_or(500)),
        4 => Fate::Vanishes,
        5 => Fate::Unanswered,
        6 => Fate::Late(millis(random, 100, 20_000)),
        7 => Fate::CrashBefore,
        _ => Fate::CrashAfter,
    };
    Happening::Request { controller, which, after: random.u32(..6), fate }
}

fn watch(random: &mut fastrand::Rng, controller: usize) -> Happening {
    let kind = random.bool().then(|| random.choice(&KINDS).copied()).flatten();
    let what = match random.u8(..6) {
        0..=1 => WatchFault::Interrupted(millis(random, 100, 40_000)),
        2 => WatchFault::Late(millis(random, 0, 15_000)),
        3 => WatchFault::Repeated(random.u64(1..30)),
        4 => WatchFault::Relisted,
        _ => WatchFault::Stale(millis(random, 100, 20_000)),
    };
    Happening::Watch { controller, kind, what }
}

fn plugin(random: &mut fastrand::Rng) -> Happening {
    let reasons = [
        FaultReason::Trap,
        FaultReason::OutOfFuel,
        FaultReason::DeadlineExceeded,
        FaultReason::MemoryLimit,
        FaultReason::HostBusy,
    ];
    let what = match random.u8(..8) {
        0..=1 => PluginFault::Well,
        2..=4 => PluginFault::Fault(random.choice(&reasons).copied().unwrap_or(FaultReason::Trap)),
        5 => PluginFault::Slow(millis(random, 100, 10_000)),
        6 => PluginFault::Loading,
        _ => PluginFault::Unavailable,
    };
    Happening::Plugin { plugin: random.usize(..PLUGINS.len()), what }
}

fn gateway(random: &mut fastrand::Rng) -> GatewayFault {
    match random.u8(..5) {
        0..=1 => GatewayFault::Well,
        2 => GatewayFault::Slow(millis(random, 2_000, 90_000)),
        3 => GatewayFault::Silent,
        _ => GatewayFault::Refuses,
    }
}

fn pods(random: &mut fastrand::Rng) -> Pods {
    match random.u8(..6) {
        0..=1 => Pods::Well,
        2..=3 => Pods::Slow(millis(random, 0, 60_000)),
        4 => Pods::NeverReady,
        _ => Pods::Crash(millis(random, 1_000, 30_000)),
    }
}

fn edit(random: &mut fastrand::Rng, scenario: &Scenario) -> Happening {
    let index = random.usize(..scenario.apps.len().max(1));
    let Some(app) = scenario.apps.get(index) else { return Happening::Compact };
    let what = match random.u8(..44) {
        40..=41 => Edit::Restart(random.i64(-60..=60)),
        // Only now and then, so that updates happen between.
        33..=34 if app.deployment.is_some() => match random.u8(..4) {
            0 => Edit::DeleteWorkload,
            1..=2 => Edit::MakeWorkload(random.u8(..IMAGES)),
            _ => Edit::ScaleWorkload(random.i64(0..=6)),
        },
        0..=10 => Edit::Image(random.u8(..IMAGES)),
        11..=18 => Edit::Promote,
        19..=20 => Edit::PromoteFull,
        21..=23 => Edit::Abort,
        24..=25 => Edit::Retry,
        26 => Edit::Steps(steps::draw(random, app)),
        27..=28 => Edit::Replicas(random.i64(0..=6)),
        29 => Edit::Paused(random.bool()),
        30 => {
            if random.u8(..3) > 0 {
                Edit::Canary(canary(random, app))
            } else {
                Edit::Beside(random.u8(..4))
            }
        }
        31 => {
            if random.bool() {
                Edit::Delete
            } else {
                Edit::Make
            }
        }
        32 => Edit::Invalid,
        33..=34 => {
            let canary = random.u32(0..=app.max_weight);
            Edit::Weights(random.u32(0..=app.max_weight), canary)
        }
        35 => Edit::Label(random.u8(..3)),
        36 => Edit::Rule { first: random.bool() },
        37 => Edit::Selector { stable: random.bool() },
        38..=39 => Edit::Canary(manifests::roles(app, random.u8(..3) != 0)),
        42 => Edit::Scale { set: random.usize(..3), replicas: random.i64(0..=4) },
        _ => Edit::DeleteSet(random.usize(..3)),
    };
    Happening::Edit { app: index, what }
}

/// Another configuration of the routers, or other delays.
fn canary(random: &mut fastrand::Rng, app: &App) -> Value {
    match random.u8(..9) {
        // Only one of these two at a time is valid.
        0 => json!({"scaleDownDelaySeconds": random.i64(0..60), "dynamicStableScale": null}),
        1 => json!({"scaleDownDelaySeconds": null, "dynamicStableScale": random.u8(..3) != 0}),
        2 => json!({"abortScaleDownDelaySeconds": random.i64(0..60)}),
        3 => json!({"replicaProgressThreshold": scenario::draw_threshold(random)}),
        4 => {
            let mut other = app.clone();
            for router in &mut other.routers {
                router.never_verifies = !router.never_verifies;
            }
            json!({"trafficRouting": manifests::routing(&other)})
        }
        // Some of its routes are not divided any more.
        5 | 6 => {
            let mut other = app.clone();
            for router in other.routers.iter_mut().filter(|router| !router.by_label) {
                if router.routes.len() > 1 {
                    router.routes.remove(random.usize(..router.routes.len()));
                }
            }
            if other.routers.len() > 1 && random.bool() {
                other.routers.remove(random.usize(..other.routers.len()));
            }
            // A merge patch takes away only what it names.
            let mut routing = manifests::routing(&other);
            if let Some(plugins) = routing.get_mut("plugins").and_then(Value::as_object_mut) {
                for plugin in PLUGINS {
                    plugins.entry(plugin).or_insert(Value::Null);
                }
            }
            json!({"trafficRouting": routing})
        }
        _ => json!({"trafficRouting": manifests::routing(app)}),
    }
}

fn millis(random: &mut fastrand::Rng, from: u64, to: u64) -> Duration {
    Duration::from_millis(random.u64(from..=to))
}
