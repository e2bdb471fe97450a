//! What a shadow tells: each difference between what it would write and what is there, when it begins, when it has lasted
//! for long, and when it ends. As log lines, as metrics, and if asked for as lines of JSON on standard output.

use std::collections::BTreeSet;
use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_api::{ObjectKey, builtin, object};
use tidegate_handover::{Age, Ledger, News, Subject, differences, shown};
use tidegate_shell::Intention;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::metrics::Metrics;
use crate::options::Shadow;

/// The differences that there are, and where they are told.
pub(crate) struct ShadowLedger {
    started: Instant,
    ledger: Ledger,
    json: bool,
}

impl ShadowLedger {
    pub(crate) fn new(options: &Shadow) -> Self {
        Self { started: Instant::now(), ledger: Ledger::new(options.lasting_after), json: options.json }
    }

    /// What would be written for a Rollout now.
    pub(crate) fn intends(&mut self, intention: &Intention, metrics: &Metrics) {
        let found = differences(intention);
        let news = self.ledger.update(self.started.elapsed(), &intention.rollout, found);
        self.tell(&news, metrics);
    }

    /// A Rollout is gone.
    pub(crate) fn gone(&mut self, rollout: &Value, metrics: &Metrics) {
        let key = object::key(&builtin::rollouts(), rollout);
        let news = self.ledger.forget(self.started.elapsed(), &key);
        self.tell(&news, metrics);
    }

    /// Time has passed.
    pub(crate) fn look(&mut self, metrics: &Metrics) {
        let news = self.ledger.look(self.started.elapsed());
        self.tell(&news, metrics);
    }

    fn tell(&self, news: &[News], metrics: &Metrics) {
        for one in news {
            log(one);
            metrics.shadow_news(one.difference.subject, one.age);
            if self.json {
                print(one);
            }
        }
        let touched: BTreeSet<(&ObjectKey, Subject)> =
            news.iter().map(|one| (&one.rollout, one.difference.subject)).collect();
        for (rollout, subject) in touched {
            metrics.shadow(rollout, subject, self.ledger.count(rollout, subject));
        }
    }
}

fn log(news: &News) {
    let News { rollout, difference, age, lasted, was_lasting } = news;
    let (object, field, subject) = (&difference.object, &difference.field, difference.subject.as_str());
    let (has, would) = (shown(&difference.has), shown(&difference.would));
    let seconds = lasted.as_secs();
    match age {
        Age::Begun => {
            debug!(%rollout, %object, subject, field, has, would, "would differ, perhaps for a moment");
        }
        Age::Lasting => warn!(%rollout, %object, subject, field, has, would, seconds, "would differ"),
        Age::Ended if *was_lasting => {
            info!(%rollout, %object, subject, field, has, would, seconds, "differs no more");
        }
        Age::Ended => debug!(%rollout, %object, subject, field, seconds, "differed for a moment"),
    }
}

/// One line of JSON. Who reads them may stop at any time: a closed pipe is no reason to end.
fn print(news: &News) {
    let News { rollout, difference, age, lasted, was_lasting } = news;
    let reference =
        |key: &ObjectKey| json!({ "kind": &*key.kind, "namespace": &*key.namespace, "name": &*key.name });
    let line = json!({
        "time": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "rollout": reference(rollout),
        "object": reference(&difference.object),
        "subject": difference.subject.as_str(),
        "concernsTraffic": difference.subject.concerns_traffic(),
        "field": difference.field,
        "has": difference.has,
        "would": difference.would,
        "state": age.as_str(),
        "seconds": lasted.as_secs(),
        "wasLasting": was_lasting,
    });
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
