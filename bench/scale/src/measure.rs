//! The phases, one after the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use tidegate_cluster::{Cluster, Settings};
use tidegate_server::{Fate, Handle, serve};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::controller::Controller;
use crate::fleet::{self, APPS, FIRST};
use crate::report::{Moving, Report, Start};
use crate::traffic::Traffic;

/// How often it is looked at the controller.
const LOOK: Duration = Duration::from_millis(100);
/// A controller that asked for nothing for so long, and computed as good as nothing, has come to rest.
const REST: Duration = Duration::from_secs(3);
/// As good as nothing: this much of one processor.
const AS_GOOD_AS_NOTHING: f64 = 0.1;
/// How long a controller at rest is watched.
const SILENCE: Duration = Duration::from_secs(30);
/// In which time all updates begin.
const BEGINNINGS: Duration = Duration::from_secs(20);
/// How many Rollouts are looked at at once.
const FEW: usize = 50;
/// What takes longer than this never ends.
const PATIENCE: Duration = Duration::from_mins(15);

/// What is to be measured.
pub(crate) struct Wanted {
    pub(crate) tidegate: PathBuf,
    pub(crate) rollouts: usize,
    pub(crate) moving: usize,
    pub(crate) loglevel: String,
}

struct Bench<'a> {
    wanted: &'a Wanted,
    handle: Handle,
    address: SocketAddr,
    traffic: Traffic,
    namespaces: Vec<String>,
}

/// Measures all of it.
pub(crate) async fn measure(wanted: &Wanted) -> Result<Report> {
    let count = wanted.rollouts.div_ceil(APPS).max(1);
    let settings = Settings { start: Timestamp::now(), ..Settings::default() };
    let handle = Handle::new(Cluster::new(settings));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, handle.clone()));
    let traffic = Traffic::new();
    let noted = traffic.clone();
    handle.decide_fates(move |request| {
        noted.requested(request);
        Fate::Served
    });
    let noted = traffic.clone();
    handle.observe(move |change| noted.changed(change));
    let namespaces = (0..count).map(|number| format!("team-{number}")).collect();
    let bench = Bench { wanted, handle, address, traffic, namespaces };
    bench.prepare().await.context("preparing the cluster")?;
    let started = Instant::now();
    let mut controller = Controller::start(&wanted.tidegate, address, &wanted.loglevel)?;
    let start = bench.start(&mut controller, started).await.context("starting the controller")?;
    let moving = bench.moving(&mut controller).await.context("moving Rollouts")?;
    Ok(Report::new(count * APPS, wanted.moving, start, moving))
}

