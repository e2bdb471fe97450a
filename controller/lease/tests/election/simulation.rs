//! Many candidates, one Lease, and everything that can go wrong: requests that are lost before or after they
//! are carried out, or carried out long after they were given up; processes that stop for a while, or for good;
//! calendar clocks that jump, and monotonic clocks that run a little faster or slower.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::Value;
use tidegate_api::{ApiError, Request};
use tidegate_lease::{Config, Elector, LeaseEffect, LeaseEvent, RequestId, Term};

use crate::store::Store;

/// Until then things go wrong.
const TROUBLE: Duration = Duration::from_mins(10);
/// Then they have this long to settle, and this long to stay as they are.
const SETTLE: Duration = Duration::from_secs(90);
const STAY: Duration = Duration::from_mins(2);

/// What goes wrong, per thousand.
#[derive(Clone, Debug)]
struct Trouble {
    lost_requests: u64,
    lost_answers: u64,
    slow: u64,
    /// Seconds between two processes that stop, end, or find their clock changed; on average.
    mishaps: u64,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    (0..400u64, 0..400u64, 0..300u64, 3..120u64).prop_map(|(lost_requests, lost_answers, slow, mishaps)| {
        Trouble { lost_requests, lost_answers, slow, mishaps }
    })
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    fn happens(&mut self, per_thousand: u64) -> bool {
        self.below(1000) < per_thousand
    }

    fn millis(&mut self, limit: u64) -> Duration {
        Duration::from_micros(self.below(limit * 1000))
    }
}

/// One process, with its own clocks.
struct Process {
    elector: Elector,
    /// Which process it is in this place: answers to the one before are lost.
    generation: u64,
    started: Duration,
    /// How much its monotonic clock shows, per million.
    speed: u64,
    offset: Duration,
    wall: Timestamp,
    stopped_until: Duration,
    wake: Duration,
    /// From when it leads, in true time, and its present term, in its own.
    leads: Option<(Duration, Term)>,
}

impl Process {
    fn local(&self, now: Duration) -> Duration {
        let true_time = u64::try_from(now.saturating_sub(self.started).as_nanos()).unwrap();
        self.offset
            + Duration::from_nanos(
                u64::try_from(u128::from(true_time) * u128::from(self.speed) / 1_000_000).unwrap(),
            )
    }

    /// The first instant at which its clock shows at least this.
    fn global(&self, local: Duration) -> Duration {
        let shown = local.saturating_sub(self.offset).as_nanos();
        self.started
            + Duration::from_nanos(
                u64::try_from((shown * 1_000_000).div_ceil(u128::from(self.speed))).unwrap(),
            )
    }
}

enum Happening {
    Wake { place: usize, generation: u64, at: Duration },
    Arrives { place: usize, generation: u64, id: RequestId, request: Request },
    Answered { place: usize, generation: u64, id: RequestId, result: Result<Value, ApiError> },
    Mishap,
}

struct World {
    now: Duration,
    dice: Dice,
    trouble: Trouble,
    store: Store,
    processes: Vec<Process>,
    queue: BTreeMap<(Duration, u64), Happening>,
    queued: u64,
    /// Who led from when to when.
    terms: Vec<(usize, Duration, Duration)>,
}

impl World {
    fn new(seed: u64, count: usize, trouble: Trouble) -> Self {
        let mut world = Self {
            now: Duration::ZERO,
            dice: Dice(seed),
            trouble,
            store: Store::default(),
            processes: Vec::new(),
            queue: BTreeMap::new(),
            queued: 0,
            terms: Vec::new(),
        };
        for place in 0..count {
            let process = world.process(place, 0);
            world.processes.push(process);
            world.enqueue(Duration::ZERO, Happening::Wake { place, generation: 0, at: Duration::ZERO });
        }
        world.enqueue(Duration::from_secs(1), Happening::Mishap);
        world
    }

    fn process(&mut self, place: usize, generation: u64) -> Process {
        let config = Config::new("tidegate", "lock", format!("process-{place}-{generation}"));
        Process {
            elector: Elector::new(config, self.dice.roll()).unwrap(),
            generation,
            started: self.now,
            speed: 980_000 + self.dice.below(40_000),
            offset: self.dice.millis(1_000_000),
            wall: self.some_time(),
            stopped_until: Duration::ZERO,
            wake: Duration::ZERO,
            leads: None,
        }
    }

    fn some_time(&mut self) -> Timestamp {
        Timestamp::from_second(i64::try_from(self.dice.below(4_000_000_000)).unwrap()).unwrap()
    }

    fn enqueue(&mut self, delay: Duration, happening: Happening) {
        self.queued += 1;
        self.queue.insert((self.now + delay, self.queued), happening);
    }

    fn is_troubled(&self) -> bool {
        self.now < TROUBLE
    }

    /// How long a message is under way; now and then longer than anybody waits.
    fn delay(&mut self) -> Duration {
        if self.is_troubled() && self.dice.happens(self.trouble.slow) {
            self.dice.millis(20_000)
        } else {
            self.dice.millis(200)
        }
    }

