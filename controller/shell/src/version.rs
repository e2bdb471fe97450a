//! Comparing resource versions.
//!
//! Kubernetes lets clients compare them as integers (KEP-5504); a server that uses something else still works,
//! because then only equality says anything.

/// Whether one that is seen is the wanted one or a later one.
pub(crate) fn reaches(seen: &str, wanted: &str) -> bool {
    match (seen.parse::<u64>(), wanted.parse::<u64>()) {
        (Ok(seen), Ok(wanted)) => seen >= wanted,
        _ => seen == wanted,
    }
}

/// Whether one is certainly older than another.
pub(crate) fn is_older(version: &str, than: &str) -> bool {
    matches!((version.parse::<u64>(), than.parse::<u64>()), (Ok(version), Ok(than)) if version < than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_compare_by_value_and_anything_else_by_equality() {
        assert!(reaches("10", "9"));
        assert!(reaches("9", "9"));
        assert!(!reaches("9", "10"));
        assert!(reaches("a", "a"));
        assert!(!reaches("b", "a"));
        assert!(is_older("9", "10"));
        assert!(!is_older("10", "10"));
        assert!(!is_older("a", "b"));
        assert!(!is_older("", "1"));
    }
}
