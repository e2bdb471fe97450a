//! Steps drawn at random, as a Rollout's routers can carry them out.

use serde_json::{Value, json};

use crate::scenario::App;

/// At most so many steps.
const MOST: usize = 6;

/// A list of steps for this app, valid for it.
pub(crate) fn draw(random: &mut fastrand::Rng, app: &App) -> Vec<Value> {
    let count = if random.u8(..10) == 0 { 0 } else { random.usize(1..=MOST) };
    (0..count).map(|_| step(random, app)).collect()
}

fn step(random: &mut fastrand::Rng, app: &App) -> Value {
    match random.u8(..20) {
        0..=8 => json!({"setWeight": weight(random, app.max_weight)}),
        9..=11 => json!({"pause": {"duration": *random.choice(&[2, 10, 30, 90]).unwrap_or(&10)}}),
        12..=13 => json!({"pause": {}}),
        14..=16 => json!({"setCanaryScale": scale(random, app)}),
        _ => managed(random, app).unwrap_or_else(|| json!({"setWeight": weight(random, app.max_weight)})),
    }
}

fn weight(random: &mut fastrand::Rng, max: u32) -> u32 {
    match random.u8(..10) {
        0 => 0,
        1 => max,
        _ => random.u32(0..=max),
    }
}

fn scale(random: &mut fastrand::Rng, app: &App) -> Value {
    match random.u8(..3) {
        0 => json!({"replicas": random.i64(0..=app.replicas.saturating_add(1))}),
        1 => json!({"weight": random.u32(0..=app.max_weight.min(100))}),
        _ => json!({"matchTrafficWeight": true}),
    }
}

fn managed(random: &mut fastrand::Rng, app: &App) -> Option<Value> {
    let route = random.choice(&app.managed)?;
    let ends = random.u8(..3) == 0;
    Some(match (route.mirrors, ends) {
        (true, true) => json!({"setMirrorRoute": {"name": route.name}}),
        (false, true) => json!({"setHeaderRoute": {"name": route.name}}),
        (true, false) => json!({"setMirrorRoute": {
            "name": route.name,
            "percentage": random.u8(1..=100),
            "match": [{"path": {"prefix": "/"}}],
        }}),
        (false, false) => json!({"setHeaderRoute": {
            "name": route.name,
            "match": [{"headerName": "x-user", "headerValue": {"exact": if random.bool() { "one" } else { "two" }}}],
        }}),
    })
}
