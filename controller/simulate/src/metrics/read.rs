//! Reading the file of `--metrics`.

use std::time::Duration;

use serde_json::{Map, Value};
use serde_yaml_ng::Value as Yaml;
use tidegate_model::duration::pause_duration;

use super::{Course, Entry, Script, Scripted};

/// A file that does not say what is measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// It is neither YAML nor JSON.
    #[error("{origin}: not valid YAML: {message}")]
    NotYaml {
        /// Which file.
        origin: String,
        /// On which line, if the parser says so.
        line: Option<usize>,
        /// What the parser says.
        message: String,
    },
    /// Something in it is not as it should be.
    #[error("{origin}: {path} {problem}")]
    Wrong {
        /// Which file.
        origin: String,
        /// Where in it, for example `metrics[0].values[2]`.
        path: String,
        /// What is wrong, and what to write.
        problem: String,
    },
}

impl MetricsError {
    /// The stable reason code.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotYaml { .. } => "NotYaml",
            Self::Wrong { .. } => "InvalidMetrics",
        }
    }
}

impl Script {
    /// Reads a file; `origin` names it in errors.
    ///
    /// # Errors
    /// When it is no YAML, or at the first thing in it that is not as it should be.
    pub fn parse(origin: &str, text: &str) -> Result<Self, MetricsError> {
        let yaml: Yaml = serde_yaml_ng::from_str(text).map_err(|error| MetricsError::NotYaml {
            origin: origin.to_owned(),
            line: error.location().map(|location| location.line()),
            message: error.to_string(),
        })?;
        read(yaml).map_err(|Problem { path, problem }| MetricsError::Wrong {
            origin: origin.to_owned(),
            path,
            problem,
        })
    }
}

/// What is wrong where.
struct Problem {
    path: String,
    problem: String,
}

fn wrong(path: &str, problem: impl Into<String>) -> Problem {
    let path = if path.is_empty() { "it" } else { path };
    Problem { path: path.to_owned(), problem: problem.into() }
}

fn read(yaml: Yaml) -> Result<Script, Problem> {
    let json = json_of("", yaml)?;
    let fields = fields("", &json, &["metrics"])?;
    let Some(metrics) = fields.get("metrics").and_then(Value::as_array) else {
        return Err(wrong("metrics", "must be a list; each element has a name, and values or overTime"));
    };
    let entries =
        metrics.iter().enumerate().map(|(index, metric)| entry(&format!("metrics[{index}]"), metric));
    Ok(Script { entries: entries.collect::<Result<_, _>>()? })
}

fn entry(path: &str, metric: &Value) -> Result<Entry, Problem> {
    let fields = fields(path, metric, &["name", "run", "values", "overTime"])?;
    let Some(name) = fields.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return Err(wrong(&format!("{path}.name"), "must be the name of a metric in a template"));
    };
    let run = match fields.get("run") {
        None | Some(Value::Null) => None,
        Some(Value::String(run)) => Some(run.clone()),
        Some(_) => {
            return Err(wrong(&format!("{path}.run"), "must be the name of an AnalysisRun; * is any text"));
        }
    };
    let course = match (fields.get("values"), fields.get("overTime")) {
        (Some(values), None) => Course::Each(elements(&format!("{path}.values"), values, scripted)?),
        (None, Some(steps)) => {
            let path = format!("{path}.overTime");
            let steps = elements(&path, steps, step)?;
            if steps.first().is_some_and(|(from, _)| *from != Duration::ZERO) {
                return Err(wrong(
                    &format!("{path}[0].from"),
                    "must be 0s: the first one is from the beginning",
                ));
            }
            let falls = |pair: &[(Duration, Scripted)]| matches!(pair, [(one, _), (two, _)] if one >= two);
            if let Some(index) = steps.windows(2).position(falls) {
                return Err(wrong(
                    &format!("{path}[{}].from", index + 1),
                    "must be later than the one before",
                ));
            }
            Course::OverTime(steps)
        }
        _ => {
            return Err(wrong(
                path,
                "must have either values (one for each measurement) or overTime (from a time on)",
            ));
        }
    };
    Ok(Entry { metric: name.to_owned(), run, course })
}

