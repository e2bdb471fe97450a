//! From the contract's types to those of `wit/0.1`, by reference. Lists of records that hold lists need their inner
//! lists made first, so these functions come in steps.

use tidegate_contract::{
    Destination, HeaderMatch, Kind, Object, ObjectRef, Observation, Query, RequestMatch, RuleAction,
    Selection, Target, TextMatch, Traffic,
};

use super::wit;

pub(super) fn target(target: &Target) -> wit::Target<'_> {
    wit::Target {
        namespace: &target.namespace,
        name: &target.name,
        uid: &target.uid,
        config: &target.config,
        settings: &target.settings,
        stable_service: target.stable_service.as_deref(),
        canary_service: target.canary_service.as_deref(),
    }
}

fn kind(kind: &Kind) -> wit::KindParam<'_> {
    wit::KindParam { group: &kind.group, kind: &kind.kind }
}

fn reference(reference: &ObjectRef) -> wit::ObjectRefParam<'_> {
    wit::ObjectRefParam {
        kind: kind(&reference.kind),
        namespace: reference.namespace.as_deref(),
        name: &reference.name,
    }
}

fn query(query: &Query) -> wit::QueryParam<'_> {
    wit::QueryParam {
        kind: kind(&query.kind),
        namespace: query.namespace.as_deref(),
        select: match &query.select {
            Selection::Name(name) => wit::SelectionParam::Name(name),
            Selection::Labels(labels) => wit::SelectionParam::Labels(labels),
        },
        optional: query.optional,
    }
}

/// The objects of each observation.
pub(super) fn objects(seen: &[Observation]) -> Vec<Vec<wit::Object<'_>>> {
    seen.iter().map(|observation| observation.objects.iter().map(object).collect()).collect()
}

fn object(object: &Object) -> wit::Object<'_> {
    wit::Object { ref_: reference(&object.reference), api_version: &object.api_version, json: &object.json }
}

/// The observations, around their objects.
pub(super) fn observations<'a>(
    seen: &'a [Observation],
    objects: &'a [Vec<wit::Object<'a>>],
) -> Vec<wit::Observation<'a>> {
    seen.iter()
        .zip(objects)
        .map(|(observation, objects)| wit::Observation {
            query: query(&observation.query),
            served: observation.served,
            objects,
        })
        .collect()
}

fn destination(destination: &Destination) -> wit::Destination<'_> {
    wit::Destination {
        name: &destination.name,
        service: destination.service.as_deref(),
        pod_template_hash: destination.pod_template_hash.as_deref(),
        weight: destination.weight,
    }
}

fn text_match(text: &TextMatch) -> wit::TextMatch<'_> {
    match text {
        TextMatch::Exact(text) => wit::TextMatch::Exact(text),
        TextMatch::Prefix(text) => wit::TextMatch::Prefix(text),
        TextMatch::Regex(text) => wit::TextMatch::Regex(text),
    }
}

fn header_match(header: &HeaderMatch) -> wit::HeaderMatch<'_> {
    wit::HeaderMatch { name: &header.name, value: text_match(&header.value) }
}

fn request_match<'a>(
    request: &'a RequestMatch,
    headers: &'a [wit::HeaderMatch<'a>],
) -> wit::RequestMatch<'a> {
    wit::RequestMatch {
        method: request.method.as_ref().map(text_match),
        path: request.path.as_ref().map(text_match),
        headers,
    }
}

/// Builds the traffic around its lists and hands it to `use_it`.
pub(super) fn with_traffic<T>(traffic: &Traffic, use_it: impl FnOnce(wit::Traffic<'_>) -> T) -> T {
    let additional: Vec<_> = traffic.additional.iter().map(destination).collect();
    let retired: Vec<_> = traffic.retired.iter().map(destination).collect();

    // From the inside out: the headers of each match of each route, the matches of each route, the routes.
    let requests: Vec<&[RequestMatch]> = traffic
        .managed_routes
        .iter()
        .map(|route| route.rule.as_ref().map(|rule| rule.matches.as_slice()).unwrap_or_default())
        .collect();
    let headers: Vec<Vec<Vec<wit::HeaderMatch<'_>>>> = requests
        .iter()
        .map(|requests| {
            requests.iter().map(|request| request.headers.iter().map(header_match).collect()).collect()
        })
        .collect();
    let matches: Vec<Vec<wit::RequestMatch<'_>>> = requests
        .iter()
        .zip(&headers)
        .map(|(requests, headers)| {
            requests.iter().zip(headers).map(|(request, headers)| request_match(request, headers)).collect()
        })
        .collect();
    let managed_routes: Vec<_> = traffic
        .managed_routes
        .iter()
        .zip(&matches)
        .map(|(route, matches)| wit::ManagedRoute {
            name: &route.name,
            rule: route.rule.as_ref().map(|rule| wit::Rule {
                matches,
                action: match rule.action {
                    RuleAction::ToCanary => wit::RuleAction::ToCanary,
                    RuleAction::Mirror(percent) => wit::RuleAction::Mirror(percent),
                },
            }),
        })
        .collect();

    use_it(wit::Traffic {
        max_weight: traffic.max_weight,
        stable: destination(&traffic.stable),
        canary: destination(&traffic.canary),
        additional: &additional,
        retired: &retired,
        managed_routes: &managed_routes,
    })
}
