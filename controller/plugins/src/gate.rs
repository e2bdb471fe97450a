//! Whether a process that starts may become ready and try to lead, as far as plugins are concerned. Once it may, it may.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::effect::Gate;
use crate::managed::Managed;
use crate::status::said;
use crate::wanted::FailurePolicy;

/// Keeps the gate.
#[derive(Debug, Default)]
pub(crate) struct GateKeeper {
    since: Option<Duration>,
    told: Option<Gate>,
}

impl GateKeeper {
    /// What is to be said about the gate, if that is something else than before.
    pub(crate) fn changed(
        &mut self,
        plugins: &BTreeMap<String, Managed>,
        complete: bool,
        now: Duration,
        first_tries: Duration,
    ) -> Option<Gate> {
        if self.is_open() {
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let is_late = now.saturating_sub(since) >= first_tries;
        let gate = if complete {
            gate(plugins, is_late)
        } else {
            Gate {
                waits_for: vec!["it is being read which plugins are configured".to_owned()],
                is_strict: false,
            }
        };
        if self.told.as_ref() == Some(&gate) {
            return None;
        }
        self.told = Some(gate.clone());
        Some(gate)
    }

    fn is_open(&self) -> bool {
        self.told.as_ref().is_some_and(|gate| gate.waits_for.is_empty())
    }

    /// When it may open although nothing happens.
    pub(crate) fn wake(&self, first_tries: Duration) -> Option<Duration> {
        let at = self.since?.saturating_add(first_tries);
        let told = self.told.as_ref()?;
        (!self.is_open() && !told.is_strict).then_some(at)
    }
}

fn gate(plugins: &BTreeMap<String, Managed>, is_late: bool) -> Gate {
    let mut gate = Gate::default();
    for (name, plugin) in plugins {
        let is_strict = plugin.failure_policy() == FailurePolicy::Strict;
        let waits = plugin.current.is_none() && (is_strict || !(is_late || plugin.was_tried()));
        if waits {
            gate.is_strict |= is_strict;
            gate.waits_for.push(match plugin.error() {
                Some(error) => format!("plugin {name}: {}: {}", error.reason, said(&error)),
                None => format!("plugin {name} is being loaded"),
            });
        }
    }
    gate
}
