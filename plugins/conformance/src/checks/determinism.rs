//! The same question, asked again and in other company.

use tidegate_contract::{CallError, Observation, Session, Traffic};

use crate::bench::{Bench, Broken, Case, End, Ended, observe};
use crate::sample;

/// Something that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Check,
    LocateFirst,
    Locate,
    Route,
    Release,
}

const CALLS: [Call; 5] = [Call::Check, Call::LocateFirst, Call::Locate, Call::Route, Call::Release];

/// Each function answers the same in fresh sandboxes, twice in one sandbox, and after any other call.
pub(crate) fn deterministic(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let traffic = sample::traffic(&mut bench.random, case);
    let seen = seen(bench, case, &traffic)?;
    let ask = |session: &mut dyn Session, call| answer(session, call, case, &traffic, &seen);
    let fresh = |bench: &Bench<'_>, call| match bench.router.session() {
        Ok(mut session) => ask(&mut *session, call),
        Err(fault) => format!("{fault:?}"),
    };
    let alone: Vec<_> = CALLS.iter().map(|call| fresh(bench, *call)).collect();
    let differs = |company: &str, call: Call, first: &str, second: &str| {
        let (first, second) = around_difference(first, second);
        Err(Broken::new(
            format!("{call:?} {company} (fixture {})", case.fixture.name),
            format!("…{second}"),
            format!("…{first}, as in a fresh sandbox before"),
        ))
    };
    for (call, first) in CALLS.iter().zip(&alone) {
        let second = fresh(bench, *call);
        if second != *first {
            return differs("in another fresh sandbox", *call, first, &second);
        }
    }
    for _ in 0..bench.cases.clamp(8, 32) {
        let Ok(mut session) = bench.router.session() else { break };
        let mut before = Vec::new();
        for _ in 0..4 {
            let index = bench.random.usize(0..CALLS.len());
            let (Some(call), Some(first)) = (CALLS.get(index), alone.get(index)) else { continue };
            let answer = ask(&mut *session, *call);
            if answer != *first {
                return differs(&format!("in one sandbox after {before:?}"), *call, first, &answer);
            }
            before.push(*call);
        }
    }
    Ok(End::Passed)
}

fn answer(
    session: &mut dyn Session,
    call: Call,
    case: &Case<'_>,
    traffic: &Traffic,
    seen: &[Observation],
) -> String {
    fn text<T: std::fmt::Debug>(answer: Result<T, CallError>) -> String {
        format!("{answer:?}")
    }
    let target = &case.target;
    match call {
        Call::Check => text(session.check(target)),
        Call::LocateFirst => text(session.locate(target, traffic, &[])),
        Call::Locate => text(session.locate(target, traffic, seen)),
        Call::Route => text(session.route(target, traffic, seen)),
        Call::Release => text(session.release(target, traffic, seen)),
    }
}

/// What the plugin sees in the end, as far as it comes.
fn seen(bench: &mut Bench<'_>, case: &Case<'_>, traffic: &Traffic) -> Result<Vec<Observation>, Broken> {
    let world = case.world();
    let asked = || format!("locate (fixture {})", case.fixture.name);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let Ok(mut queries) = bench.call(asked, |session| session.locate(&case.target, traffic, &seen))?
        else {
            break;
        };
        queries.sort_unstable();
        queries.dedup();
        let next = observe(&world, &case.target.namespace, &queries).unwrap_or_default();
        if next == seen {
            break;
        }
        seen = next;
    }
    Ok(seen)
}

/// Two texts from shortly before the place where they begin to differ.
fn around_difference(one: &str, other: &str) -> (String, String) {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let from = same.saturating_sub(40);
    let part = |text: &str| text.chars().skip(from).take(160).collect();
    (part(one), part(other))
}
