//! What the API server lets the controller do with the kinds of a plugin: asked once for each version, and again as long as
//! it is not enough.

use std::time::Duration;

use tidegate_contract::{Digest, Verb};
use tidegate_route::{Grant, permitted};
use tidegate_shell::PluginVersion;

use crate::effect::AccessQuestion;
use crate::event::KindAccess;
use crate::status;

/// What is known of a plugin's rights.
#[derive(Clone, Debug, Default)]
pub(crate) struct Review {
    /// About which version, with which grant.
    about: Option<(Digest, Option<Grant>)>,
    answer: Option<Vec<KindAccess>>,
    /// When it is asked again.
    due: Option<Duration>,
}

impl Review {
    /// The answer, if it is about this version.
    pub(crate) fn answer(&self, digest: Digest) -> Option<&[KindAccess]> {
        let (about, _) = self.about.as_ref()?;
        self.answer.as_deref().filter(|_| *about == digest)
    }

    /// When it is to be asked again.
    pub(crate) const fn due(&self) -> Option<Duration> {
        self.due
    }

    /// The question that is to be asked now. Once asked, it is not repeated before so much time has passed.
    pub(crate) fn question(
        &mut self,
        plugin: &str,
        version: &PluginVersion,
        now: Duration,
        again: Duration,
    ) -> Option<AccessQuestion> {
        let about = (version.router.digest(), version.grant.as_deref().cloned());
        let is_other = self.about.as_ref() != Some(&about);
        if !is_other && self.due.is_none_or(|due| due > now) {
            return None;
        }
        let kinds = permitted(version.router.description(), version.grant.as_deref());
        let kinds = kinds
            .into_iter()
            .map(|(kind, verbs)| {
                let verbs = verbs.into_iter().flat_map(rule_verbs).map(|verb| (*verb).to_owned()).collect();
                (kind, verbs)
            })
            .collect();
        if is_other {
            self.answer = None;
        }
        self.due = Some(now.saturating_add(again));
        let question = AccessQuestion { plugin: plugin.to_owned(), digest: about.0, kinds };
        self.about = Some(about);
        Some(question)
    }

    /// It was answered; nothing of an answer says that it could not be found out.
    pub(crate) fn answered(&mut self, digest: Digest, answer: Option<Vec<KindAccess>>) {
        if self.about.as_ref().is_some_and(|(about, _)| *about == digest)
            && let Some(answer) = answer
        {
            if status::missing_rules(&answer).is_none() {
                self.due = None;
            }
            self.answer = Some(answer);
        }
    }
}

/// A verb of the contract, as rules name what it takes.
const fn rule_verbs(verb: Verb) -> &'static [&'static str] {
    match verb {
        Verb::Read => &["get", "list", "watch"],
        Verb::Update => &["patch"],
        Verb::Create => &["create"],
        Verb::Delete => &["delete"],
    }
}
