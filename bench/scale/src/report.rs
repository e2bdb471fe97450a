//! The numbers, with what they should be.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

/// What a number should be at most, on two cores with nothing else to do, for 10,000 Rollouts of which 1,000 move.
mod most {
    /// Mebibytes resident.
    pub(super) const RESIDENT: f64 = 300.0;
    /// Seconds from the start until all is at rest.
    pub(super) const SETTLED: f64 = 20.0;
    /// Requests at rest, but for watches and the lease.
    pub(super) const REQUESTS_AT_REST: f64 = 0.0;
    /// Milliseconds from what happened to the write that follows, 99 %.
    pub(super) const WRITE: f64 = 250.0;
}

/// A controller that starts.
pub(crate) struct Start {
    /// Until it rests.
    pub(crate) settled: Duration,
    /// Processor time until then.
    pub(crate) processor: Duration,
    pub(crate) requests: u64,
    pub(crate) writes: u64,
    pub(crate) requests_at_rest: u64,
    /// Most that was resident at rest, in kibibytes.
    pub(crate) resident: u64,
    /// Most that ever was.
    pub(crate) peak: u64,
}

/// Many that move.
pub(crate) struct Moving {
    /// Until all have arrived.
    pub(crate) took: Duration,
    pub(crate) processor: Duration,
    pub(crate) requests: u64,
    pub(crate) writes: u64,
    /// From what happened to the write that followed; in order.
    pub(crate) latencies: Vec<Duration>,
    /// Most that was resident, in kibibytes.
    pub(crate) resident: u64,
}

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    rollouts: usize,
    moving: usize,
    /// Seconds.
    settled: f64,
    start_processor_seconds: f64,
    start_requests: u64,
    start_writes: u64,
    requests_at_rest: u64,
    /// Mebibytes.
    resident: f64,
    peak: f64,
    resident_while_moving: f64,
    /// Seconds.
    moved: f64,
    moving_processor_seconds: f64,
    moving_requests: u64,
    moving_writes: u64,
    answered: usize,
    /// Milliseconds.
    write_p50: f64,
    write_p99: f64,
    write_max: f64,
    targets: Vec<Target>,
}

/// A number that should not be higher than another.
#[derive(Debug, Serialize)]
struct Target {
    what: &'static str,
    is: f64,
    most: f64,
    /// Of what is allowed; above 1 it is missed.
    ratio: f64,
    unit: &'static str,
}

impl Target {
    fn new(what: &'static str, is: f64, most: f64, unit: &'static str) -> Self {
        // Of nothing, anything is too much.
        let ratio = if most > 0.0 { is / most } else { is };
        Self { what, is, most, ratio, unit }
    }
}

impl Report {
    pub(crate) fn new(rollouts: usize, moving: usize, start: Start, moved: Moving) -> Self {
        let milliseconds = |part: f64| at(&moved.latencies, part).as_secs_f64() * 1000.0;
        let resident = mebibytes(start.resident.max(moved.resident));
        let targets = vec![
            Target::new("resident memory", resident, most::RESIDENT, "MiB"),
            Target::new("start until all is at rest", start.settled.as_secs_f64(), most::SETTLED, "s"),
            Target::new("requests at rest", count(start.requests_at_rest), most::REQUESTS_AT_REST, ""),
            Target::new("from event to write, p99", milliseconds(0.99), most::WRITE, "ms"),
        ];
        Self {
            rollouts,
            moving,
            settled: start.settled.as_secs_f64(),
            start_processor_seconds: start.processor.as_secs_f64(),
            start_requests: start.requests,
            start_writes: start.writes,
            requests_at_rest: start.requests_at_rest,
            resident: mebibytes(start.resident),
            peak: mebibytes(start.peak),
            resident_while_moving: mebibytes(moved.resident),
            moved: moved.took.as_secs_f64(),
            moving_processor_seconds: moved.processor.as_secs_f64(),
            moving_requests: moved.requests,
            moving_writes: moved.writes,
            answered: moved.latencies.len(),
            write_p50: milliseconds(0.5),
            write_p99: milliseconds(0.99),
            write_max: milliseconds(1.0),
            targets,
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text does not fail.
        let mut line = |what: &str, value: String| {
            let _ = writeln!(text, "  {what:<44} {value}");
        };
        line("Rollouts", self.rollouts.to_string());
        line("start until all is at rest", format!("{:.1} s", self.settled));
        line("  processor time", format!("{:.1} s", self.start_processor_seconds));
        line("  requests, and writes among them", format!("{}, {}", self.start_requests, self.start_writes));
        line("resident at rest", format!("{:.0} MiB", self.resident));
        line("  most so far", format!("{:.0} MiB", self.peak));
        line("requests at rest, but for watches and lease", self.requests_at_rest.to_string());
        line("Rollouts that move", self.moving.to_string());
        line("  until all have arrived", format!("{:.1} s", self.moved));
        line("  processor time", format!("{:.1} s", self.moving_processor_seconds));
        line(
            "  requests, and writes among them",
            format!("{}, {}", self.moving_requests, self.moving_writes),
        );
        line("  resident", format!("{:.0} MiB", self.resident_while_moving));
        line(
            "  from event to write, p50, p99, most",
            format!("{:.1} ms, {:.1} ms, {:.1} ms", self.write_p50, self.write_p99, self.write_max),
        );
        line("  events that writes answered", self.answered.to_string());
        text.push_str("\nOf what is allowed for 10,000 Rollouts of which 1,000 move, on two cores:\n");
        for Target { what, is, most, ratio, unit } in &self.targets {
            let _ = writeln!(text, "  {what:<44} {is:>8.1} of {most:>6.1} {unit:<4} {ratio:>6.2}");
        }
        text
    }
}

/// The element of a sorted list below which this part is.
fn at(sorted: &[Duration], part: f64) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let index = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
