//! The metrics of a run with their arguments in place.

use serde_json::Value;
use tidegate_api::object;
use tidegate_model::validate::SpecError;

use crate::argument::{Given, Secrets};
use crate::field::{Field, Problems, joined};
use crate::metric::{Metric, without_placeholders};
use crate::provider::Provider;
use crate::rules::Rules;
use crate::run::UNRESOLVED_ANNOTATION;
use crate::substitute::{SubstituteError, substitute, substitute_known};

/// A metric of a run.
pub(crate) struct Resolved {
    /// The metric, with masks for secrets.
    pub(crate) metric: Metric,
    /// Whether it is recorded only.
    pub(crate) is_dry_run: bool,
    /// How many of its measurements are kept.
    pub(crate) kept: usize,
    /// With all secrets in place, if they can be had.
    pub(crate) ready: Ready,
    /// Why a value cannot be judged by `metric`: its conditions cannot be read as they stand.
    undecided: Option<String>,
}

/// Whether a metric can be measured.
pub(crate) enum Ready {
    Yes(Box<Metric>),
    /// A secret is not known yet.
    Waiting,
    /// A secret cannot be had, or makes the metric unusable; why.
    Error(String),
}

impl Resolved {
    /// The metric by which a value is judged.
    pub(crate) fn judging(&self) -> &Metric {
        match &self.ready {
            Ready::Yes(metric) => metric,
            Ready::Waiting | Ready::Error(_) => &self.metric,
        }
    }

    /// Why a value cannot be judged.
    pub(crate) fn unjudged(&self) -> Option<&str> {
        match &self.ready {
            Ready::Yes(_) => None,
            Ready::Waiting | Ready::Error(_) => self.undecided.as_deref(),
        }
    }

    pub(crate) fn provider(&self) -> &Provider {
        &self.metric.provider
    }
}

/// Why a run cannot be acted on, as its message says.
pub(crate) fn metrics(run: &Value, given: &Given, secrets: &Secrets) -> Result<Vec<Resolved>, String> {
    let spec = Field::new("spec", run.get("spec"));
    let list = spec.get("metrics");
    if let Some(why) = object::annotation(run, UNRESOLVED_ANNOTATION) {
        return Ok(list
            .elements()
            .enumerate()
            .map(|(index, field)| unreadable(field.value, index, why))
            .collect());
    }
    let masked = given.masked();
    let mut problems: Vec<SpecError> = Vec::new();
    let mut metrics: Vec<Readable<'_>> = Vec::new();
    for field in list.elements() {
        let (value, lacking) = match substitute(field.value, &masked) {
            Ok(value) => (value, None),
            Err(error @ SubstituteError::Unresolved(_)) => {
                let known = without_placeholders(&substitute_known(field.value, &masked));
                (known, Some(unresolved(&field, &error)))
            }
            Err(error) => return Err(unresolved(&field, &error)),
        };
        match Metric::read_undecided(&field.path, &value) {
            Ok((metric, undecided)) => {
                let undecided = (!undecided.is_empty()).then(|| joined(&undecided));
                metrics.push(Readable { field, metric, lacking, undecided });
            }
            Err(found) => problems.extend(found),
        }
    }
    let mut more = Problems(problems);
    if list.elements().next().is_none() {
        more.say(&list, "no metrics specified; give at least one");
    }
    let names: Vec<&str> = metrics.iter().map(|one| one.metric.name.as_str()).collect();
    for (index, Readable { field, metric, .. }) in metrics.iter().enumerate() {
        if names.iter().take(index).any(|name| *name == metric.name) {
            more.say(&field.get("name"), format!("duplicate name '{}'; rename one", metric.name));
        }
    }
    let rules = if more.0.is_empty() { Rules::read(&spec, &names, &mut more) } else { Rules::default() };
    if !more.0.is_empty() {
        return Err(format!("Analysis spec invalid: {}", joined(&more.0)));
    }
    let resolved = metrics.into_iter().map(|one| Resolved {
        is_dry_run: rules.dry_run.contains(&one.metric.name),
        kept: rules.kept(&one.metric.name),
        ready: ready(&one, given, secrets),
        undecided: one.lacking.or(one.undecided),
        metric: one.metric,
    });
    Ok(resolved.collect())
}

/// A metric of a run that could not be put together.
fn unreadable(metric: &Value, index: usize, why: &str) -> Resolved {
    Resolved {
        metric: Metric::unreadable(metric, index),
        is_dry_run: false,
        kept: Rules::default().kept(""),
        ready: Ready::Error(why.to_owned()),
        undecided: None,
    }
}

/// A metric that can be told from others, and perhaps not be measured.
struct Readable<'a> {
    field: Field<'a>,
    metric: Metric,
    /// An argument that it needs and that has no value.
    lacking: Option<String>,
    /// What is wrong with its conditions, with masks for secrets.
    undecided: Option<String>,
}

/// What cannot be measured for want of an argument, or judged, is in error each time that it is due, so that its limits decide.
fn ready(readable: &Readable<'_>, given: &Given, secrets: &Secrets) -> Ready {
    let Readable { field, metric: masked, lacking, undecided } = readable;
    if let Some(lacking) = lacking {
        return Ready::Error(lacking.clone());
    }
    if given.secrets.is_empty() {
        return match undecided {
            Some(problems) => Ready::Error(problems.clone()),
            None => Ready::Yes(Box::new(masked.clone())),
        };
    }
    match substitute(field.value, &given.known(secrets)) {
        Ok(value) => match Metric::read(&field.path, &value) {
            Ok(metric) => Ready::Yes(Box::new(Metric { name: masked.name.clone(), ..metric })),
            Err(problems) => Ready::Error(given.redacted(secrets, &joined(&problems))),
        },
        Err(SubstituteError::Unresolved(placeholder)) => {
            let name = placeholder.trim().trim_start_matches("args.");
            given.missing(secrets, name).map_or(Ready::Waiting, Ready::Error)
        }
        Err(error) => Ready::Error(error.to_string()),
    }
}

fn unresolved(field: &Field<'_>, error: &SubstituteError) -> String {
    format!("Unable to resolve metric arguments: {}: {error}", field.path)
}
