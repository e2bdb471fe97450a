//! The command behind `cargo xtask simulate`.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use serde_json::json;
use tidegate_explore::{Campaign, Options, Plan, explore, mutants, run, shrink};
use tidegate_shell::Deciders;

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(5);

/// Simulates Rollouts in a cluster in which seeds decide what happens and what goes wrong.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask simulate")]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads; as many as there are processors when it is not given
    #[arg(long)]
    threads: Option<usize>,
    /// Prints everything that happens; meant for one seed
    #[arg(long)]
    trace: bool,
    /// Goes on after this many failing seeds no more
    #[arg(long, default_value_t = 1)]
    failures: usize,
    /// Does not look for the fewest happenings with which a seed still fails
    #[arg(long)]
    whole: bool,
    /// Runs deliberately wrong variants, each until it is caught, in at most so many seeds
    #[arg(long)]
    mutants: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Text,
    /// One JSON document on standard output
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_well = if arguments.mutants {
        caught(&arguments)
    } else if arguments.trace {
        (0..arguments.seeds).all(|number| traced(arguments.from.wrapping_add(number)))
    } else {
        seeds(&arguments)
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(arguments: &Arguments) -> Options {
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    Options {
        from: arguments.from,
        seeds: arguments.seeds,
        threads: threads.unwrap_or(1),
        failures: arguments.failures,
        deciders: Deciders::default(),
    }
}

/// Runs the seeds, and prints what became of them.
fn seeds(arguments: &Arguments) -> bool {
    let started = Instant::now();
    let told = Mutex::new(started);
    let campaign = explore(options(arguments), |campaign| {
        let Ok(mut told) = told.lock() else { return };
        if told.elapsed() >= PROGRESS {
            *told = Instant::now();
            let rate = per_second(campaign.seeds, started);
            say(&format!("{} of {} seeds, {rate:.1} per second", campaign.seeds, arguments.seeds));
        }
    });
    let rate = per_second(campaign.seeds, started);
    match arguments.output {
        Output::Text => report(&campaign, rate),
        Output::Json => println!("{}", document(&campaign, rate)),
    }
    if let Some((seed, violation)) = campaign.failures.first().filter(|_| !arguments.whole) {
        say("Looking for the fewest happenings with which it still goes wrong …");
        let small = shrink(&Plan::of(*seed), Deciders::default(), violation.invariant);
        let outcome = run(&small, Deciders::default(), true);
        if arguments.output == Output::Text {
            outcome.trace.iter().for_each(|line| println!("{line}"));
            println!("\nSeed {seed}, with {} of its happenings:", small.happenings.len());
            small
                .happenings
                .iter()
                .for_each(|one| println!("{:>10.3} s  {}", one.at.as_secs_f64(), one.what));
            if let Some(violation) = outcome.violation {
                println!("\n{} does not hold: {}", violation.invariant, violation.message);
            }
            println!("Run all of it again with: cargo xtask simulate --from {seed} --seeds 1 --trace");
        }
    }
    campaign.failures.is_empty()
}

/// Runs one seed and prints all of it. Whether everything held.
fn traced(seed: u64) -> bool {
    let plan = Plan::of(seed);
    let outcome = run(&plan, Deciders::default(), true);
    println!("Seed {seed}: {:#?}", plan.scenario);
    outcome.trace.iter().for_each(|line| println!("{line}"));
    match &outcome.violation {
        Some(violation) => println!("{} does not hold: {}", violation.invariant, violation.message),
        None => {
            println!("Everything held; {} requests, {:?} of virtual time", outcome.requests, outcome.elapsed);
        }
    }
    outcome.violation.is_none()
}

/// Runs each mutant until it is caught. Whether each was.
fn caught(arguments: &Arguments) -> bool {
    let mut rows = Vec::new();
    for mutant in mutants() {
        let options = Options { deciders: mutant.deciders, failures: 1, ..options(arguments) };
        let campaign = explore(options, |_| {});
        let caught = campaign.failures.first();
        if arguments.output == Output::Text {
            let how = caught
                .map_or("NOT CAUGHT".to_owned(), |(seed, one)| format!("{} (seed {seed})", one.invariant));
            println!("{:<22} {:>6} seeds  {how:<48} {}", mutant.name, campaign.seeds, mutant.does);
        }
        rows.push(json!({
            "mutant": mutant.name, "does": mutant.does, "seeds": campaign.seeds,
            "caught": caught.map(|(seed, one)| json!({"seed": seed, "invariant": one.invariant, "message": one.message})),
        }));
    }
    if arguments.output == Output::Json {
        println!("{}", json!({"mutants": rows}));
    }
    rows.iter().all(|row| row.get("caught").is_some_and(|caught| !caught.is_null()))
}

fn report(campaign: &Campaign, rate: f64) {
    let Campaign { seeds, failures, requests, questions, elapsed, .. } = campaign;
    println!("{seeds} seeds, {rate:.1} per second; {:.0} h of virtual time", elapsed.as_secs_f64() / 3600.0);
    println!("{requests} requests, {questions} questions to routers");
    println!("{:#?}", campaign.coverage);
    for (seed, violation) in failures {
        println!(
            "seed {seed} at {:.3} s: {}: {}",
            violation.at.as_secs_f64(),
            violation.invariant,
            violation.message
        );
    }
}

fn document(campaign: &Campaign, rate: f64) -> serde_json::Value {
    let failures = campaign.failures.iter().map(|(seed, one)| {
        json!({"seed": seed, "invariant": one.invariant, "message": one.message, "at": one.at.as_secs_f64()})
    });
    json!({
        "seeds": campaign.seeds,
        "seedsPerSecond": rate,
        "requests": campaign.requests,
        "questions": campaign.questions,
        "virtualSeconds": campaign.elapsed.as_secs_f64(),
        "coverage": campaign.coverage,
        "failures": failures.collect::<Vec<_>>(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_second(seeds: u64, since: Instant) -> f64 {
    seeds as f64 / since.elapsed().as_secs_f64().max(f64::EPSILON)
}

/// Tells the user how it goes, apart from the result.
fn say(line: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}
