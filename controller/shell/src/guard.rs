//! One Rollout's turn, walled off: a panic in it stays there.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::effect::{Effect, Report};
use crate::event::Now;
use crate::memory::Memory;
use crate::name::Name;
use crate::shell::Shell;
use crate::status::{Condition, Trouble};

/// One Rollout's turn: what everything that is done for it needs.
pub(crate) struct Turn<'a> {
    pub(crate) name: &'a Name,
    pub(crate) memory: &'a mut Memory,
    pub(crate) now: Now,
    /// What should be done, so far.
    pub(crate) effects: &'a mut Vec<Effect>,
}

impl Shell {
    /// Does something for one Rollout. When it panics, nothing of what it wanted happens, the Rollout's memory is
    /// lost, and the Rollout says so; others are not concerned.
    pub(crate) fn guarded(
        &mut self,
        name: &Name,
        now: Now,
        effects: &mut Vec<Effect>,
        work: impl FnOnce(&mut Self, &mut Turn<'_>),
    ) {
        let Some(mut memory) = self.memories.remove(name) else { return };
        let before = Memory {
            backoff: memory.backoff.clone(),
            budget: memory.budget.clone(),
            fences: memory.fences.clone(),
            ..Memory::new(memory.uid.clone())
        };
        let mut wanted = Vec::new();
        let first = self.requests.next();
        let mut turn = Turn { name, memory: &mut memory, now, effects: &mut wanted };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(self, &mut turn))) {
            wanted.clear();
            for waiting in self.requests.cancel_since(first) {
                self.due(&waiting, now);
            }
            self.requests.forget(name);
            memory.start_over(now.monotonic);
            memory = Memory { fences: memory.fences.or(before.fences.clone()), ..before };
            let mut turn = Turn { name, memory: &mut memory, now, effects: &mut wanted };
            self.panicked(&mut turn, panic_message(panic.as_ref()));
        }
        effects.append(&mut wanted);
        self.put_back(name, memory, now);
    }

    fn panicked(&mut self, turn: &mut Turn<'_>, message: String) {
        turn.memory.backoff.failed(turn.now.monotonic, None, &self.settings.timing);
        turn.memory.trouble = Some(Trouble {
            condition: Condition::InternalError,
            reason: "Panicked".to_owned(),
            message: format!(
                "Tidegate failed on this Rollout. It leaves it as it is and will try again. Please report this: \
                 {message}."
            ),
            cannot_make: None,
        });
        turn.effects.push(Effect::Report(Report::Panicked { rollout: turn.name.rollout_key(), message }));
        let before = turn.effects.len();
        let first = self.requests.next();
        if catch_unwind(AssertUnwindSafe(|| self.report_trouble(turn))).is_err() {
            turn.effects.truncate(before);
            turn.memory.under_way = None;
            for waiting in self.requests.cancel_since(first) {
                self.due(&waiting, turn.now);
            }
        }
        if turn.memory.under_way.is_none() {
            let now = turn.now.monotonic;
            self.queue.put(turn.name, turn.memory.backoff.is_waiting(now).unwrap_or(now));
        }
    }

    /// Keeps what is remembered of a Rollout, unless it turned out meanwhile that this very Rollout is gone.
    fn put_back(&mut self, name: &Name, memory: Memory, now: Now) {
        let uid = self.index.known(name).map(|known| known.uid.clone());
        if uid.as_ref() == Some(&memory.uid) {
            self.memories.insert(name.clone(), memory);
            return;
        }
        self.requests.forget(name);
        self.queue.remove(name);
        if let Some(uid) = uid {
            self.memories.insert(name.clone(), Memory::new(uid));
            self.due(name, now);
        }
    }
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
