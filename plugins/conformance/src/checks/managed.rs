//! Managed routes: made, changed, removed, and in their order.

use tidegate_contract::{HeaderMatch, ManagedRoute, RequestMatch, TextMatch, Traffic};
use tidegate_route::{Answer, Purpose, Routed};

use crate::bench::{Bench, Broken, Case, End, Ended, in_words, problem_in_words};
use crate::checks::without_feature;
use crate::sample::{self, HEADER, ROUTES, by_header, header_route, mirror_route, no_route};
use crate::world::World;

/// Header routes come, change with what they look for, stand while weights move, and go without a trace.
pub(crate) fn header_routes(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let [(name, value), ..] = ROUTES;
    let simple = header_route(name, vec![by_header(value)]);
    if !case.has("header-routes") {
        return without_feature(bench, case, "header-routes", &with_routes(case, 20, vec![simple]));
    }
    comes_and_goes(bench, case, &simple, value)?;
    let text = |value: TextMatch| HeaderMatch { name: HEADER.to_owned(), value };
    let prefix = text(TextMatch::Prefix(value.to_owned()));
    let regex = text(TextMatch::Regex(format!("{value}[0-9]+")));
    let second =
        HeaderMatch { name: "X-Second".to_owned(), value: TextMatch::Exact("conformancesecond".to_owned()) };
    let headers = |headers| RequestMatch { headers, ..RequestMatch::default() };
    for (matches, texts) in [
        (vec![headers(vec![prefix])], vec![value]),
        (vec![headers(vec![regex])], vec![value]),
        (
            vec![headers(vec![text(TextMatch::Exact(value.to_owned())), second])],
            vec![value, "conformancesecond"],
        ),
        (vec![by_header(value), by_header("conformanceother")], vec![value, "conformanceother"]),
    ] {
        all_or_unsupported(bench, case, header_route(name, matches), &texts)?;
    }
    Ok(End::Passed)
}

/// Mirror routes, likewise.
pub(crate) fn mirror_routes(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    let [_, _, (name, value)] = ROUTES;
    let path = format!("/{value}");
    let by_path = |path| RequestMatch { path: Some(path), ..RequestMatch::default() };
    let get = TextMatch::Exact("GET".to_owned());
    let candidates = [
        vec![by_path(TextMatch::Prefix(path.clone()))],
        vec![by_path(TextMatch::Exact(path.clone()))],
        vec![by_header(value)],
        vec![RequestMatch { method: Some(get), path: Some(TextMatch::Prefix(path)), headers: Vec::new() }],
    ];
    if !case.has("mirror-routes") {
        let [first, ..] = candidates;
        return without_feature(
            bench,
            case,
            "mirror-routes",
            &with_routes(case, 20, vec![mirror_route(name, first, 30)]),
        );
    }
    let mut made = 0;
    let mut problem = None;
    for matches in candidates {
        let route = mirror_route(name, matches, 100);
        if let Some(unsupported) = all_or_unsupported(bench, case, route.clone(), &[value])? {
            problem = Some(unsupported);
        } else {
            made += 1;
            comes_and_goes(bench, case, &route, value)?;
        }
    }
    match problem.filter(|_| made == 0) {
        None => Ok(End::Passed),
        Some(problem) => Err(Broken::new(
            format!(
                "mirror requests by their path, a header or their method (fixture {})",
                case.fixture.name
            ),
            problem,
            "a mirror route for at least one of them, because `mirror-routes` is a feature of it",
        )),
    }
}

