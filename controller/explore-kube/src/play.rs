//! One run: what happens when, and the end of it.

use std::net::Ipv4Addr;
use std::time::Duration;

use tidegate_cluster::Cluster;
use tidegate_explore::{Happening, Outside, Plan, WatchFault};
use tidegate_kube::Clock;
use tidegate_server::{Handle, serve};
use tidegate_shell::Decide;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::Outcome;
use crate::controllers::{CONTROLLERS, Controller};
use crate::fates::Shared;

/// A system that has sent nothing for this long will not by itself: the controller looks at everything every quarter of an hour.
const SILENCE: Duration = Duration::from_mins(17);
/// What takes longer than this never ends.
const PATIENCE: Duration = Duration::from_hours(3);
/// How long after a crash that a request brought about another controller begins.
const DOWN: Duration = Duration::from_secs(1);

struct Play {
    outside: Outside,
    handle: Handle,
    requests: Shared,
    controllers: Vec<Controller>,
    clock: Clock,
    begun: Instant,
    /// Controllers that end by a request.
    ends: mpsc::UnboundedReceiver<usize>,
    /// What happens later.
    later: mpsc::UnboundedReceiver<Later>,
    at_some_time: mpsc::UnboundedSender<Later>,
    trace: Vec<String>,
}

/// Something that was put off.
enum Later {
    /// A controller begins.
    Begin(usize),
    /// Watches tell again.
    Release,
}

pub(crate) async fn play(plan: &Plan, decide: Decide) -> std::io::Result<Outcome> {
    let plan = &plan.measured_by_jobs();
    let (outside, cluster) = Outside::new(plan);
    let clock = Clock::simulated(cluster.now());
    let handle = Handle::new(cluster);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, handle.clone()));
    tokio::spawn(handle.clone().follow_the_clock());
    let requests = Shared::default();
    let (end, ends) = mpsc::unbounded_channel();
    let deciding = requests.clone();
    handle.decide_fates(move |request| deciding.decide(request, &end));
    let (at_some_time, later) = mpsc::unbounded_channel();
    let count = if plan.scenario.has_standby { CONTROLLERS } else { 1 };
    let controllers =
        (0..count).map(|number| Controller::new(number, address, clock.clone(), decide)).collect();
    let mut play = Play {
        outside,
        handle,
        requests,
        controllers,
        clock,
        begun: Instant::now(),
        ends,
        later,
        at_some_time,
        trace: Vec::new(),
    };
    let wrong = play.run(plan).await.err();
    let mut trace = play.trace;
    trace.extend(wrong.iter().map(|wrong| format!("!! {wrong}")));
    let requests = play.requests.with(|requests| requests.all);
    Ok(Outcome { wrong, elapsed: play.begun.elapsed(), requests, trace })
}

impl Play {
    async fn run(&mut self, plan: &Plan) -> Result<(), String> {
        for controller in &mut self.controllers {
            controller.begin(&self.outside)?;
        }
        for timed in &plan.happenings {
            self.pass_until(self.begun + timed.at).await?;
            self.say(format!("** {}", timed.what));
            self.happens(&timed.what);
        }
        // Whatever was done last has its effect while things are still wrong.
        self.pass(Duration::from_secs(20)).await?;
        self.heal().await?;
        self.falls_silent("after the faults").await?;
        if let Some(wrong) = self.within(Outside::given_up_in_vain) {
            return Err(wrong);
        }
        self.finish().await?;
        self.falls_silent("at the end").await?;
        let wrong = self.within(Outside::wrong);
        wrong.map_or(Ok(()), Err)
    }

    fn say(&mut self, what: String) {
        let at = self.begun.elapsed().as_secs_f64();
        self.trace.push(format!("{at:>12.3} s  {what}"));
    }

    fn within<T>(&mut self, work: impl FnOnce(&mut Outside, &mut Cluster) -> T) -> T {
        let outside = &mut self.outside;
        self.handle.with(|cluster| work(outside, cluster))
    }

