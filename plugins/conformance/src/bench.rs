//! Asking the plugin the way a host asks, and judging the answers the way a host does.

use std::fmt::Write as _;

use fastrand::Rng;
use tidegate_contract::{
    CallError, Destination, Fault, Kind, ManagedRoute, Observation, Problem, Query, Router, RuleAction,
    Session, Target, Traffic,
};
use tidegate_route::{Answer, Pass, Purpose, Refusal, Routed, reason, run};

use crate::check::Check;
use crate::fixture::Fixture;
use crate::scorecard::Failure;
use crate::world::{World, cut};

/// Passes until the plugin has seen all that it needs; each one lets it see what it asked for in the one before.
const NEEDS: usize = 6;

/// How a check ends when it does not fail.
pub(crate) enum End {
    /// The promise holds.
    Passed,
    /// It does not apply, and why.
    NotApplicable(String),
}

/// How a check ends.
pub(crate) type Ended = Result<End, Broken>;

/// A promise that does not hold.
pub(crate) struct Broken {
    /// Which one, when it is another than the check that found out: a host's refusal breaks the promise that it is
    /// about, whatever was asked.
    pub(crate) check: Option<Check>,
    pub(crate) failure: Box<Failure>,
}

impl Broken {
    /// The promise of the check that is running.
    pub(crate) fn new(
        asked: impl Into<String>,
        answered: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let failure =
            Failure { asked: asked.into(), answered: cut(&answered.into(), 1000), expected: expected.into() };
        Self { check: None, failure: Box::new(failure) }
    }

    fn of(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }

    fn fault(asked: String, fault: &Fault) -> Self {
        let mut answered = format!("{}: {}", fault.reason, fault.message);
        if !fault.last_words.is_empty() {
            let _ = write!(answered, "; its last words: {}", cut(fault.last_words.trim(), 400));
        }
        Self::new(asked, answered, "an answer or a problem").of(Check::Faults)
    }

    fn refused(asked: String, refusal: &Refusal) -> Self {
        let (check, expected) = match refusal.reason {
            reason::WRONG_SHARES | reason::INVALID_SHARES => {
                (Check::Shares, "shares that sum to their total and are in proportion what is desired")
            }
            reason::UNSTABLE => {
                (Check::Idempotent, "no changes and no problem when it is asked about its own result")
            }
            reason::TOO_MANY_ROUNDS
            | reason::TOO_MANY_QUERIES
            | reason::INVALID_QUERY
            | reason::FORBIDDEN_NAMESPACE => {
                (Check::Locate, "the same queries after at most 4 rounds, each one that a host can answer")
            }
            _ => (Check::Permitted, "changes of nothing but what is described and the Rollout's own"),
        };
        Self::new(asked, format!("{}: {}", refusal.reason, refusal.message), expected).of(check)
    }
}

/// A fixture that is being tested.
pub(crate) struct Case<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) target: Target,
    /// What `check` answers for it; empty when it answers with a problem.
    pub(crate) features: Vec<String>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(fixture: &'a Fixture, router: &dyn Router) -> Self {
        let target = fixture.target();
        let features = router
            .session()
            .map_err(CallError::from)
            .and_then(|mut session| session.check(&target))
            .unwrap_or_default();
        Self { fixture, target, features }
    }

    /// Whether the plugin has this feature with this configuration.
    pub(crate) fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|other| other == feature)
    }

    /// The objects as they are at first.
    pub(crate) fn world(&self) -> World {
        World::new(&self.fixture.objects, &self.fixture.unserved)
    }

    /// Traffic with this weight for the canary.
    pub(crate) fn traffic(&self, canary: u32, max_weight: u32) -> Traffic {
        let fixture = &self.fixture.target;
        let destination = |name: &str, service: &Option<String>, hash: &Option<String>, weight| Destination {
            name: name.to_owned(),
            service: service.clone(),
            pod_template_hash: hash.clone(),
            weight,
        };
        let stable = max_weight.saturating_sub(canary);
        Traffic {
            max_weight,
            stable: destination("stable", &fixture.stable_service, &fixture.stable_pod_template_hash, stable),
            canary: destination("canary", &fixture.canary_service, &fixture.canary_pod_template_hash, canary),
            additional: Vec::new(),
            retired: Vec::new(),
            managed_routes: Vec::new(),
        }
    }
}

