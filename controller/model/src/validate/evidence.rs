//! Analyses and experiments: what they refer to is well formed. Whether the templates exist is for whoever knows them.

use std::collections::BTreeSet;

use super::field::{Checks, Field, brief};
use super::step::Routing;
use crate::duration::pause_duration;

/// Fields of an analysis, as a step and in the background.
const ANALYSIS: [&str; 5] = ["templates", "args", "dryRun", "measurementRetention", "analysisRunMetadata"];
/// Fields of an experiment step.
const EXPERIMENT: [&str; 6] =
    ["templates", "duration", "analyses", "dryRun", "analysisRunMetadata", "scaleDownDelaySeconds"];
/// Fields of a template of an experiment step.
const TEMPLATE: [&str; 7] = ["name", "specRef", "replicas", "metadata", "selector", "weight", "service"];

impl Checks {
    /// An `analysis` step.
    pub(super) fn analysis_step(&mut self, analysis: &Field<'_>) {
        if self.is_object(analysis) {
            self.only(analysis, &ANALYSIS);
            self.analysis(analysis);
        }
    }

    /// `analysis` of a canary, which runs beside the steps.
    pub(super) fn background_analysis(&mut self, analysis: &Field<'_>) {
        if analysis.is_given() && self.is_object(analysis) {
            let known: Vec<&str> = ANALYSIS.into_iter().chain(["startingStep"]).collect();
            self.only(analysis, &known);
            self.number(&analysis.get("startingStep"), 0);
            self.analysis(analysis);
        }
    }

    /// `spec.analysis`: how many runs that are over are kept.
    pub(super) fn run_history(&mut self, history: &Field<'_>) {
        if self.object(history) {
            self.number(&history.get("successfulRunHistoryLimit"), 0);
            self.number(&history.get("unsuccessfulRunHistoryLimit"), 0);
        }
    }

    /// An `experiment` step.
    pub(super) fn experiment_step(&mut self, experiment: &Field<'_>, routing: &Routing<'_>) {
        if !self.is_object(experiment) {
            return;
        }
        self.only(experiment, &EXPERIMENT);
        let templates = experiment.get("templates");
        if self.list(&templates, "templates with a name and a specRef")
            && templates.elements().next().is_none()
        {
            self.say(&templates, "must have at least one template: {name: canary, specRef: canary}");
        }
        let mut names = BTreeSet::new();
        for template in templates.elements() {
            if self.is_object(&template) {
                self.name(&template.get("name"), &mut names);
                self.experiment_template(&template, routing);
            }
        }
        self.experiment_duration(&experiment.get("duration"));
        let analyses = experiment.get("analyses");
        self.list(&analyses, "analyses with a name and a templateName");
        let mut names = BTreeSet::new();
        for analysis in analyses.elements() {
            if self.is_object(&analysis) {
                self.only(
                    &analysis,
                    &["name", "templateName", "clusterScope", "args", "requiredForCompletion"],
                );
                self.name(&analysis.get("name"), &mut names);
                self.template_name(&analysis.get("templateName"));
                self.flag(&analysis.get("clusterScope"));
                self.flag(&analysis.get("requiredForCompletion"));
                self.arguments(&analysis.get("args"));
            }
        }
        self.metric_rules(&experiment.get("dryRun"), false);
        self.metadata(&experiment.get("analysisRunMetadata"));
        self.number(&experiment.get("scaleDownDelaySeconds"), 0);
    }

    fn experiment_template(&mut self, template: &Field<'_>, routing: &Routing<'_>) {
        self.only(template, &TEMPLATE);
        let reference = template.get("specRef");
        if !matches!(reference.text(), Some("stable" | "canary")) {
            self.say(&reference, format!("must be stable or canary, not {}", brief(reference.value)));
        }
        self.number(&template.get("replicas"), 0);
        self.metadata(&template.get("metadata"));
        let selector = template.get("selector");
        if self.object(&selector) {
            self.texts(&selector.get("matchLabels"));
            self.list(&selector.get("matchExpressions"), "expressions");
        }
        let weight = template.get("weight");
        if weight.is_given() {
            let max = routing.max_weight;
            if !routing.is_given {
                // As Argo Rollouts words it.
                let message =
                    "Experiment template weight cannot be set unless TrafficRouting is enabled; remove it";
                self.say(&weight, message);
            } else if weight.value.as_u64().is_none_or(|weight| weight > u64::from(max)) {
                self.say(
                    &weight,
                    format!("must be a whole number from 0 to {max}, not {}", brief(weight.value)),
                );
            }
        }
        let service = template.get("service");
        if self.object(&service) {
            self.only(&service, &["name"]);
            let name = service.get("name");
            if name.is_given() && !name.value.is_string() {
                self.say(&name, format!("must be the name of a Service to make, not {}", brief(name.value)));
            }
        }
    }