    fn happens(&mut self, what: &Happening) {
        match what {
            Happening::Request { controller, which, after, fate } => {
                self.requests.with(|requests| requests.arm(*controller, *which, *after, *fate));
            }
            Happening::Crash { controller, down } => self.end(*controller, *down),
            // That is for the lease to say.
            Happening::Leads { .. } => {}
            Happening::Watch { what, .. } => self.watches_fail(*what),
            Happening::ClockJump { seconds } => self.clock.jump(*seconds),
            Happening::Plugin { .. } => {
                self.within(|outside, cluster| outside.happens(cluster, what));
                self.tell_plugins();
            }
            Happening::Edit { .. }
            | Happening::Compact
            | Happening::Gateway(_)
            | Happening::Pods { .. }
            | Happening::PodsLost { .. }
            | Happening::Metrics(_)
            | Happening::Jobs(_)
            | Happening::Meddling(_) => self.within(|outside, cluster| outside.happens(cluster, what)),
        }
    }

    /// The connections of a server are one for all kinds here, or end.
    fn watches_fail(&mut self, what: WatchFault) {
        match what {
            WatchFault::Interrupted(time) | WatchFault::Late(time) => {
                self.handle.hold_watches(true);
                self.put_off(time, Later::Release);
            }
            WatchFault::Repeated(_) => self.handle.cut_watches(),
            WatchFault::Relisted | WatchFault::Stale(_) => {
                self.handle.with(|cluster| cluster.compact(cluster.resource_version()));
                self.handle.cut_watches();
            }
        }
    }

    fn put_off(&self, time: Duration, what: Later) {
        let later = self.at_some_time.clone();
        tokio::spawn(async move {
            sleep(time).await;
            // Nobody waits for it any more when the run is over.
            let _ = later.send(what);
        });
    }

    fn end(&mut self, number: usize, down: Duration) {
        if let Some(controller) = self.controllers.get_mut(number) {
            controller.end();
            self.say(format!("controller {number} ends"));
            self.put_off(down, Later::Begin(number));
        }
    }

    fn tell_plugins(&self) {
        for controller in &self.controllers {
            controller.tell(&self.outside);
        }
    }

    async fn pass(&mut self, time: Duration) -> Result<(), String> {
        self.pass_until(Instant::now() + time).await
    }

    /// Lets time pass, and all happen that happens in it.
    async fn pass_until(&mut self, until: Instant) -> Result<(), String> {
        loop {
            if let Some(number) = self.controllers.iter().position(Controller::has_failed) {
                return Err(format!("controller {number} ended by itself"));
            }
            let mut controllers = self.controllers.iter_mut();
            let (first, second) = (controllers.next(), controllers.next());
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                Some(number) = self.ends.recv() => self.end(number, DOWN),
                Some(later) = self.later.recv() => match later {
                    Later::Begin(number) => {
                        self.say(format!("controller {number} begins"));
                        if let Some(controller) = self.controllers.get_mut(number) {
                            controller.begin(&self.outside)?;
                        }
                    }
                    Later::Release => self.handle.hold_watches(false),
                },
                () = changed(first) => self.tell_plugins(),
                () = changed(second) => self.tell_plugins(),
            }
        }
    }

    /// All faults end. What users have done stays.
    async fn heal(&mut self) -> Result<(), String> {
        self.say("** everything is put right".to_owned());
        self.requests.with(crate::fates::Requests::disarm);
        self.handle.hold_watches(false);
        self.within(Outside::heal);
        self.tell_plugins();
        // What is late arrives, and processes that were down are back.
        self.pass(Duration::from_mins(1)).await?;
        self.within(Outside::replace_failing_pods);
        Ok(())
    }

    /// Runs until nothing has been sent for a long time.
    async fn falls_silent(&mut self, when: &str) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let before = self.requests.with(|requests| requests.loud);
            self.pass(SILENCE).await?;
            let (sent, last) = self.requests.with(|requests| (requests.loud - before, requests.last.clone()));
            if sent == 0 {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{sent} requests in the last {SILENCE:?} {when}, among them {last:?}"));
            }
        }
    }

    /// Users finish what they have begun.
    async fn finish(&mut self) -> Result<(), String> {
        self.say("** users finish what they have begun".to_owned());
        let began = Instant::now();
        while !self.within(Outside::finish) {
            self.pass(Duration::from_secs(30)).await?;
            if began.elapsed() > PATIENCE {
                return Err(self.within(Outside::describe));
            }
        }
        Ok(())
    }
}

async fn changed(controller: Option<&mut Controller>) {
    match controller {
        Some(controller) => controller.uses_others().await,
        None => std::future::pending().await,
    }
}
