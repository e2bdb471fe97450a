//! What it was measured on, and what the system knows of processes.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

/// What was measured, as the builder says.
#[derive(Clone, Debug, Args, Serialize)]
pub(crate) struct Versions {
    /// The compiler.
    #[arg(long)]
    pub(crate) rustc: String,
    /// wasmtime.
    #[arg(long)]
    pub(crate) wasmtime: String,
    /// The commit.
    #[arg(long)]
    pub(crate) commit: String,
}

/// The machine and the versions.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// How many threads wanted to run in the minute before: numbers with a load near or above the cores are too high.
    pub(crate) load: String,
    pub(crate) versions: Versions,
}

/// Describes this machine.
pub(crate) fn describe(versions: Versions) -> Machine {
    let cpu = lines("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let first_word =
        |file: &str| text(file).split_whitespace().next().map_or("unknown".to_owned(), str::to_owned);
    Machine {
        cpu: cpu.trim_start_matches([':', '\t', ' ']).to_owned(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        kernel: first_word("/proc/sys/kernel/osrelease"),
        load: first_word("/proc/loadavg"),
        versions,
    }
}

/// Resident memory of a process in kibibytes.
pub(crate) fn resident(process: u32) -> Option<u64> {
    lines(&format!("/proc/{process}/status"), "VmRSS:")?.split_whitespace().next()?.parse().ok()
}

/// CPU time of this process, all threads, in ticks of 10 ms.
pub(crate) fn cpu_time() -> Duration {
    let stat = text("/proc/self/stat");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// What comes after this beginning of a line.
fn lines(file: &str, beginning: &str) -> Option<String> {
    let text = text(file);
    text.lines().find_map(|line| line.strip_prefix(beginning)).map(|rest| rest.trim().to_owned())
}

fn text(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}
