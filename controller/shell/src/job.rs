//! Questions to routers and to providers of metrics. Asking a router is the same for every driver.

use std::sync::Arc;

use jiff::Timestamp;
use tidegate_analysis::provider::Provider;
use tidegate_api::ObjectKey;
use tidegate_contract::Router;
use tidegate_route::{Answer, Pass};

/// A question to a router.
pub struct RouteJob {
    /// The plugin.
    pub router: Arc<dyn Router>,
    /// Whether to ask first what it can do with its configuration.
    pub check: bool,
    /// The question.
    pub pass: Pass,
}

/// A measurement of an AnalysisRun that a provider outside the cluster's API takes.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureJob {
    /// The AnalysisRun.
    pub run: ObjectKey,
    /// The metric's name.
    pub metric: String,
    /// The measurement's number, from 1.
    pub number: u64,
    /// Whom to ask, and what: `Web` or `Prometheus`. It may hold secrets.
    pub provider: Provider,
    /// When the measurement was begun.
    pub started_at: Timestamp,
}

/// What a router answered.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteAnswer {
    /// What it can do with its configuration, when that was asked and answered.
    pub features: Option<Vec<String>>,
    /// Its answer to the question; when the configuration is not right, that.
    pub answer: Answer,
}

impl RouteJob {
    /// Asks, in one fresh sandbox. Total: whatever the router does, there is an answer.
    pub fn ask(&self) -> RouteAnswer {
        let mut session = match self.router.session() {
            Ok(session) => session,
            Err(fault) => return Answer::Fault(fault).into(),
        };
        let features = match self.check.then(|| tidegate_route::check(session.as_mut(), &self.pass.target)) {
            Some(Ok(features)) => Some(features),
            Some(Err(answer)) => return (*answer).into(),
            None => None,
        };
        let answer = tidegate_route::run(session.as_mut(), self.router.description(), &self.pass);
        RouteAnswer { features, answer }
    }
}

impl From<Answer> for RouteAnswer {
    fn from(answer: Answer) -> Self {
        Self { features: None, answer }
    }
}