    fn run(&mut self, until: Duration) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until {
                break;
            }
            self.now = entry.key().0;
            let happening = entry.remove();
            self.happen(happening);
        }
        self.now = until;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Wake { place, generation, at } => {
                if self.processes[place].generation == generation && self.processes[place].wake == at {
                    let again = Happening::Wake { place, generation, at };
                    self.tell(place, LeaseEvent::Woken, again);
                }
            }
            Happening::Arrives { place, generation, id, request } => {
                let result = self.store.answer(&request);
                if !(self.is_troubled() && self.dice.happens(self.trouble.lost_answers)) {
                    let delay = self.delay();
                    self.enqueue(delay, Happening::Answered { place, generation, id, result });
                }
            }
            Happening::Answered { place, generation, id, result } => {
                if self.processes[place].generation == generation {
                    let again = Happening::Answered { place, generation, id, result: result.clone() };
                    self.tell(place, LeaseEvent::Answered { id, result }, again);
                }
            }
            Happening::Mishap => {
                if self.is_troubled() {
                    self.mishap();
                    let pause = self.dice.millis(2000 * self.trouble.mishaps);
                    self.enqueue(pause, Happening::Mishap);
                }
            }
        }
    }

    fn mishap(&mut self) {
        let place = usize::try_from(self.dice.below(self.processes.len() as u64)).unwrap();
        match self.dice.below(5) {
            0 => {
                // It ends, and another one starts in its place.
                self.end_term(place);
                let generation = self.processes[place].generation + 1;
                self.processes[place] = self.process(place, generation);
                let delay = self.dice.millis(5000);
                self.enqueue(delay, Happening::Wake { place, generation, at: Duration::ZERO });
            }
            1 => {
                let release = Happening::Wake { place, generation: u64::MAX, at: Duration::ZERO };
                if self.processes[place].stopped_until <= self.now {
                    self.tell(place, LeaseEvent::Release, release);
                }
            }
            2 | 3 => self.processes[place].stopped_until = self.now + self.dice.millis(40_000),
            _ => self.processes[place].wall = self.some_time(),
        }
    }

    /// Lets a process take a step, or lets it happen again once it is no longer stopped.
    fn tell(&mut self, place: usize, event: LeaseEvent, again: Happening) {
        let process = &mut self.processes[place];
        if process.stopped_until > self.now {
            let delay = process.stopped_until.saturating_sub(self.now);
            self.enqueue(delay, again);
            return;
        }
        process.wall += SignedDuration::from_millis(1);
        let (local, wall) = (process.local(self.now), process.wall);
        let effects = process.elector.step(local, wall, event);
        let generation = process.generation;
        for effect in effects {
            match effect {
                LeaseEffect::Send { id, request, timeout } => {
                    assert!(timeout < Duration::from_secs(10));
                    if !(self.is_troubled() && self.dice.happens(self.trouble.lost_requests)) {
                        let delay = self.delay();
                        self.enqueue(delay, Happening::Arrives { place, generation, id, request });
                    }
                }
                LeaseEffect::Leading(term) => {
                    self.end_term(place);
                    self.processes[place].leads = term.map(|term| (self.now, term));
                }
                LeaseEffect::WakeAt(at) => {
                    let process = &mut self.processes[place];
                    process.wake = at;
                    let delay = process.global(at).saturating_sub(self.now) + self.dice.millis(20);
                    self.enqueue(delay, Happening::Wake { place, generation, at });
                }
                LeaseEffect::Failed(_) => {}
                LeaseEffect::Released => {
                    // A new process takes its place.
                    let generation = generation + 1;
                    self.processes[place] = self.process(place, generation);
                    self.enqueue(Duration::ZERO, Happening::Wake { place, generation, at: Duration::ZERO });
                    return;
                }
            }
        }
        let process = &self.processes[place];
        assert_eq!(process.elector.is_leading(local), process.leads.is_some());
    }

    /// Whatever the process itself knows of it: its term ends no later than this.
    fn end_term(&mut self, place: usize) {
        let process = &mut self.processes[place];
        if let Some((from, term)) = process.leads.take() {
            let until = self.now.min(process.global(term.write_until));
            if until > from {
                self.terms.push((place, from, until));
            }
        }
    }

    fn leaders(&self) -> Vec<usize> {
        let leads = |process: &Process| process.elector.is_leading(process.local(self.now));
        (0..self.processes.len()).filter(|place| leads(&self.processes[*place])).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn there_are_never_two_leaders_and_in_the_end_there_is_one(
        seed: u64, count in 1..6usize, trouble in trouble()
    ) {
        let mut world = World::new(seed, count, trouble);
        world.run(TROUBLE + SETTLE);
        let leaders = world.leaders();
        prop_assert_eq!(leaders.len(), 1);
        world.run(TROUBLE + SETTLE + STAY);
        prop_assert_eq!(world.leaders(), leaders.clone());
        (0..count).for_each(|place| world.end_term(place));
        let mut terms = world.terms;
        terms.sort_by_key(|(_, from, _)| *from);
        for pair in terms.windows(2) {
            let [(one, _, until), (other, from, _)] = pair else { unreachable!() };
            prop_assert!(until <= from || one == other, "{one} until {until:?}, {other} from {from:?}");
        }
        let calm = TROUBLE + SETTLE;
        prop_assert!(terms.iter().all(|(place, _, until)| *until <= calm || leaders.contains(place)));
    }
}