/// Where the plugin under test is asked.
pub(crate) struct Bench<'a> {
    pub(crate) router: &'a dyn Router,
    /// How many random cases each property is tried with.
    pub(crate) cases: u32,
    /// Where random cases come from: set anew for each check and fixture.
    pub(crate) random: Rng,
    /// Passes of the running check.
    pub(crate) passes: u64,
}

impl Bench<'_> {
    /// Whether the plugin's description names this kind.
    pub(crate) fn describes(&self, kind: &Kind) -> bool {
        self.router.description().kinds.iter().any(|used| used.kind == *kind)
    }

    /// One call in a fresh sandbox. A fault breaks the promise of `faults`.
    pub(crate) fn call<T>(
        &mut self,
        asked: impl Fn() -> String,
        call: impl FnOnce(&mut dyn Session) -> Result<T, CallError>,
    ) -> Result<Result<T, Problem>, Broken> {
        let answer =
            self.router.session().map_err(CallError::from).and_then(|mut session| call(&mut *session));
        match answer {
            Ok(answer) => Ok(Ok(answer)),
            Err(CallError::Problem(problem)) => Ok(Err(problem)),
            Err(CallError::Fault(fault)) => Err(Broken::fault(asked(), &fault)),
        }
    }

    /// One pass of a host, with all that the plugin asks to see. A fault or a refusal breaks a promise.
    pub(crate) fn pass(
        &mut self,
        case: &Case<'_>,
        traffic: &Traffic,
        purpose: Purpose,
        world: &World,
    ) -> Result<Answer, Broken> {
        let asked = || in_words(case, traffic, purpose);
        match self.answer(case, traffic, purpose, world)? {
            Answer::Fault(fault) => Err(Broken::fault(asked(), &fault)),
            Answer::Refused(refusal) => Err(Broken::refused(asked(), &refusal)),
            answer => Ok(answer),
        }
    }

    /// The same, whatever the host thinks of the answer.
    pub(crate) fn answer(
        &mut self,
        case: &Case<'_>,
        traffic: &Traffic,
        purpose: Purpose,
        world: &World,
    ) -> Result<Answer, Broken> {
        let asked = || in_words(case, traffic, purpose);
        let mut pass = Pass {
            target: case.target.clone(),
            traffic: traffic.clone(),
            seen: Vec::new(),
            purpose,
            // All that the plugin describes.
            grant: None,
        };
        let mut needed = Vec::new();
        for _ in 0..NEEDS {
            let mut session = match self.router.session() {
                Ok(session) => session,
                Err(fault) => return Ok(Answer::Fault(fault)),
            };
            self.passes += 1;
            match run(&mut *session, self.router.description(), &pass) {
                Answer::Needs(queries) => {
                    pass.seen = observe(world, &case.target.namespace, &queries).map_err(|error| {
                        Broken::new(asked(), error, "queries that a host can answer").of(Check::Locate)
                    })?;
                    needed = queries;
                }
                answer => return Ok(answer),
            }
        }
        let last: Vec<_> = needed.iter().map(query_in_words).collect();
        let answered = format!("each time it needs to see something else, at last {}", last.join(", "));
        Err(Broken::new(asked(), answered, "the same queries after at most 4 rounds").of(Check::Locate))
    }

    /// Has the plugin route or release, carries the writes out, and sees that a second pass has nothing to do. Answers
    /// with that second pass.
    pub(crate) fn settle(
        &mut self,
        case: &Case<'_>,
        traffic: &Traffic,
        purpose: Purpose,
        world: &mut World,
    ) -> Result<Routed, Broken> {
        let asked = || in_words(case, traffic, purpose);
        let routed = self.routed(case, traffic, purpose, world)?;
        if routed.writes.is_empty() {
            return Ok(routed);
        }
        for write in &routed.writes {
            world
                .write(write)
                .map_err(|error| Broken::new(asked(), error, "a write that can be carried out"))?;
        }
        let again = self.routed(case, traffic, purpose, world)?;
        match again.writes.first() {
            None => Ok(again),
            Some(write) => {
                let answered = format!("and once that is written, it changes {} again", write.reference);
                Err(Broken::new(asked(), answered, "no changes").of(Check::Idempotent))
            }
        }
    }

    fn routed(
        &mut self,
        case: &Case<'_>,
        traffic: &Traffic,
        purpose: Purpose,
        world: &World,
    ) -> Result<Routed, Broken> {
        match self.pass(case, traffic, purpose, world)? {
            Answer::Routed(routed) => Ok(routed),
            answer => Err(Broken::new(
                in_words(case, traffic, purpose),
                answer_in_words(&answer),
                "changes, or none when all is as it should be",
            )),
        }
    }
}

