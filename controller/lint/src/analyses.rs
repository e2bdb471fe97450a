//! Analyses: templates that are wrong in themselves, and Rollouts whose templates are not there or do not go together. The
//! controller makes a run of those all the same, whose measurements are in error, and that would be in the middle of an update.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_analysis::{MergeError, Reference, Templates, merge, resolve_arguments, validate_template};
use tidegate_api::object;

use crate::document::Manifest;
use crate::finding::{Said, Severity, reason};

/// The kinds of templates, and whether they are for the whole cluster.
const TEMPLATES: [(&str, bool); 2] = [("AnalysisTemplate", false), ("ClusterAnalysisTemplate", true)];

/// Whether a manifest is a template, and one for the whole cluster.
fn is_of_cluster(manifest: &Manifest) -> Option<bool> {
    let found = TEMPLATES.iter().find(|(kind, _)| manifest.is_of("argoproj.io", kind));
    found.map(|(_, cluster)| *cluster)
}

/// What is wrong with a template in itself; none: it is no template.
pub(crate) fn of_template(manifest: &Manifest) -> Option<Vec<Said>> {
    is_of_cluster(manifest)?;
    let wrong = validate_template(&manifest.object);
    let said = wrong
        .into_iter()
        .map(|one| Said::new(Severity::Error, reason::INVALID_TEMPLATE, one.path, one.message));
    Some(said.collect())
}

/// What is wrong with what a Rollout refers to for its analyses.
pub(crate) fn of_rollout(rollout: &Value, all: &[Manifest]) -> Vec<Said> {
    let templates = templates(rollout, all);
    let canary = rollout.pointer("/spec/strategy/canary").unwrap_or(&Value::Null);
    let mut said = Vec::new();
    let mut check = |path: String, analysis: &Value, is_step: bool| {
        said.extend(of_analysis(rollout, &path, analysis, &templates, is_step));
    };
    if let Some(analysis) = canary.get("analysis").filter(|one| one.is_object()) {
        check("spec.strategy.canary.analysis".to_owned(), analysis, false);
    }
    let steps = canary.get("steps").and_then(Value::as_array).into_iter().flatten();
    for (index, step) in steps.enumerate() {
        let path = format!("spec.strategy.canary.steps[{index}]");
        if let Some(analysis) = step.get("analysis").filter(|one| one.is_object()) {
            check(format!("{path}.analysis"), analysis, true);
        }
        let analyses = step.pointer("/experiment/analyses").and_then(Value::as_array).into_iter().flatten();
        for (number, one) in analyses.enumerate() {
            // Its runs have one template each, and the rules of the experiment.
            let analysis = json!({
                "templates": [{"templateName": one.get("templateName"), "clusterScope": one.get("clusterScope")}],
                "args": one.get("args"),
                "dryRun": step.pointer("/experiment/dryRun"),
            });
            check(format!("{path}.experiment.analyses[{number}]"), &analysis, false);
        }
    }
    said
}

/// The templates that a Rollout may use.
fn templates(rollout: &Value, all: &[Manifest]) -> Templates {
    let near = all.iter().filter_map(|manifest| {
        let cluster = is_of_cluster(manifest)?;
        let is_near = cluster || object::namespace(&manifest.object) == object::namespace(rollout);
        let reference = Reference { cluster, name: object::name(&manifest.object).to_owned() };
        is_near.then(|| (reference, Arc::new(manifest.object.clone())))
    });
    near.collect()
}

fn of_analysis(
    rollout: &Value,
    path: &str,
    analysis: &Value,
    templates: &Templates,
    is_step: bool,
) -> Vec<Said> {
    let at = format!("{path}.templates");
    let error = |reason: &str, path: &str, message: String| Said::new(Severity::Error, reason, path, message);
    let args = known_now(analysis.get("args").unwrap_or(&Value::Null));
    let args = match resolve_arguments(&format!("{path}.args"), &args, rollout, "", "") {
        Ok(args) => args,
        Err(wrong) => {
            let wrong = wrong.into_iter();
            return wrong.map(|one| error(reason::UNRESOLVED_ARGUMENT, &one.path, one.message)).collect();
        }
    };
    let field = |field: &str| analysis.get(field).cloned().unwrap_or_default();
    let given = json!({
        "args": args, "dryRun": field("dryRun"), "measurementRetention": field("measurementRetention"),
    });
    let references = Reference::read_all(&field("templates"));
    let merged = match merge(&references, templates, &given) {
        Ok(merged) => merged,
        // What is not here is told like other objects that are not.
        Err(wrong @ MergeError::Missing(_)) => {
            return vec![error(reason::MISSING_TEMPLATE, &at, wrong.to_string())];
        }
        Err(wrong) => return vec![error(wrong.reason(), &at, wrong.to_string())],
    };
    let mut said = Vec::new();
    if is_step && !merged.endless.is_empty() {
        let message = format!(
            "the metrics {} have an interval and no count, so the step would never end; give them a count, or run the analysis in the \
             background",
            merged.endless.join(", ")
        );
        said.push(error(reason::ENDLESS_STEP, &at, message));
    }
    said.extend(merged.unresolved.iter().map(|name| {
        let message =
            format!("nothing gives the argument {name} a value; give it one, or a default in its template");
        error(reason::UNRESOLVED_ARGUMENT, &format!("{path}.args"), message)
    }));
    said
}

/// The arguments, where those that come from what changes have some value.
fn known_now(args: &Value) -> Value {
    let Some(args) = args.as_array() else { return args.clone() };
    let of = |argument: &Value| {
        let path = argument.pointer("/valueFrom/fieldRef/fieldPath").and_then(Value::as_str);
        match path.filter(|path| path.starts_with("status")) {
            Some(_) => json!({"name": argument.get("name"), "value": ""}),
            None => argument.clone(),
        }
    };
    args.iter().map(of).collect()
}
