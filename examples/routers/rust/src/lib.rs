//! The `Split` router: divides traffic by the weights of the backends of a `Split`.
//!
//! The contract's worked example (`wit/0.1/router.wit`), whole: it reads the object that the configuration names, changes
//! the two weights that are the Rollout's, and leaves everything else alone.
#![allow(unsafe_code)] // What the macro declares as exported symbols; there is no other in this crate.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_router_sdk::{
    Description, Kind, KindUse, Object, ObjectRef, Observation, Outcome, Patch, Pointer, Problem, Query,
    Router, Target, Text, Traffic, Verdict,
};

/// Divides traffic by the weights of a `Split`.
#[derive(Clone, Copy, Debug)]
pub struct Split;

#[cfg(target_family = "wasm")]
tidegate_router_sdk::export_router!(Split);

/// What a Rollout says under this plugin's key. `config.schema.json` says the same to editors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Name of the Split.
    split: String,
}

/// What of a `Split` matters here.
#[derive(Deserialize)]
struct Manifest<'a> {
    #[serde(borrow)]
    spec: Spec<'a>,
}

/// Backends are read one by one: those of others are not judged.
#[derive(Deserialize)]
struct Spec<'a> {
    #[serde(borrow)]
    backends: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Backend<'a> {
    #[serde(borrow)]
    service: Text<'a>,
    #[serde(borrow)]
    weight: Option<&'a RawValue>,
}

/// Where the weight of one of the Rollout's Services is.
struct Place {
    weight: u32,
    at: Pointer,
    /// Whether the weight is written there; without, it is 0.
    exists: bool,
}

fn kind() -> Kind {
    Kind::new("example.com", "Split")
}

fn split_name(target: &Target) -> Result<String, Problem> {
    let Config { split } = target.config()?;
    if split.is_empty() {
        let at = Pointer::root().key("split");
        return Err(Problem::invalid_config(at, "`split` must be the name of a Split"));
    }
    Ok(split)
}

fn query(target: &Target) -> Result<Query, Problem> {
    Ok(Query::named(kind(), split_name(target)?))
}

fn find<'a>(target: &Target, seen: &'a [Observation]) -> Result<Option<&'a Object>, Problem> {
    Ok(query(target)?.find(seen).and_then(|observation| observation.objects.first()))
}

impl Router for Split {
    fn describe() -> Description {
        Description {
            name: "split".to_owned(),
            version: "0.1.0".to_owned(),
            features: vec!["weights".to_owned(), "max-weight".to_owned()],
            kinds: vec![KindUse::new(kind(), &["v1"], &["/spec/backends/*/weight"])],
            config_schema: include_str!("config.schema.json").to_owned(),
            settings_schema: r#"{"type": "object", "additionalProperties": false}"#.to_owned(),
            annotations: Vec::new(),
        }
    }

    fn check(target: &Target) -> Result<Vec<String>, Problem> {
        query(target)?;
        target.services()?;
        Ok(Self::describe().features)
    }

    fn locate(target: &Target, _: &Traffic, _: &[Observation]) -> Result<Vec<Query>, Problem> {
        Ok(vec![query(target)?])
    }

    fn route(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        traffic.only_stable_and_canary("a Split")?;
        let Some(object) = find(target, seen)? else {
            let message = "the Split does not exist: create it, or correct `split`";
            let about = ObjectRef::namespaced(kind(), target.namespace.as_str(), split_name(target)?);
            return Err(Problem::missing_object(message).about(&about));
        };
        let places = places(target, object)?;
        divide(object, &places, traffic.stable.weight, traffic.canary.weight)
    }

    fn release(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        // What is gone needs no release.
        let Some(object) = find(target, seen)? else { return Ok(Outcome::default()) };
        let places = places(target, object)?;
        if places.iter().all(Option::is_none) {
            return Ok(Outcome::default());
        }
        divide(object, &places, traffic.max_weight, 0)
    }
}

/// Where the weights of the stable and of the canary Service are.
fn places(target: &Target, object: &Object) -> Result<[Option<Place>; 2], Problem> {
    let services = target.services()?;
    let list = Pointer::root().key("spec").key("backends");
    let manifest: Manifest<'_> = object.read().map_err(|problem| problem.at(list.clone()))?;
    let mut places = [None, None];
    for (index, raw) in manifest.spec.backends.into_iter().enumerate() {
        let Ok(Backend { service, weight }) = serde_json::from_str(raw.get()) else { continue };
        let [stable, canary] = &mut places;
        let place = match service.as_str() {
            name if name == services.stable => stable,
            name if name == services.canary => canary,
            _ => continue,
        };
        let at = list.clone().index(index);
        if place.is_some() {
            return Err(Problem::invalid_object(&object.ref_, "the Split lists a Service twice").at(at));
        }
        let at = at.key("weight");
        let exists = weight.is_some();
        let number = weight.map_or(Ok(0), |weight| weight.get().parse::<i32>());
        let Some(weight) = number.ok().and_then(|number| u32::try_from(number).ok()) else {
            let message = "the weight of one of the Rollout's Services is no weight";
            return Err(Problem::invalid_object(&object.ref_, message).at(at));
        };
        *place = Some(Place { weight, at, exists });
    }
    Ok(places)
}

/// What is, and what to change so that it is as desired.
fn divide(
    object: &Object,
    places: &[Option<Place>; 2],
    stable_weight: u32,
    canary_weight: u32,
) -> Result<Outcome, Problem> {
    let [Some(stable), Some(canary)] = places else {
        let message =
            "the Split needs a backend for each of the Rollout's two Services: add one, with weight 0";
        return Err(Problem::missing_backend(&object.ref_, message));
    };
    let mut patch = Patch::new();
    for (place, desired) in [(stable, stable_weight), (canary, canary_weight)] {
        // What nobody has written is written, so that the result depends on nothing that was before.
        if !place.exists || place.weight != desired {
            patch.weight(&place.at, place.exists, desired);
        }
    }
    let mut outcome = Outcome { verdict: Verdict::Unverifiable, ..Outcome::default() };
    outcome.place(&object.ref_, "/spec", &[("stable", stable.weight), ("canary", canary.weight)]);
    outcome.changes.extend(patch.of(&object.ref_));
    Ok(outcome)
}