fn elements<T>(
    path: &str,
    list: &Value,
    read: fn(&str, &Value) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    match list.as_array().map(Vec::as_slice) {
        None | Some([]) => Err(wrong(path, "must be a list with at least one element")),
        Some(all) => {
            all.iter().enumerate().map(|(index, one)| read(&format!("{path}[{index}]"), one)).collect()
        }
    }
}

fn step(path: &str, step: &Value) -> Result<(Duration, Scripted), Problem> {
    let Some(mut fields) = step.as_object().cloned() else {
        return Err(wrong(path, "must be like {from: 90s, value: 0.5}"));
    };
    let at = format!("{path}.from");
    let from = fields.shift_remove("from").unwrap_or_default();
    let seconds = pause_duration(&from).ok().flatten().and_then(|seconds| u64::try_from(seconds).ok());
    let Some(seconds) = seconds.filter(|_| !from.is_null()) else {
        return Err(wrong(&at, "must be a time since the simulation began, like 90s, 2m or 1h"));
    };
    Ok((Duration::from_secs(seconds), special(path, &fields)?))
}

fn scripted(path: &str, value: &Value) -> Result<Scripted, Problem> {
    match value {
        Value::Object(fields) => special(path, fields),
        other => Ok(Scripted::Value(other.clone())),
    }
}

fn special(path: &str, fields: &Map<String, Value>) -> Result<Scripted, Problem> {
    const KEYS: &str = "value, body, status, error, noAnswer or job";
    let mut all = fields.iter();
    let (Some((key, value)), None) = (all.next(), all.next()) else {
        return Err(wrong(path, format!("must have exactly one of {KEYS}")));
    };
    let path = format!("{path}.{key}");
    match (key.as_str(), value) {
        ("value", value) => Ok(Scripted::Value(value.clone())),
        ("body", value) => Ok(Scripted::Body(value.clone())),
        ("error", Value::String(why)) => Ok(Scripted::Error(why.clone())),
        ("error", _) => Err(wrong(&path, "must be a text: why the server cannot be reached")),
        ("status", value) => value
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (100..600).contains(status))
            .map(Scripted::Status)
            .ok_or_else(|| wrong(&path, "must be an HTTP status, like 500")),
        ("noAnswer", Value::Bool(true)) => Ok(Scripted::NoAnswer),
        ("noAnswer", _) => Err(wrong(&path, "must be true; leave it out where there is an answer")),
        ("job", Value::String(end)) if end == "succeeds" => Ok(Scripted::Job { succeeds: true }),
        ("job", Value::String(end)) if end == "fails" => Ok(Scripted::Job { succeeds: false }),
        ("job", _) => Err(wrong(&path, "must be succeeds or fails")),
        _ => Err(wrong(&path, format!("is not known; there are {KEYS}"))),
    }
}

/// The fields of a map that has none but these.
fn fields<'a>(path: &str, value: &'a Value, known: &[&str]) -> Result<&'a Map<String, Value>, Problem> {
    let Some(fields) = value.as_object() else {
        return Err(wrong(path, format!("must be a map with {}", known.join(", "))));
    };
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            Err(wrong(&path, format!("is not known; there are {}", known.join(", "))))
        }
        None => Ok(fields),
    }
}

/// YAML as JSON. What JSON has no number for becomes the text that Prometheus has for it.
fn json_of(path: &str, yaml: Yaml) -> Result<Value, Problem> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::String(text) => text.into(),
        Yaml::Number(number) => match number.as_f64().filter(|float| !float.is_finite()) {
            Some(float) if float.is_nan() => "NaN".into(),
            Some(float) => (if float > 0.0 { "+Inf" } else { "-Inf" }).into(),
            None => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(whole), ..) => whole.into(),
                (_, Some(whole), _) => whole.into(),
                (.., float) => float.into(),
            },
        },
        Yaml::Sequence(elements) => {
            let elements = elements.into_iter().enumerate();
            elements
                .map(|(index, one)| json_of(&format!("{path}[{index}]"), one))
                .collect::<Result<_, _>>()?
        }
        Yaml::Mapping(fields) => {
            let mut map = Map::new();
            for (key, value) in fields {
                let Yaml::String(key) = key else {
                    return Err(wrong(path, "has a key that is no text; put it in quotes"));
                };
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let value = json_of(&below, value)?;
                map.insert(key, value);
            }
            Value::Object(map)
        }
        Yaml::Tagged(_) => return Err(wrong(path, "has a tag; write the value without it")),
    })
}
