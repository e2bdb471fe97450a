//! The numbers, with what they should be.

use std::fmt::Write as _;

use serde::Serialize;

use crate::fleet::Fleet;
use crate::idle::Idle;
use crate::loading::Loading;
use crate::machine::Machine;
use crate::passes::Passes;
use crate::spread::Spread;

/// What a number should be at most on two cores.
mod most {
    /// Bytes of a component.
    pub(super) const BYTES: f64 = 150_000.0;
    /// Microseconds from bytes to a plugin that is ready.
    pub(super) const READY: f64 = 60_000.0;
    /// Microseconds for `locate` and `route` with nothing to change.
    pub(super) const LOCATE_AND_ROUTE: (f64, f64) = (30.0, 60.0);
    /// Microseconds for a pass with a change.
    pub(super) const WITH_CHANGE: f64 = 120.0;
    /// Microseconds from bytes to ten plugins that are ready.
    pub(super) const FLEET: f64 = 1_000_000.0;
    /// Kibibytes of an idle controller with one plugin.
    pub(super) const IDLE: f64 = 40.0 * 1024.0;
    /// Kibibytes for each further plugin.
    pub(super) const FURTHER: f64 = 1.5 * 1024.0;
}

/// What was measured of one plugin.
#[derive(Debug, Serialize)]
pub(crate) struct PluginReport {
    pub(crate) name: String,
    /// Of the component.
    pub(crate) bytes: usize,
    pub(crate) loading: Loading,
    pub(crate) passes: Passes,
}

/// A number that should not be higher than another.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) is: f64,
    pub(crate) most: f64,
    /// Of what is allowed; above 1 it is missed.
    pub(crate) ratio: f64,
    pub(crate) unit: &'static str,
}

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) plugins: Vec<PluginReport>,
    /// Many plugins at once.
    pub(crate) fleet: Fleet,
    /// Of the binary's own controller, against an API server without objects, over loopback.
    pub(crate) idle: Idle,
    pub(crate) targets: Vec<Target>,
}

impl Report {
    pub(crate) fn new(machine: Machine, plugins: Vec<PluginReport>, fleet: Fleet, idle: Idle) -> Self {
        let mut targets = Vec::new();
        let mut target = |what: String, is: f64, most: f64, unit| {
            targets.push(Target { what, is, most, ratio: is / most, unit });
        };
        for PluginReport { name, bytes, loading, passes } in &plugins {
            let about = |what: &str| format!("{name}: {what}");
            target(about("size"), whole(*bytes), most::BYTES, "bytes");
            target(about("bytes to ready, p50"), loading.ready.p50, most::READY, "µs");
            let (p50, p99) = most::LOCATE_AND_ROUTE;
            target(about("locate and route, p50"), passes.locate_and_route.p50, p50, "µs");
            target(about("locate and route, p99"), passes.locate_and_route.p99, p99, "µs");
            target(about("pass with a change, p50"), passes.with_change.p50, most::WITH_CHANGE, "µs");
        }
        let many = format!("{} plugins ready, p50", fleet.plugins);
        target(many, fleet.ready.p50, most::FLEET, "µs");
        target("idle controller with one plugin".to_owned(), kib(idle.with_one), most::IDLE, "KiB");
        if let Some(further) = idle.each_further {
            target("each further plugin".to_owned(), kib(further), most::FURTHER, "KiB");
        }
        Self { machine, plugins, fleet, idle, targets }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Machine { cpu, cores, kernel, load, versions } = &self.machine;
        writeln!(out, "{cpu}, {cores} cores, Linux {kernel}, load {load}")?;
        writeln!(out, "{}, wasmtime {}, tidegate {}", versions.rustc, versions.wasmtime, versions.commit)?;
        for plugin in &self.plugins {
            let PluginReport { name, bytes, loading, passes } = plugin;
            writeln!(out, "\n{name}: {bytes} bytes, {} functions", loading.functions)?;
            writeln!(out, "  {:<44}{:>12}{:>12}{:>12}", "loading", "p50", "p99", "best")?;
            for (stage, spread) in &loading.stages {
                row(out, stage, spread)?;
            }
            row(out, "bytes to ready", &loading.ready)?;
            writeln!(out, "  {:<44}{:>12}", "CPU time, all threads", time(loading.cpu))?;
            writeln!(
                out,
                "  {} kB of machine code; a sandbox begins with {} kB",
                loading.code_bytes / 1000,
                loading.memory_bytes / 1000
            )?;
            writeln!(out, "  passes over {} bytes of JSON", passes.object_bytes)?;
            row(out, "empty sandbox", &passes.sandbox)?;
            row(out, "locate", &passes.locate)?;
            row(out, "locate and route, nothing to change", &passes.locate_and_route)?;
            row(out, "whole pass of the host, nothing to change", &passes.without_change)?;
            row(out, "whole pass of the host, with a change", &passes.with_change)?;
            writeln!(
                out,
                "  {} units of fuel; a pass with a change takes {:.1} times one without, locate and route {:.1} times an \
                 empty sandbox",
                passes.fuel,
                passes.with_change.p50 / passes.without_change.p50,
                passes.locate_and_route.p50 / passes.sandbox.p50,
            )?;
        }
        let Fleet { plugins, bytes, ready } = &self.fleet;
        writeln!(out, "\n{plugins} plugins at once: {bytes} bytes")?;
        row(out, "bytes to all of them ready", ready)?;
        let Idle { with_one, with_all, plugins, .. } = &self.idle;
        writeln!(out, "\nidle controller (the binary, against an API server without objects over loopback)")?;
        writeln!(out, "  {with_one} KiB resident with one plugin, {with_all} KiB with {plugins}")?;
        writeln!(out, "\n  {:<44}{:>12}{:>12}{:>12}", "against the targets", "is", "at most", "ratio")?;
        for Target { what, is, most, ratio, unit } in &self.targets {
            let number =
                |number: f64| if *unit == "µs" { time(number) } else { format!("{number:.0} {unit}") };
            let missed = if *ratio > 1.0 { "  missed" } else { "" };
            writeln!(out, "  {what:<44}{:>12}{:>12}{ratio:>12.2}{missed}", number(*is), number(*most))?;
        }
        Ok(())
    }
}

fn row(out: &mut String, what: &str, spread: &Spread) -> std::fmt::Result {
    let Spread { p50, p99, best } = *spread;
    writeln!(out, "  {what:<44}{:>12}{:>12}{:>12}", time(p50), time(p99), time(best))
}

/// Microseconds, or milliseconds where these are many.
fn time(microseconds: f64) -> String {
    if microseconds >= 1000.0 {
        format!("{:.1} ms", microseconds / 1000.0)
    } else {
        format!("{microseconds:.1} µs")
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
fn whole(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
fn kib(number: u64) -> f64 {
    number as f64
}
