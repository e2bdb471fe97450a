//! What all tests need: a measurer, and providers written as in a template.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_analysis::provider::{Observation, Provider};
use tidegate_analysis::{Metric, Outcome};
use tidegate_fetch::Roots;
use tidegate_measure::{MeasureError, MeasureOptions, Measurer};
use tidegate_zoo::{Answer, Request, Server};

/// Text that must never be shown.
pub(crate) const SECRET: &str = "hunter2";

/// When all measurements begin.
pub(crate) fn noon() -> Timestamp {
    "2026-01-31T12:00:00.25Z".parse().unwrap()
}

/// One that trusts nobody, and uses no proxy.
pub(crate) fn measurer() -> Measurer {
    trusting(Roots::none())
}

/// One that trusts these authorities, and uses no proxy.
pub(crate) fn trusting(roots: Roots) -> Measurer {
    Measurer::new(MeasureOptions { environment_proxy: false, ..MeasureOptions::new(roots) })
}

/// A provider, as a template has it.
pub(crate) fn provider(provider: Value) -> Provider {
    Metric::read("metric", &json!({"name": "m", "provider": provider})).unwrap().provider
}

/// The provider `web` at this address, with these fields besides.
pub(crate) fn web(url: &str, mut fields: Value) -> Provider {
    fields["url"] = json!(url);
    provider(json!({"web": fields}))
}

/// The provider `prometheus` at this address, with these fields besides.
pub(crate) fn prometheus(address: &str, mut fields: Value) -> Provider {
    fields["address"] = json!(address);
    fields["query"] = json!("up{job=\"a b\"}");
    provider(json!({"prometheus": fields}))
}

/// Measures; what comes of it shows nothing secret, and is the same outcome for the controller.
pub(crate) async fn observe(provider: &Provider) -> Result<Observation, MeasureError> {
    observe_with(&measurer(), provider).await
}

pub(crate) async fn observe_with(
    measurer: &Measurer,
    provider: &Provider,
) -> Result<Observation, MeasureError> {
    let result = measurer.observe(provider, noon()).await;
    if let Err(error) = &result {
        assert!(!format!("{error:?} {error}").contains(SECRET), "{error:?}");
        assert!(!error.to_string().is_empty());
    }
    result
}

/// As the controller measures.
pub(crate) async fn outcome(provider: &Provider) -> Outcome {
    measurer().measure(provider, noon()).await
}

/// A server without TLS.
pub(crate) fn server(answers: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(None, answers)
}

/// A server that answers everything with this.
pub(crate) fn says(body: impl ToString) -> Server {
    let body = body.to_string();
    server(move |_| Answer::new("200 OK", &[], body.as_bytes()))
}