/// The answer of a host to each query.
pub(crate) fn observe(world: &World, namespace: &str, queries: &[Query]) -> Result<Vec<Observation>, String> {
    queries.iter().map(|query| world.observe(namespace, query)).collect()
}

/// A question, for people.
pub(crate) fn in_words(case: &Case<'_>, traffic: &Traffic, purpose: Purpose) -> String {
    let mut text = match purpose {
        Purpose::Route => "route ".to_owned(),
        Purpose::Release => "release, after ".to_owned(),
    };
    let destinations = [&traffic.stable, &traffic.canary].into_iter().chain(&traffic.additional);
    let weights: Vec<_> = destinations.map(|one| format!("{} {}", one.name, one.weight)).collect();
    let _ = write!(text, "{} of {}", weights.join(", "), traffic.max_weight);
    for retired in &traffic.retired {
        let _ = write!(text, ", {} retired", retired.name);
    }
    for route in traffic.managed_routes.iter().filter(|route| route.rule.is_some()) {
        let _ = write!(text, ", {}", route_in_words(route));
    }
    let _ = write!(text, " (fixture {})", case.fixture.name);
    text
}

fn route_in_words(route: &ManagedRoute) -> String {
    let Some(rule) = &route.rule else { return format!("no route {}", route.name) };
    match rule.action {
        RuleAction::ToCanary => format!("route {} to the canary", route.name),
        RuleAction::Mirror(percent) => format!("route {} mirrored to {percent} %", route.name),
    }
}

/// An answer, for people.
pub(crate) fn answer_in_words(answer: &Answer) -> String {
    match answer {
        Answer::Needs(queries) => {
            let queries: Vec<_> = queries.iter().map(query_in_words).collect();
            format!("it needs to see {}", queries.join(", "))
        }
        Answer::Routed(routed) if routed.writes.is_empty() => "no changes".to_owned(),
        Answer::Routed(routed) => {
            let changed: Vec<_> = routed.writes.iter().map(|write| write.reference.to_string()).collect();
            format!("changes of {}", changed.join(", "))
        }
        Answer::Problem(problem) => problem_in_words(problem),
        Answer::Fault(fault) => format!("{}: {}", fault.reason, fault.message),
        Answer::Refused(refusal) => format!("{}: {}", refusal.reason, refusal.message),
    }
}

/// A problem, for people.
pub(crate) fn problem_in_words(problem: &Problem) -> String {
    let at = problem.pointer.as_ref().map_or(String::new(), |pointer| format!(" at {pointer:?}"));
    format!("the problem `{}`{at}: {}", problem.code, problem.message)
}

fn query_in_words(query: &Query) -> String {
    match &query.select {
        tidegate_contract::Selection::Name(name) => format!("{} {name}", query.kind.kind),
        tidegate_contract::Selection::Labels(labels) => format!("{} with {labels}", query.kind.kind),
    }
}
