//! Waiting for what becomes true.

use std::time::{Duration, Instant};

/// Longer than anything takes on a slow machine; reached only by what never happens.
const PATIENCE: Duration = Duration::from_secs(180);

/// Looks until it is there, and answers it. `look` says what it sees instead while it is not.
///
/// # Panics
/// When it never comes: with what was seen last.
pub async fn eventually<T, F: Future<Output = Result<T, String>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = match look().await {
            Ok(found) => return found,
            Err(seen) => seen,
        };
        assert!(Instant::now() < until, "it never came: {what}\nlast seen: {seen}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
