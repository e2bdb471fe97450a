//! Measures a router plugin: the stages of loading it, and passes (`locate` and `route` in one fresh sandbox) over one
//! object of 4 kB.
//!
//! `cargo run --release -p tidegate-runtime --example measure -- COMPONENT [pool|ondemand]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example")]

use std::time::{Duration, Instant};

use tidegate_contract::{
    Destination, Kind, Object, ObjectRef, Observation, Query, Router, Selection, Session, Target, Traffic,
};
use tidegate_runtime::{Allocation, Limits, Plugin, Runtime, RuntimeSettings, Source, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let source: Source = arguments.next().ok_or("give the path of a component")?.parse()?;
    let allocation = match arguments.next().as_deref() {
        None => Allocation::Auto,
        Some("pool") => Allocation::Pool,
        Some("ondemand") => Allocation::OnDemand,
        Some(_) => return Err("pool or ondemand".into()),
    };
    let started = Instant::now();
    let runtime = Runtime::new(RuntimeSettings { allocation, ..RuntimeSettings::default() })?;
    println!("engine           {:?} ({:?})", started.elapsed(), runtime.allocation());
    println!("resident         {} kB", resident());

    let limits = Limits { artifact_bytes: 64 << 20, memory_bytes: 256 << 20, ..Limits::default() };
    let started = Instant::now();
    let artifact = read(&source, limits.artifact_bytes, &|_| None)?;
    let plugin = runtime.load(&artifact, &limits, &mut |stage, report| {
        println!("{:<16} {:?}: {report}", stage.as_str(), report.elapsed);
    })?;
    println!("bytes to ready   {:?}", started.elapsed());
    println!("resident         {} kB", resident());

    let (wall, cpu) = (Instant::now(), cpu_time());
    let mut best = Duration::MAX;
    for _ in 0..LOADS {
        let again = Instant::now();
        drop(runtime.load(&artifact, &limits, &mut |_, _| {})?);
        best = best.min(again.elapsed());
    }
    println!(
        "{LOADS} loads         best {best:?}, mean {:?}, CPU {:?}",
        wall.elapsed() / LOADS,
        cpu_time().saturating_sub(cpu) / LOADS
    );
    let second = runtime.load(&artifact, &limits, &mut |_, _| {})?;
    println!("resident         {} kB with two", resident());
    drop(second);

    let (target, traffic, mut seen) = question();
    // The object is the answer to whatever the plugin asks.
    for (observation, query) in seen.iter_mut().zip(plugin.sandbox()?.locate(&target, &traffic, &[])?) {
        observation.query = query;
    }
    spread("empty sandbox", || drop(plugin.sandbox().unwrap()));
    spread("locate", || {
        plugin.session().unwrap().locate(&target, &traffic, &seen).unwrap();
    });
    spread("route", || {
        plugin.session().unwrap().route(&target, &traffic, &seen).unwrap();
    });
    spread("locate and route", || pass(&plugin, &target, &traffic, &seen));
    let mut sandbox = plugin.sandbox().unwrap();
    sandbox.locate(&target, &traffic, &seen)?;
    let outcome = sandbox.route(&target, &traffic, &seen)?;
    println!(
        "usage            {:?}, {} changes, {} shares",
        sandbox.usage(),
        outcome.changes.len(),
        outcome.shares.len()
    );
    println!("resident         {} kB", resident());
    Ok(())
}

fn pass(plugin: &Plugin, target: &Target, traffic: &Traffic, seen: &[Observation]) {
    let mut session = plugin.session().unwrap();
    session.locate(target, traffic, seen).unwrap();
    session.route(target, traffic, seen).unwrap();
}

fn spread(what: &str, mut work: impl FnMut()) {
    let mut times: Vec<Duration> = (0..5000)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.drain(..500);
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("{what:<16} p1 {:?}, p50 {:?}, p90 {:?}, p99 {:?}", at(1), at(50), at(90), at(99));
}

/// How often a component is loaded again.
const LOADS: u32 = 10;

/// CPU time of this process, all threads; in ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// Resident memory of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// A Rollout whose 80 to 20 division is on its route already, so that there is nothing to change.
fn question() -> (Target, Traffic, Vec<Observation>) {
    let destination = |name: &str, weight| Destination {
        name: name.into(),
        service: Some(format!("cart-{name}")),
        pod_template_hash: Some("6d4b75cb6d".into()),
        weight,
    };
    let target = Target {
        namespace: "shop".into(),
        name: "cart".into(),
        uid: "3c1f7a52-0c53-4c5e-9b58-6a1f1ac3a4ed".into(),
        config: r#"{"httpRoute":"cart","namespace":"shop"}"#.into(),
        settings: "{}".into(),
        stable_service: Some("cart-stable".into()),
        canary_service: Some("cart-canary".into()),
    };
    let traffic = Traffic {
        max_weight: 100,
        stable: destination("stable", 80),
        canary: destination("canary", 20),
        ..Traffic::default()
    };
    let kind = Kind::new("gateway.networking.k8s.io", "HTTPRoute");
    let query = Query {
        kind: kind.clone(),
        namespace: Some("shop".into()),
        select: Selection::Name("cart".into()),
        optional: false,
    };
    let object = Object {
        reference: ObjectRef { kind, namespace: Some("shop".into()), name: "cart".into() },
        api_version: "gateway.networking.k8s.io/v1".into(),
        json: http_route().into(),
    };
    (target, traffic, vec![Observation { query, served: true, objects: vec![object] }])
}

fn http_route() -> String {
    let filter = r#"{"type":"RequestHeaderModifier","requestHeaderModifier":{"set":[{"name":"x-forwarded-team","value":"checkout"}]}}"#;
    let matches = r#"{"path":{"type":"PathPrefix","value":"/cart/v1"},"headers":[{"type":"Exact","name":"x-region","value":"eu"}]}"#;
    let other = format!(
        r#"{{"matches":[{matches},{matches}],"filters":[{filter}],"backendRefs":[{{"group":"","kind":"Service","name":"legacy","port":8080,"weight":1}}]}}"#
    );
    let rule = format!(
        r#"{{"matches":[{matches}],"filters":[{filter}],"backendRefs":[{{"group":"","kind":"Service","name":"cart-stable","port":8080,"weight":80}},{{"group":"","kind":"Service","name":"cart-canary","port":8080,"weight":20}}],"timeouts":{{"request":"10s"}}}}"#
    );
    let condition = |kind: &str| {
        format!(
            r#"{{"lastTransitionTime":"2026-01-01T00:00:00Z","message":"Route was valid","observedGeneration":3,"reason":"{kind}","status":"True","type":"{kind}"}}"#
        )
    };
    let mut json = format!(
        r#"{{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{{"name":"cart","namespace":"shop","generation":3,"resourceVersion":"48151623","uid":"9e1c8f3a-1111-4222-8333-444455556666","labels":{{"app":"cart"}},"annotations":{{"note":"@"}}}},"spec":{{"parentRefs":[{{"group":"gateway.networking.k8s.io","kind":"Gateway","name":"public","namespace":"infra"}}],"hostnames":["cart.example.com"],"rules":[{rule},{other},{other}]}},"status":{{"parents":[{{"controllerName":"example.com/gateway","parentRef":{{"group":"gateway.networking.k8s.io","kind":"Gateway","name":"public","namespace":"infra"}},"conditions":[{},{}]}}]}}}}"#,
        condition("Accepted"),
        condition("ResolvedRefs")
    );
    let missing = 4096_usize.saturating_sub(json.len() - 1);
    json = json.replace('@', &"n".repeat(missing));
    json
}
