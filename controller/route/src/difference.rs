//! What differs between two JSON values, place by place: the smallest set of places, with lists compared
//! element by element in order.
//!
//! The order in which the differences come is the order in which they can be carried out one after the other:
//! what is inside a list's elements first (by the old indices), then the list's removals from the last to the
//! first, then its additions from the first to the last.

use serde_json::Value;

use crate::equal::{added, equal, side_by_side};
use crate::limits;
use crate::pointer::Step;

/// One place that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference<'a> {
    /// The place. Indices are those of the old value, except that the last step to an added list element is
    /// its index in the new one.
    pub path: Vec<Step<'a>>,
    /// What differs there.
    pub kind: Kind<'a>,
}

/// What differs at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind<'a> {
    /// There is another value.
    Set {
        /// What was there.
        old: &'a Value,
        /// What is there.
        new: &'a Value,
    },
    /// A key or a list element that was not there.
    Added {
        /// What is there.
        new: &'a Value,
    },
    /// A key or a list element that is gone.
    Removed {
        /// What was there.
        old: &'a Value,
    },
}

/// What differs between two values.
pub fn difference<'a>(old: &'a Value, new: &'a Value) -> Vec<Difference<'a>> {
    difference_with(old, new, &|_| true)
}

/// The same, given which lists may gain or lose elements: the others are compared by position as long as both
/// have the same length.
pub(crate) fn difference_with<'a>(
    old: &'a Value,
    new: &'a Value,
    elements_may_move: &dyn Fn(&[Step<'_>]) -> bool,
) -> Vec<Difference<'a>> {
    let mut walk =
        Walk { path: Vec::new(), found: Vec::new(), visits: limits::ALIGNMENT_VISITS, elements_may_move };
    walk.values(old, new);
    walk.found
}

struct Walk<'a, 'f> {
    path: Vec<Step<'a>>,
    found: Vec<Difference<'a>>,
    /// How many more values may be visited while elements are paired.
    visits: usize,
    elements_may_move: &'f dyn Fn(&[Step<'_>]) -> bool,
}

impl<'a> Walk<'a, '_> {
    fn values(&mut self, old: &'a Value, new: &'a Value) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                for (key, old, new) in side_by_side(old, new) {
                    match new {
                        Some(new) => self.step(Step::Key(key), |walk| walk.values(old, new)),
                        None => self.report(Step::Key(key), Kind::Removed { old }),
                    }
                }
                for (key, new) in added(old, new) {
                    self.report(Step::Key(key), Kind::Added { new });
                }
            }
            (Value::Array(old), Value::Array(new)) => self.lists(old, new),
            _ if equal(old, new) => {}
            _ => self.found.push(Difference { path: self.path.clone(), kind: Kind::Set { old, new } }),
        }
    }

    fn lists(&mut self, old: &'a [Value], new: &'a [Value]) {
        if old.len() == new.len() && !(self.elements_may_move)(&self.path) {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                self.step(Step::Index(index), |walk| walk.values(old, new));
            }
            return;
        }
        let (prefix, suffix) = equal_ends(old, new);
        if prefix == old.len() && prefix == new.len() {
            return;
        }
        let middle = |list: &[Value]| prefix..list.len() - suffix;
        // What is equal at both ends is kept, and need not be looked at again.
        let flags = |list: &[Value]| {
            let mut flags = vec![true; list.len()];
            if let Some(flags) = flags.get_mut(middle(list)) {
                flags.fill(false);
            }
            flags
        };
        let (mut kept, mut taken) = (flags(old), flags(new));
        let pairs = match (old.get(middle(old)), new.get(middle(new))) {
            (Some(old), Some(new)) if !old.is_empty() && !new.is_empty() => {
                inner_pairs(old, new, &mut self.visits)
            }
            _ => Vec::new(),
        };
        for (from, to) in pairs.into_iter().map(|(from, to)| (from + prefix, to + prefix)) {
            let (Some(old), Some(new)) = (old.get(from), new.get(to)) else { continue };
            self.step(Step::Index(from), |walk| walk.values(old, new));
            for (flags, index) in [(&mut kept, from), (&mut taken, to)] {
                if let Some(flag) = flags.get_mut(index) {
                    *flag = true;
                }
            }
        }
        for (index, (old, _)) in old.iter().zip(kept).enumerate().filter(|(_, (_, kept))| !kept).rev() {
            self.report(Step::Index(index), Kind::Removed { old });
        }
        for (index, (new, _)) in new.iter().zip(taken).enumerate().filter(|(_, (_, taken))| !taken) {
            self.report(Step::Index(index), Kind::Added { new });
        }
    }

    fn step(&mut self, step: Step<'a>, inside: impl FnOnce(&mut Self)) {
        self.path.push(step);
        inside(self);
        self.path.pop();
    }

    fn report(&mut self, step: Step<'a>, kind: Kind<'a>) {
        self.step(step, |walk| {
            let path = walk.path.clone();
            walk.found.push(Difference { path, kind });
        });
    }
}

