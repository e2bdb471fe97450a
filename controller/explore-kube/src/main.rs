//! The command behind `cargo xtask simulate --driver kube`.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use tidegate_explore::Plan;
use tidegate_explore_kube::{Outcome, run};

/// Runs seeds through the kube driver and the HTTP face of the in-memory cluster.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask simulate --driver kube --")]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 200)]
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
}

#[derive(Default)]
struct Campaign {
    failures: Vec<(u64, Outcome)>,
    elapsed: Duration,
    requests: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let started = Instant::now();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let campaign = Mutex::new(Campaign::default());
    let next = AtomicU64::new(0);
    let work = || -> anyhow::Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= arguments.seeds {
                return Ok(());
            }
            let seed = arguments.from.wrapping_add(number);
            let outcome = run(&Plan::of(seed), tidegate_core::decide).context("starting a run")?;
            let mut campaign = campaign.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            campaign.elapsed = campaign.elapsed.saturating_add(outcome.elapsed);
            campaign.requests += outcome.requests;
            if arguments.trace {
                println!("Seed {seed}: {:#?}", Plan::of(seed).scenario);
                outcome.trace.iter().for_each(|line| println!("{line}"));
            }
            if let Some(wrong) = &outcome.wrong {
                say(&format!("seed {seed}: {wrong}"));
                campaign.failures.push((seed, outcome));
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..arguments.threads.unwrap_or(processors).max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => anyhow::bail!("a run panicked"),
        })
    })?;
    let Campaign { failures, elapsed, requests } =
        campaign.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!(
        "{} seeds through the kube driver in {:.0} s; {:.0} h of virtual time, {requests} requests",
        arguments.seeds,
        started.elapsed().as_secs_f64(),
        elapsed.as_secs_f64() / 3600.0
    );
    if let Some((seed, outcome)) = failures.first().filter(|_| !arguments.trace) {
        println!("Seed {seed}:");
        outcome.trace.iter().for_each(|line| println!("{line}"));
        println!("Run it again with: cargo xtask simulate --driver kube --from {seed} --seeds 1 --trace");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells the user how it goes, apart from the result.
fn say(line: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}
