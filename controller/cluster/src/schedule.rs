//! What will happen by itself, and when: an ordered queue of tasks in which each task is at most once.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// A queue of tasks by time; tasks of the same time come in the order in which they were put in.
#[derive(Clone, Debug)]
pub(crate) struct Schedule<T> {
    by_time: BTreeMap<(Timestamp, u64), T>,
    by_task: BTreeMap<T, (Timestamp, u64)>,
    sequence: u64,
}

impl<T: Ord + Clone> Schedule<T> {
    pub(crate) fn new() -> Self {
        Self { by_time: BTreeMap::new(), by_task: BTreeMap::new(), sequence: 0 }
    }

    /// Puts a task in. One that is in already is done at the earlier of the two times.
    pub(crate) fn add(&mut self, task: T, at: Timestamp) {
        if let Some(slot) = self.by_task.get(&task) {
            if slot.0 <= at {
                return;
            }
            self.by_time.remove(slot);
        }
        let slot = (at, self.sequence);
        self.sequence += 1;
        self.by_time.insert(slot, task.clone());
        self.by_task.insert(task, slot);
    }

    /// When the next task is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next task out, if it is due by then.
    pub(crate) fn pop(&mut self, until: Timestamp) -> Option<(Timestamp, T)> {
        if self.next()? > until {
            return None;
        }
        let ((at, _), task) = self.by_time.pop_first()?;
        self.by_task.remove(&task);
        Some((at, task))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn in_order_of_time_then_of_arrival() {
        let mut schedule = Schedule::new();
        for (task, second) in [("b", 2), ("a", 2), ("c", 1)] {
            schedule.add(task, at(second));
        }
        assert_eq!(schedule.next(), Some(at(1)));
        let order: Vec<_> = std::iter::from_fn(|| schedule.pop(at(9))).map(|(_, task)| task).collect();
        assert_eq!(order, ["c", "b", "a"]);
    }

    #[test]
    fn a_task_is_in_once_at_its_earliest_time() {
        let mut schedule = Schedule::new();
        schedule.add("a", at(5));
        schedule.add("a", at(7));
        schedule.add("a", at(3));
        assert_eq!(schedule.pop(at(2)), None);
        assert_eq!(schedule.pop(at(9)), Some((at(3), "a")));
        assert_eq!(schedule.pop(at(9)), None);
    }
}