/// How many elements are equal at the beginning of both lists, and at their end.
fn equal_ends(old: &[Value], new: &[Value]) -> (usize, usize) {
    let shorter = old.len().min(new.len());
    let prefix = old.iter().zip(new).take_while(|(old, new)| equal(old, new)).count();
    let suffix = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(shorter - prefix)
        .take_while(|(old, new)| equal(old, new))
        .count();
    (prefix, suffix)
}

/// Which old element became which new one, both ascending, in lists whose ends differ: the pairing with the fewest
/// values changed, added and removed.
fn inner_pairs(old: &[Value], new: &[Value], visits: &mut usize) -> Vec<(usize, usize)> {
    let by_position = || (0..old.len().min(new.len())).map(|index| (index, index)).collect();
    if old.len() == new.len() && old.iter().zip(new).all(|(old, new)| are_alike(old, new, visits)) {
        return by_position();
    }
    if old.len().saturating_mul(new.len()) > limits::ALIGNED_PAIRS {
        return by_position();
    }
    // costs[i][j]: the least that turns old[i..] into new[j..]; the step that begins it is kept beside it.
    let width = new.len() + 1;
    let mut table = vec![(0, Move::End); (old.len() + 1) * width];
    let removal: Vec<_> = old.iter().map(|value| size(value, visits)).collect();
    let addition: Vec<_> = new.iter().map(|value| size(value, visits)).collect();
    for i in (0..=old.len()).rev() {
        for j in (0..width).rev() {
            let cost_from = |i: usize, j: usize| table.get(i * width + j).map_or(0, |(cost, _)| *cost);
            let mut best = None;
            if let (Some(removal), Some(addition), Some(old), Some(new)) =
                (removal.get(i), addition.get(j), old.get(i), new.get(j))
            {
                let pair = pair_cost(old, new, removal + addition, visits);
                best = Some((pair + cost_from(i + 1, j + 1), Move::Pair));
            }
            if let Some(removal) = removal.get(i) {
                best = Some(cheaper(best, (removal + cost_from(i + 1, j), Move::Remove)));
            }
            if let Some(addition) = addition.get(j) {
                best = Some(cheaper(best, (addition + cost_from(i, j + 1), Move::Add)));
            }
            if let (Some(best), Some(cell)) = (best, table.get_mut(i * width + j)) {
                *cell = best;
            }
        }
    }
    if *visits == 0 {
        return by_position();
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while let Some((_, step)) = table.get(i * width + j) {
        match step {
            Move::Pair => {
                pairs.push((i, j));
                i += 1;
                j += 1;
            }
            Move::Remove => i += 1,
            Move::Add => j += 1,
            Move::End => break,
        }
    }
    pairs
}

#[derive(Clone, Copy)]
enum Move {
    Pair,
    Remove,
    Add,
    End,
}

/// The first of two equally cheap ones, so that the answer is always the same.
fn cheaper(best: Option<(usize, Move)>, other: (usize, Move)) -> (usize, Move) {
    match best {
        Some(best) if best.0 <= other.0 => best,
        _ => other,
    }
}

/// The `name` by which people and controllers know an element.
pub(crate) fn name_of(element: &Value) -> Option<&str> {
    element.as_object()?.get("name")?.as_str()
}

/// Whether two elements at the same position are clearly the same one.
fn are_alike(old: &Value, new: &Value, visits: &mut usize) -> bool {
    match (name_of(old), name_of(new)) {
        (Some(old), Some(new)) => old == new,
        (None, None) if old.is_object() && new.is_object() => {
            2 * change_cost(old, new, visits) <= size(old, visits)
        }
        _ => false,
    }
}

fn pair_cost(old: &Value, new: &Value, both_sizes: usize, visits: &mut usize) -> usize {
    let cost = change_cost(old, new, visits);
    match (name_of(old), name_of(new)) {
        (Some(old), Some(new)) if old == new => cost.min(both_sizes / 2),
        (None, None) => cost,
        _ => cost + 1,
    }
}

/// How many values a value has.
fn size(value: &Value, visits: &mut usize) -> usize {
    *visits = visits.saturating_sub(1);
    1 + match value {
        _ if *visits == 0 => 0,
        Value::Array(elements) => elements.iter().map(|value| size(value, visits)).sum(),
        Value::Object(fields) => fields.values().map(|value| size(value, visits)).sum(),
        _ => 0,
    }
}

/// About how many values have to change, nested lists by position.
fn change_cost(old: &Value, new: &Value, visits: &mut usize) -> usize {
    *visits = visits.saturating_sub(1);
    match (old, new) {
        _ if *visits == 0 => 0,
        (Value::Object(old), Value::Object(new)) => {
            let kept = side_by_side(old, new)
                .map(|(_, old, new)| match new {
                    Some(new) => change_cost(old, new, visits),
                    None => size(old, visits),
                })
                .sum::<usize>();
            kept + added(old, new).map(|(_, new)| size(new, visits)).sum::<usize>()
        }
        (Value::Array(old), Value::Array(new)) => {
            let kept = old.iter().zip(new).map(|(old, new)| change_cost(old, new, visits)).sum::<usize>();
            let rest = old.iter().skip(new.len()).chain(new.iter().skip(old.len()));
            kept + rest.map(|value| size(value, visits)).sum::<usize>()
        }
        _ if equal(old, new) => 0,
        _ => size(old, visits).max(size(new, visits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pointer::pointer;
    use serde_json::json;

    fn described(old: &Value, new: &Value) -> Vec<String> {
        difference(old, new)
            .into_iter()
            .map(|difference| {
                let place = pointer(&difference.path);
                match difference.kind {
                    Kind::Set { old, new } => format!("{place}: {old} → {new}"),
                    Kind::Added { new } => format!("{place}: + {new}"),
                    Kind::Removed { old } => format!("{place}: - {old}"),
                }
            })
            .collect()
    }

    #[test]
    fn only_what_differs_is_reported() {
        let table = [
            (json!({"a": 1, "b": {"c": [1, 2]}}), json!({"b": {"c": [1, 2.0]}, "a": 1.0}), vec![]),
            (json!({"a": 1}), json!({"a": "1"}), vec!["/a: 1 → \"1\""]),
            (json!({"a": 1}), json!({"a": null}), vec!["/a: 1 → null"]),
            (json!({"a": {}}), json!({"a": []}), vec!["/a: {} → []"]),
            (json!({"a": {"b": 1}}), json!({"c": {"b": 1}}), vec!["/a: - {\"b\":1}", "/c: + {\"b\":1}"]),
            (
                json!({"a": 1, "b": 2, "c": 3}),
                json!({"x": 0, "c": 4, "b": 2}),
                vec!["/a: - 1", "/c: 3 → 4", "/x: + 0"],
            ),
            (json!([1, 2, 3]), json!([1, 3]), vec!["/1: - 2"]),
            (json!([1, 2, 2]), json!([1, 2, 2, 2]), vec!["/3: + 2"]),
            (json!([1, 2, 1]), json!([1]), vec!["/2: - 1", "/1: - 2"]),
            (json!([1, 3]), json!([0, 1, 2, 3, 4]), vec!["/0: + 0", "/2: + 2", "/4: + 4"]),
            (json!([1, 2, 3, 4]), json!([2, 4, 5]), vec!["/2: 3 → 4", "/3: 4 → 5", "/0: - 1"]),
            (json!(["a", "b", "c"]), json!(["b", "c", "d"]), vec!["/0: - \"a\"", "/2: + \"d\""]),
            (json!(["a", "b"]), json!(["a", "c"]), vec!["/1: \"b\" → \"c\""]),
            (json!([]), json!([[]]), vec!["/0: + []"]),
            (json!(1), json!(2), vec![": 1 → 2"]),
        ];
        for (old, new, expected) in table {
            assert_eq!(described(&old, &new), expected, "{old} → {new}");
        }
    }

    #[test]
    fn elements_are_known_by_their_names() {
        let old = json!([{"name": "a", "weight": 100}, {"name": "b", "weight": 0}]);
        let new =
            json!([{"name": "x", "weight": 5}, {"name": "a", "weight": 80}, {"name": "b", "weight": 20}]);
        assert_eq!(
            described(&old, &new),
            ["/0/weight: 100 → 80", "/1/weight: 0 → 20", "/0: + {\"name\":\"x\",\"weight\":5}"]
        );
    }

    #[test]
    fn elements_without_names_are_known_by_what_they_hold() {
        let rule = |path: &str, canary: u32| json!({"matches": [{"path": path}], "backendRefs": [{"name": "s", "weight": 100 - canary}, {"name": "c", "weight": canary}]});
        let header =
            json!({"matches": [{"headers": [{"name": "x", "value": "y"}]}], "backendRefs": [{"name": "c"}]});
        let old = json!([rule("/a", 10), rule("/b", 10)]);
        let new = json!([header, rule("/a", 20), rule("/b", 20)]);
        let found = described(&old, &new);
        assert_eq!(found.len(), 5, "{found:#?}");
        assert!(found[0].starts_with("/0/backendRefs/0/weight"));
        assert!(found[4].starts_with("/0: +"));
    }

    #[test]
    fn lists_that_may_not_change_are_compared_by_position() {
        let (old, new) = (json!({"l": ["a", "b", "c"]}), json!({"l": ["b", "c", "d"]}));
        assert_eq!(difference(&old, &new).len(), 2);
        assert_eq!(difference_with(&old, &new, &|_| false).len(), 3);
    }
}