/// Two managed routes in the one and in the other order.
pub(crate) fn precedence(bench: &mut Bench<'_>, case: &Case<'_>) -> Ended {
    if !case.has("header-routes") {
        return Ok(End::NotApplicable("`header-routes` is not a feature of it".to_owned()));
    }
    let [(one, one_value), (other, other_value), _] = ROUTES;
    let one = || header_route(one, vec![by_header(one_value)]);
    let other = || header_route(other, vec![by_header(other_value)]);
    let (there, back) =
        (with_routes(case, 20, vec![one(), other()]), with_routes(case, 20, vec![other(), one()]));
    let (mut first, mut second, mut changed) = (case.world(), case.world(), case.world());
    bench.settle(case, &there, Purpose::Route, &mut first)?;
    bench.settle(case, &back, Purpose::Route, &mut second)?;
    let asked = |traffic| in_words(case, traffic, Purpose::Route);
    if first.first_difference(&second).is_none() {
        return Err(Broken::new(
            format!("{}; and in the other order", asked(&there)),
            "the same objects",
            "other objects: which of the two comes first must be told to the router",
        ));
    }
    bench.settle(case, &there, Purpose::Route, &mut changed)?;
    bench.settle(case, &back, Purpose::Route, &mut changed)?;
    if let Some(difference) = second.first_difference(&changed) {
        return Err(Broken::new(
            format!("{}; then {}", asked(&there), asked(&back)),
            format!("in the end {difference}"),
            "the same objects as when only the last one is asked",
        ));
    }
    Ok(End::Passed)
}

/// Traffic with these managed routes.
pub(crate) fn with_routes(case: &Case<'_>, canary: u32, routes: Vec<ManagedRoute>) -> Traffic {
    Traffic { managed_routes: routes, ..case.traffic(canary, 100) }
}

/// A managed route is made, stands while weights move, and is removed without a trace.
fn comes_and_goes(
    bench: &mut Bench<'_>,
    case: &Case<'_>,
    route: &ManagedRoute,
    value: &str,
) -> Result<(), Broken> {
    let with = |canary| with_routes(case, canary, vec![route.clone()]);
    let without = |canary| with_routes(case, canary, vec![no_route(&route.name)]);
    let mut plain = case.world();
    bench.settle(case, &without(20), Purpose::Route, &mut plain)?;
    let mut world = plain.clone();
    bench.settle(case, &with(20), Purpose::Route, &mut world)?;
    must_mention(case, &with(20), &world, &[value])?;
    bench.settle(case, &with(60), Purpose::Route, &mut world)?;
    must_mention(case, &with(60), &world, &[value])?;
    bench.settle(case, &without(20), Purpose::Route, &mut world)?;
    match plain.first_difference(&world) {
        None => Ok(()),
        Some(difference) => Err(Broken::new(
            format!("{}; then without the route", in_words(case, &with(20), Purpose::Route)),
            format!("in the end {difference}"),
            "the same objects as before the route was made",
        )),
    }
}

fn must_mention(case: &Case<'_>, traffic: &Traffic, world: &World, texts: &[&str]) -> Result<(), Broken> {
    match texts.iter().find(|text| !world.mentions(text)) {
        None => Ok(()),
        Some(text) => Err(Broken::new(
            in_words(case, traffic, Purpose::Route),
            format!("objects in which {text:?}, by which the route's requests are known, stands nowhere"),
            "a rule for the requests of the managed route",
        )),
    }
}

/// A managed route with everything that it asks for, or the problem `unsupported`, which is the answer.
fn all_or_unsupported(
    bench: &mut Bench<'_>,
    case: &Case<'_>,
    route: ManagedRoute,
    texts: &[&str],
) -> Result<Option<String>, Broken> {
    let traffic = with_routes(case, 20, vec![route]);
    let mut world = case.world();
    match bench.pass(case, &traffic, Purpose::Route, &world)? {
        Answer::Problem(problem) if problem.code == "unsupported" => Ok(Some(problem_in_words(&problem))),
        Answer::Routed(Routed { .. }) => {
            bench.settle(case, &traffic, Purpose::Route, &mut world)?;
            must_mention(case, &traffic, &world, texts)?;
            Ok(None)
        }
        answer => Err(Broken::new(
            in_words(case, &traffic, Purpose::Route),
            crate::bench::answer_in_words(&answer),
            "a rule for exactly these requests, or the problem `unsupported`",
        )),
    }
}

/// All managed routes at once, as far as the plugin has them.
pub(crate) fn all_routes(case: &Case<'_>) -> Vec<ManagedRoute> {
    sample::managed_routes(case, &mut |_| true)
}