    fn experiment_duration(&mut self, duration: &Field<'_>) {
        match duration.value.as_str() {
            // None, as in Go.
            Some("") => {}
            Some(_) => {
                if let Err(error) = pause_duration(duration.value) {
                    self.say(duration, error.to_string());
                }
            }
            None if duration.is_given() => {
                self.say(duration, format!("must be a string like \"30m\", not {}", brief(duration.value)));
            }
            None => {}
        }
    }

    /// What steps and background have in common.
    fn analysis(&mut self, analysis: &Field<'_>) {
        let templates = analysis.get("templates");
        if self.list(&templates, "templates with a templateName") && templates.elements().next().is_none() {
            self.say(&templates, "must name at least one template: {templateName: success-rate}");
        }
        for template in templates.elements() {
            if self.is_object(&template) {
                self.only(&template, &["templateName", "clusterScope"]);
                self.template_name(&template.get("templateName"));
                self.flag(&template.get("clusterScope"));
            }
        }
        self.arguments(&analysis.get("args"));
        self.metric_rules(&analysis.get("dryRun"), false);
        self.metric_rules(&analysis.get("measurementRetention"), true);
        self.metadata(&analysis.get("analysisRunMetadata"));
    }

    /// Arguments that are given to templates.
    fn arguments(&mut self, arguments: &Field<'_>) {
        self.list(arguments, "arguments with a name");
        let mut names = BTreeSet::new();
        for argument in arguments.elements() {
            if !self.is_object(&argument) {
                continue;
            }
            self.only(&argument, &["name", "value", "valueFrom"]);
            self.name(&argument.get("name"), &mut names);
            let (value, from) = (argument.get("value"), argument.get("valueFrom"));
            if value.is_given() && !value.value.is_string() {
                self.say(&value, format!("must be a string, not {}; put it in quotes", brief(value.value)));
            }
            if from.is_given() && self.is_object(&from) {
                self.only(&from, &["podTemplateHashValue", "fieldRef"]);
                self.argument_source(&from);
            }
        }
    }

    fn argument_source(&mut self, from: &Field<'_>) {
        let (hash, field) = (from.get("podTemplateHashValue"), from.get("fieldRef"));
        match (hash.is_given(), field.is_given()) {
            (true, false) if !matches!(hash.text(), Some("Stable" | "Latest")) => {
                self.say(&hash, format!("must be Stable or Latest, not {}", brief(hash.value)));
            }
            (true, false) => {}
            (false, true) => {
                let path = field.get("fieldPath");
                if path.text().is_none() {
                    self.say(
                        &path,
                        "must be the path of a field of the Rollout, like metadata.labels['app']",
                    );
                }
            }
            _ => self.say(from, "must have exactly one of podTemplateHashValue and fieldRef"),
        }
    }

    /// `dryRun` and `measurementRetention`.
    fn metric_rules(&mut self, rules: &Field<'_>, have_limits: bool) {
        self.list(rules, "objects with a metricName");
        for rule in rules.elements() {
            if !self.is_object(&rule) {
                continue;
            }
            self.only(&rule, if have_limits { &["metricName", "limit"] } else { &["metricName"] });
            let name = rule.get("metricName");
            if name.text().is_none() {
                self.say(&name, "must be the name of a metric, or a pattern for several");
            }
            let limit = rule.get("limit");
            if have_limits && self.number(&limit, 1).is_none() && !limit.is_given() {
                self.say(&limit, "is missing; say how many measurements are kept");
            }
        }
    }

    /// `labels` and `annotations`, if given.
    pub(super) fn metadata(&mut self, metadata: &Field<'_>) {
        if self.object(metadata) {
            self.only(metadata, &["labels", "annotations"]);
            self.texts(&metadata.get("labels"));
            self.texts(&metadata.get("annotations"));
        }
    }

    /// A name that nothing else in its list has.
    fn name<'a>(&mut self, name: &Field<'a>, others: &mut BTreeSet<&'a str>) {
        match name.text() {
            None => self.say(name, format!("must be a name, not {}", brief(name.value))),
            Some(text) if !others.insert(text) => {
                self.say(name, format!("{text} is there twice; rename one"));
            }
            Some(_) => {}
        }
    }

    fn template_name(&mut self, name: &Field<'_>) {
        if name.text().is_none() {
            self.say(
                name,
                "must be the name of an AnalysisTemplate, or of a ClusterAnalysisTemplate with clusterScope",
            );
        }
    }

    /// An object, which must be given.
    fn is_object(&mut self, field: &Field<'_>) -> bool {
        if !field.value.is_object() {
            self.say(field, format!("must be an object, not {}", brief(field.value)));
        }
        field.value.is_object()
    }
}

#[cfg(test)]
mod tests;
