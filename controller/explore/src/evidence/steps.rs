//! What Rollouts ask for: analyses and experiments as steps, and an analysis beside them.

use serde_json::{Map, Value, json};

use super::templates::{ALL, Template};
use crate::scenario::App;

/// A step that waits for evidence.
pub(super) fn step(random: &mut fastrand::Rng, app: &App) -> Value {
    if random.bool() {
        json!({"analysis": analysis(random, false)})
    } else {
        json!({"experiment": experiment(random, app)})
    }
}

/// An analysis beside the steps.
pub(super) fn background(random: &mut fastrand::Rng) -> Value {
    let mut analysis = analysis(random, true);
    if let Some(fields) = analysis.as_object_mut().filter(|_| random.u8(..3) == 0) {
        fields.insert("startingStep".to_owned(), Value::from(random.u8(..4)));
    }
    analysis
}

/// An analysis as a merge patch that leaves nothing of another one.
pub(super) fn replaced(mut analysis: Value) -> Value {
    if let Some(fields) = analysis.as_object_mut() {
        for field in ["args", "dryRun", "measurementRetention", "startingStep"] {
            fields.entry(field).or_insert(Value::Null);
        }
    }
    analysis
}

fn analysis(random: &mut fastrand::Rng, may_be_endless: bool) -> Value {
    let mut chosen: Vec<Template> = Vec::new();
    for _ in 0..random.u8(1..=2) {
        let template = draw(random, may_be_endless);
        if !chosen.contains(&template) {
            chosen.push(template);
        }
    }
    let references: Vec<Value> = chosen
        .iter()
        .map(|template| {
            let mut reference = json!({"templateName": template.name});
            if let Some(fields) = reference.as_object_mut().filter(|_| template.is_of_cluster) {
                fields.insert("clusterScope".to_owned(), Value::from(true));
            }
            reference
        })
        .collect();
    let mut fields = Map::from_iter([("templates".to_owned(), Value::from(references))]);
    if chosen.iter().any(|template| template.argument.is_some()) {
        let which = if random.bool() { "Latest" } else { "Stable" };
        fields.insert(
            "args".to_owned(),
            json!([{"name": "hash", "valueFrom": {"podTemplateHashValue": which}}]),
        );
    }
    if random.u8(..6) == 0 {
        let name = chosen.first().map_or("latency", |template| template.name);
        fields.insert("dryRun".to_owned(), json!([{"metricName": name}]));
    }
    if random.u8(..6) == 0 {
        fields.insert("measurementRetention".to_owned(), json!([{"metricName": ".*", "limit": 2}]));
    }
    Value::Object(fields)
}

fn draw(random: &mut fastrand::Rng, may_be_endless: bool) -> Template {
    let fitting: Vec<Template> =
        ALL.into_iter().filter(|template| may_be_endless || !template.is_endless).collect();
    random.choice(fitting).unwrap_or(ALL[1])
}

fn experiment(random: &mut fastrand::Rng, app: &App) -> Value {
    let count = random.u8(1..=2);
    let names = ["baseline", "canary"];
    let most = app.max_weight / 4;
    let templates: Vec<Value> = names
        .iter()
        .take(count.into())
        .map(|name| {
            let reference = if random.bool() { "stable" } else { "canary" };
            let mut template = json!({"name": name, "specRef": reference});
            let Some(fields) = template.as_object_mut() else { return template };
            match random.u8(..4) {
                0 => {}
                // Now and then more than there is to give.
                1 if random.u8(..4) == 0 => {
                    fields.insert("weight".to_owned(), Value::from(app.max_weight));
                }
                _ => {
                    fields.insert("weight".to_owned(), Value::from(random.u32(0..=most)));
                }
            }
            if random.u8(..3) == 0 {
                fields.insert("replicas".to_owned(), Value::from(random.u8(..=2)));
            }
            if random.u8(..5) == 0 {
                let service = if random.bool() {
                    json!({})
                } else {
                    json!({"name": format!("{}-lab-{name}", app.name)})
                };
                fields.insert("service".to_owned(), service);
            }
            template
        })
        .collect();
    let mut fields = Map::from_iter([("templates".to_owned(), Value::from(templates))]);
    let mut has_end = false;
    if random.bool() {
        let template = draw(random, false);
        has_end = random.bool();
        let mut analysis =
            json!({"name": "check", "templateName": template.name, "requiredForCompletion": has_end});
        if let Some(fields) = analysis.as_object_mut() {
            if template.is_of_cluster {
                fields.insert("clusterScope".to_owned(), Value::from(true));
            }
            if template.argument.is_some() {
                let hash = "{{templates.baseline.podTemplateHash}}";
                fields.insert("args".to_owned(), json!([{"name": "hash", "value": hash}]));
            }
        }
        fields.insert("analyses".to_owned(), json!([analysis]));
    }
    if !has_end || random.bool() {
        let seconds = random.choice([2, 15, 60]).unwrap_or(15);
        fields.insert("duration".to_owned(), Value::from(format!("{seconds}s")));
    }
    if random.u8(..3) == 0 {
        fields
            .insert("scaleDownDelaySeconds".to_owned(), Value::from(random.choice([0, 5, 40]).unwrap_or(5)));
    }
    Value::Object(fields)
}