impl Bench<'_> {
    /// A controller does the work once, the rest is copied.
    async fn prepare(&self) -> Result<()> {
        say(&format!("Preparing {} Rollouts", self.namespaces.len() * APPS));
        self.handle.with(|cluster| {
            cluster.settings_mut().pods.ready_after = Duration::from_millis(50);
            cluster.settings_mut().gateway.programs_after = Some(Duration::from_millis(50));
            cluster.settings_mut().gateway.reports_after = Some(Duration::from_millis(50));
            fleet::make_first(cluster)
        })?;
        tokio::spawn(self.handle.clone().follow_the_clock());
        let all: Vec<(String, usize)> = (0..APPS).map(|number| (FIRST.to_owned(), number)).collect();
        let mut controller = Controller::start(&self.wanted.tidegate, self.address, &self.wanted.loglevel)?;
        self.wait_until_healthy(&mut controller, all.clone()).await?;
        for version in [1, 2] {
            self.handle.with(|cluster| {
                (0..APPS).try_for_each(|number| fleet::update(cluster, FIRST, number, version))
            })?;
            self.wait_until_healthy(&mut controller, all.clone()).await?;
        }
        self.wait_until_at_rest(&mut controller).await?;
        drop(controller);
        for namespace in self.namespaces.iter().skip(1) {
            fleet::copy(&self.handle, namespace)?;
            // Between them, the cluster makes pods of what was copied before.
            tokio::task::yield_now().await;
        }
        while !self.handle.with(|cluster| fleet::is_at_rest(cluster)) {
            sleep(LOOK).await;
        }
        self.handle.with(|cluster| {
            fleet::forget_leases(cluster)?;
            fleet::check(cluster, self.namespaces.len())
        })
    }

    async fn wait_until_healthy(
        &self,
        controller: &mut Controller,
        mut pending: Vec<(String, usize)>,
    ) -> Result<u64> {
        let began = Instant::now();
        let mut resident = 0;
        while !pending.is_empty() {
            sleep(LOOK).await;
            controller.check()?;
            resident = resident.max(controller.memory()?.resident);
            // A few at a time: the server has other things to do.
            let few: Vec<_> = pending.drain(..pending.len().min(FEW)).collect();
            self.handle.with(|cluster| {
                let others =
                    few.into_iter().filter(|(namespace, app)| !fleet::is_healthy(cluster, namespace, *app));
                pending.extend(others);
            });
            if began.elapsed() > PATIENCE {
                let last = self.traffic.last();
                bail!("{} Rollouts are not healthy; the last requests were {last:?}", pending.len());
            }
        }
        Ok(resident)
    }

    /// Waits until the controller has come to rest; answers since when.
    async fn wait_until_at_rest(&self, controller: &mut Controller) -> Result<Instant> {
        let began = Instant::now();
        let mut busy = began;
        let mut before = (began, controller.processor_time()?);
        loop {
            sleep(LOOK).await;
            controller.check()?;
            let now = (Instant::now(), controller.processor_time()?);
            let used = now.1.saturating_sub(before.1).as_secs_f64() / (now.0 - before.0).as_secs_f64();
            if used > AS_GOOD_AS_NOTHING || !controller.is_ready() {
                busy = now.0;
            }
            before = now;
            busy = busy.max(self.traffic.count().last_loud);
            if busy.elapsed() > REST {
                return Ok(busy);
            }
            if began.elapsed() > PATIENCE {
                bail!(
                    "the controller does not come to rest; the last requests were {:?}",
                    self.traffic.last()
                );
            }
        }
    }

    /// From the start of a controller until it rests, and then.
    async fn start(&self, controller: &mut Controller, started: Instant) -> Result<Start> {
        say("Starting the controller");
        let before = self.traffic.count();
        let settled = self.wait_until_at_rest(controller).await?;
        let processor = controller.processor_time()?;
        let at_rest = self.traffic.count();
        say("Watching it at rest");
        let mut most = 0;
        let until = Instant::now() + SILENCE;
        while Instant::now() < until {
            sleep(Duration::from_secs(5)).await;
            controller.scrape();
            most = most.max(controller.memory()?.resident);
        }
        let after = self.traffic.count();
        if after.loud > at_rest.loud {
            say(&format!("It was not silent; the last requests were {:?}", self.traffic.last()));
        }
        Ok(Start {
            settled: settled.duration_since(started),
            processor,
            requests: at_rest.loud - before.loud,
            writes: at_rest.writes - before.writes,
            requests_at_rest: after.loud - at_rest.loud,
            resident: most,
            peak: controller.memory()?.peak,
        })
    }

    /// Many at once.
    async fn moving(&self, controller: &mut Controller) -> Result<Moving> {
        say(&format!("Moving {} Rollouts", self.wanted.moving));
        self.handle.with(|cluster| {
            cluster.settings_mut().pods.ready_after = Duration::from_secs(3);
            cluster.settings_mut().gateway.programs_after = Some(Duration::from_secs(1));
            cluster.settings_mut().gateway.reports_after = Some(Duration::from_secs(1));
        });
        self.traffic.forget();
        let (before, processor) = (self.traffic.count(), controller.processor_time()?);
        let began = Instant::now();
        let all = self.namespaces.len() * APPS;
        let count = self.wanted.moving.min(all);
        let apart = BEGINNINGS / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let mut moving = Vec::new();
        for number in 0..count {
            // One after the other through the namespaces, so that no two neighbours begin together.
            let namespace =
                self.namespaces.get(number % self.namespaces.len()).context("there is no namespace")?;
            let app = number / self.namespaces.len();
            self.handle.with(|cluster| fleet::update(cluster, namespace, app, 9))?;
            moving.push((namespace.clone(), app));
            let due = began + apart * u32::try_from(number + 1).unwrap_or(u32::MAX);
            sleep(due.saturating_duration_since(Instant::now())).await;
        }
        let resident = self.wait_until_healthy(controller, moving).await?;
        let took = began.elapsed();
        let after = self.traffic.count();
        Ok(Moving {
            took,
            processor: controller.processor_time()?.saturating_sub(processor),
            requests: after.loud - before.loud,
            writes: after.writes - before.writes,
            latencies: self.traffic.latencies(),
            resident: resident.max(controller.memory()?.resident),
        })
    }
}

/// Tells the user how it goes, apart from the result.
fn say(line: &str) {
    use std::io::Write as _;
    // Nobody to tell is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}
