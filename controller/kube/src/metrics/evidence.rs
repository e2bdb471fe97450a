//! Gauges about AnalysisRuns, Experiments and templates, computed from their last known states whenever somebody asks.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tidegate_analysis::{Phase, dry_run_metrics};
use tidegate_api::ObjectKey;

use super::table::{Table, family};
use crate::watch::Signal;

/// Of metrics with no provider that is served. Argo Rollouts has this name for those that it does not know.
const UNKNOWN_PROVIDER: &str = "Unknown Provider";

/// The group of all kinds here.
const GROUP: &str = "argoproj.io";
const RUN: &str = "AnalysisRun";
const EXPERIMENT: &str = "Experiment";

/// What is shown of an AnalysisRun.
#[derive(Debug, Default)]
struct Run {
    phase: Option<Phase>,
    /// How often something could not be done for it.
    errors: i64,
    metrics: Box<[RunMetric]>,
}

/// A metric of an AnalysisRun.
#[derive(Debug)]
struct RunMetric {
    metric: Metric,
    is_dry_run: bool,
    phase: Phase,
}

/// A metric of a run or a template.
#[derive(Debug)]
struct Metric {
    name: Box<str>,
    /// The kind of its provider, as Argo Rollouts calls it.
    provider: &'static str,
}

/// What is shown of an Experiment.
#[derive(Debug, Default)]
struct Experiment {
    phase: Option<Phase>,
    /// How often something could not be done for it.
    errors: i64,
}

/// What is shown of a template.
#[derive(Debug, Default)]
struct Template {
    metrics: Box<[Metric]>,
}

#[derive(Debug, Default)]
struct Tables {
    runs: Table<Run>,
    experiments: Table<Experiment>,
    templates: Table<Template>,
    cluster_templates: Table<Template>,
}

/// Metrics about what decides whether updates go on.
#[derive(Clone, Debug, Default)]
pub(crate) struct EvidenceMetrics(Arc<Mutex<Tables>>);

