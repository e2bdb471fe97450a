//! A set of few values in one small allocation. A B-tree's smallest node has room for eleven, which adds up when
//! there are tens of thousands of sets of one or two.

/// An ordered set that is expected to stay small.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Few<T> {
    values: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { values: Vec::new() }
    }
}

impl<T: Ord> Few<T> {
    pub(crate) fn insert(&mut self, value: T) {
        if let Err(place) = self.values.binary_search(&value) {
            self.values.reserve_exact(1);
            self.values.insert(place, value);
        }
    }

    pub(crate) fn remove(&mut self, value: &T) {
        if let Ok(place) = self.values.binary_search(value) {
            self.values.remove(place);
        }
    }

    pub(crate) fn contains(&self, value: &T) -> bool {
        self.values.binary_search(value).is_ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.values.iter()
    }
}

impl<T: Ord> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut values: Vec<T> = values.into_iter().collect();
        values.sort_unstable();
        values.dedup();
        values.shrink_to_fit();
        Self { values }
    }
}

impl<T: Ord> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.insert(value));
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ordered_and_has_no_value_twice() {
        let mut few: Few<u8> = [3, 1, 3].into_iter().collect();
        few.extend([2, 1]);
        assert_eq!(few.iter().copied().collect::<Vec<_>>(), [1, 2, 3]);
        assert!(few.contains(&2));
        few.remove(&2);
        few.remove(&9);
        assert!(!few.contains(&2) && !few.is_empty());
    }
}