impl EvidenceMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    /// A watch of this kind has something to tell; watches of other kinds say nothing here.
    pub(crate) fn saw(&self, group: &str, kind: &str, signal: &Signal) {
        match (group, kind) {
            (GROUP, RUN) => follow(&mut self.tables().runs, signal, Run::read),
            (GROUP, EXPERIMENT) => follow(&mut self.tables().experiments, signal, Experiment::read),
            (GROUP, "AnalysisTemplate") => follow(&mut self.tables().templates, signal, Template::read),
            (GROUP, "ClusterAnalysisTemplate") => {
                follow(&mut self.tables().cluster_templates, signal, Template::read);
            }
            _ => {}
        }
    }

    /// Something could not be done for an AnalysisRun or an Experiment.
    pub(super) fn failed(&self, key: &ObjectKey) {
        let mut tables = self.tables();
        let errors = match &*key.kind {
            RUN => tables.runs.get_mut(&key.namespace, &key.name).map(|run| &mut run.errors),
            EXPERIMENT => tables.experiments.get_mut(&key.namespace, &key.name).map(|one| &mut one.errors),
            _ => None,
        };
        if let Some(errors) = errors {
            *errors = errors.saturating_add(1);
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A panic of a thread that held the lock leaves tables that are at worst incomplete.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn follow<F: Default>(table: &mut Table<F>, signal: &Signal, read: impl FnOnce(&mut F, &Value)) {
    match signal {
        Signal::ListBegan(_) => table.begin(),
        Signal::ListEnded => {
            table.end();
        }
        Signal::Changed(object) => read(table.put(object), object),
        Signal::Removed(object) => table.remove(object),
        Signal::Unwatchable(_) => table.clear(),
    }
}

impl Run {
    fn read(&mut self, object: &Value) {
        let result_of =
            |name: &str| list(object, "/status/metricResults").find(|one| text(one, "/name") == name);
        let dry_run = object.get("spec").map(dry_run_metrics).unwrap_or_default();
        let metrics = list(object, "/spec/metrics").map(|metric| {
            let metric = Metric::read(metric);
            RunMetric {
                phase: result_of(&metric.name)
                    .and_then(|one| Phase::read(text(one, "/phase")))
                    .unwrap_or(Phase::Pending),
                is_dry_run: dry_run.contains(&*metric.name),
                metric,
            }
        });
        self.metrics = metrics.collect();
        self.phase = Phase::of(object);
    }
}

impl Experiment {
    fn read(&mut self, object: &Value) {
        self.phase = Phase::of(object);
    }
}

impl Template {
    fn read(&mut self, object: &Value) {
        self.metrics = list(object, "/spec/metrics").map(Metric::read).collect();
    }
}

impl Metric {
    fn read(metric: &Value) -> Self {
        let served = [("prometheus", "Prometheus"), ("job", "Job"), ("web", "WebMetric")];
        let is_given = |field: &str| metric.pointer("/provider").is_some_and(|one| !one[field].is_null());
        let provider = served.iter().find(|(field, _)| is_given(field));
        Self {
            name: text(metric, "/name").into(),
            provider: provider.map_or(UNKNOWN_PROVIDER, |(_, provider)| provider),
        }
    }
}

fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// As a label; Argo Rollouts writes none before the first one.
fn label(phase: Option<Phase>) -> &'static str {
    phase.map_or("", Phase::name)
}

impl Collector for EvidenceMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let tables = self.tables();
        let (runs, experiments) = ([&tables.runs], [&tables.experiments]);
        family(&mut encoder, "analysis_run_info", "AnalysisRuns", &runs, |run, show| {
            show(&[("phase", label(run.phase))], 1)
        })?;
        let help = "By what a metric of an AnalysisRun is measured";
        family(&mut encoder, "analysis_run_metric_type", help, &runs, |run, show| {
            run.metrics.iter().try_for_each(|RunMetric { metric, .. }| {
                show(&[("metric", &metric.name), ("type", metric.provider)], 1)
            })
        })?;
        let help = "Whether a metric of an AnalysisRun is in a phase";
        family(&mut encoder, "analysis_run_metric_phase", help, &runs, |run, show| {
            run.metrics.iter().try_for_each(|one| {
                let dry_run = if one.is_dry_run { "true" } else { "false" };
                let labels =
                    [("metric", &*one.metric.name), ("type", one.metric.provider), ("dry_run", dry_run)];
                Phase::ALL.into_iter().try_for_each(|phase| {
                    let [metric, provider, dry_run] = labels;
                    let is_in = i64::from(phase == one.phase);
                    show(&[metric, provider, dry_run, ("phase", phase.name())], is_in)
                })
            })
        })?;
        let help = "Writes for an AnalysisRun that failed, and looks at it that panicked";
        family(&mut encoder, "analysis_run_reconcile_error", help, &runs, |run, show| {
            if run.errors == 0 { Ok(()) } else { show(&[], run.errors) }
        })?;
        family(&mut encoder, "experiment_info", "Experiments", &experiments, |experiment, show| {
            show(&[("phase", label(experiment.phase))], 1)
        })?;
        let help = "Writes for an Experiment that failed, and looks at it that panicked";
        family(&mut encoder, "experiment_reconcile_error", help, &experiments, |experiment, show| {
            if experiment.errors == 0 { Ok(()) } else { show(&[], experiment.errors) }
        })?;
        let templates = [&tables.templates, &tables.cluster_templates];
        let help = "AnalysisTemplates, and those of the cluster";
        family(&mut encoder, "analysis_template_info", help, &templates, |_, show| show(&[], 1))?;
        let help = "Metrics of templates, and by what they are measured";
        family(&mut encoder, "analysis_template_metric_info", help, &templates, |template, show| {
            template
                .metrics
                .iter()
                .try_for_each(|metric| show(&[("type", metric.provider), ("metric", &metric.name)], 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_api::{Resource, builtin};
    use tidegate_shell::Unwatchable;

    use super::*;

    fn run(name: &str, phase: &str) -> Value {
        json!({
            "metadata": {"namespace": "shop", "name": name},
            "spec": {
                "metrics": [
                    {"name": "smoke", "provider": {"job": {}}},
                    {"name": "latency", "provider": {"prometheus": {}, "web": null}},
                    {"name": "mood", "provider": {"kayenta": {}}},
                ],
                "dryRun": [{"metricName": "lat.*"}],
            },
            "status": {"phase": phase, "metricResults": [
                {"name": "smoke", "phase": "Successful"}, {"name": "latency", "phase": "Failed"},
            ]},
        })
    }

    fn shown(metrics: &EvidenceMetrics) -> Vec<String> {
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    fn saw(metrics: &EvidenceMetrics, resource: &Resource, signal: &Signal) {
        metrics.saw(&resource.group, &resource.kind, signal);
    }

    #[test]
    fn what_is_there_is_shown_as_argo_shows_it() {
        let metrics = EvidenceMetrics::default();
        saw(&metrics, &builtin::analysis_runs(), &Signal::Changed(run("web-1", "Running")));
        let experiment =
            json!({"metadata": {"namespace": "shop", "name": "web-1"}, "status": {"phase": "Failed"}});
        saw(&metrics, &builtin::experiments(), &Signal::Changed(experiment));
        let template = json!({"metadata": {"namespace": "shop", "name": "latency"},
            "spec": {"metrics": [{"name": "p99", "provider": {"web": {}}}]}});
        saw(&metrics, &builtin::analysis_templates(), &Signal::Changed(template));
        let template = json!({"metadata": {"name": "latency"}, "spec": {"metrics": []}});
        saw(&metrics, &builtin::cluster_analysis_templates(), &Signal::Changed(template));
        // Nothing is known of these.
        saw(&metrics, &builtin::services(), &Signal::Changed(json!({"metadata": {"name": "web"}})));
        let shown = shown(&metrics);
        for line in [
            "analysis_run_info{namespace=\"shop\",name=\"web-1\",phase=\"Running\"} 1",
            "analysis_run_metric_type{namespace=\"shop\",name=\"web-1\",metric=\"smoke\",type=\"Job\"} 1",
            "analysis_run_metric_type{namespace=\"shop\",name=\"web-1\",metric=\"latency\",type=\"Prometheus\"} 1",
            "analysis_run_metric_type{namespace=\"shop\",name=\"web-1\",metric=\"mood\",type=\"Unknown Provider\"} 1",
            "analysis_run_metric_phase{namespace=\"shop\",name=\"web-1\",metric=\"smoke\",type=\"Job\",dry_run=\"false\",phase=\"Successful\"} 1",
            "analysis_run_metric_phase{namespace=\"shop\",name=\"web-1\",metric=\"smoke\",type=\"Job\",dry_run=\"false\",phase=\"Failed\"} 0",
            "analysis_run_metric_phase{namespace=\"shop\",name=\"web-1\",metric=\"latency\",type=\"Prometheus\",dry_run=\"true\",phase=\"Failed\"} 1",
            "analysis_run_metric_phase{namespace=\"shop\",name=\"web-1\",metric=\"mood\",type=\"Unknown Provider\",dry_run=\"false\",phase=\"Pending\"} 1",
            "experiment_info{namespace=\"shop\",name=\"web-1\",phase=\"Failed\"} 1",
            "analysis_template_info{namespace=\"shop\",name=\"latency\"} 1",
            "analysis_template_info{namespace=\"\",name=\"latency\"} 1",
            "analysis_template_metric_info{namespace=\"shop\",name=\"latency\",type=\"WebMetric\",metric=\"p99\"} 1",
        ] {
            assert!(shown.iter().any(|found| found == line), "no {line} in:\n{shown:#?}");
        }
        assert_eq!(shown.len(), 1 + 3 + 3 * 6 + 1 + 2 + 1, "{shown:#?}");
    }

    #[test]
    fn what_changes_is_shown_once_and_what_is_gone_is_not_shown() {
        let runs = builtin::analysis_runs();
        let named = |metrics: &EvidenceMetrics| {
            let shown = shown(metrics);
            shown.into_iter().filter(|line| line.starts_with("analysis_run_info")).collect::<Vec<_>>()
        };
        let metrics = EvidenceMetrics::default();
        for (name, phase) in [("a", "Running"), ("b", "Running"), ("c", "nonsense")] {
            saw(&metrics, &runs, &Signal::Changed(run(name, phase)));
        }
        saw(&metrics, &runs, &Signal::Changed(run("a", "Successful")));
        let line = |name: &str, phase: &str| {
            format!("analysis_run_info{{namespace=\"shop\",name=\"{name}\",phase=\"{phase}\"}} 1")
        };
        assert_eq!(named(&metrics), [line("a", "Successful"), line("b", "Running"), line("c", "")]);
        saw(&metrics, &runs, &Signal::Removed(run("a", "Successful")));
        assert_eq!(named(&metrics), [line("b", "Running"), line("c", "")]);
        saw(&metrics, &runs, &Signal::ListBegan(runs.clone()));
        saw(&metrics, &runs, &Signal::Changed(run("b", "Error")));
        saw(&metrics, &runs, &Signal::ListEnded);
        assert_eq!(named(&metrics), [line("b", "Error")]);
        saw(&metrics, &runs, &Signal::Unwatchable(Unwatchable::NotServed));
        assert_eq!(shown(&metrics), Vec::<String>::new());
    }

    #[test]
    fn errors_are_counted_for_what_is_there() {
        let metrics = EvidenceMetrics::default();
        saw(&metrics, &builtin::analysis_runs(), &Signal::Changed(run("web", "Running")));
        let experiment = json!({"metadata": {"namespace": "shop", "name": "web"}});
        saw(&metrics, &builtin::experiments(), &Signal::Changed(experiment));
        for resource in [builtin::analysis_runs(), builtin::analysis_runs(), builtin::experiments()] {
            metrics.failed(&ObjectKey::new(&resource, "shop", "web"));
            metrics.failed(&ObjectKey::new(&resource, "shop", "gone"));
        }
        // A change of it forgets nothing.
        saw(&metrics, &builtin::analysis_runs(), &Signal::Changed(run("web", "Failed")));
        let errors: Vec<String> =
            shown(&metrics).into_iter().filter(|line| line.contains("_error{")).collect();
        assert_eq!(
            errors,
            [
                "analysis_run_reconcile_error{namespace=\"shop\",name=\"web\"} 2",
                "experiment_reconcile_error{namespace=\"shop\",name=\"web\"} 1",
            ]
        );
    }

    #[test]
    fn any_object_can_be_shown() {
        for odd in
            [json!(null), json!(3), json!([]), json!({"a": 1}), json!([null, {"name": 3}, {"provider": "x"}])]
        {
            for place in ["spec", "status"] {
                let metrics = EvidenceMetrics::default();
                let mut object = run("web", "Running");
                object[place] = odd.clone();
                saw(&metrics, &builtin::analysis_runs(), &Signal::Changed(object.clone()));
                saw(&metrics, &builtin::experiments(), &Signal::Changed(object));
                let mut object = run("web", "Running");
                object["spec"]["metrics"] = odd.clone();
                object["spec"]["dryRun"] = odd.clone();
                saw(&metrics, &builtin::analysis_runs(), &Signal::Changed(object.clone()));
                saw(&metrics, &builtin::analysis_templates(), &Signal::Changed(object));
                assert!(shown(&metrics).iter().any(|line| line.starts_with("analysis_run_info")));
            }
        }
    }
}
