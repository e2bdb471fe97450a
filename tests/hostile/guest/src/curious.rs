//! What the plugin tries to find out, so as to answer otherwise next time. It tells all of it, as facts: two equal calls
//! must be told the same.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime};

use tidegate_router_sdk::Outcome;

/// Calls of `route` in this sandbox.
static CALLS: AtomicU32 = AtomicU32::new(0);

/// Counts a call; answers how many came before.
pub(crate) fn count() -> u32 {
    CALLS.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn look(how: &str, outcome: &mut Outcome) {
    match how {
        "clocks" => {
            tell(outcome, "wall", format!("{:?}", SystemTime::now()));
            let started = Instant::now();
            tell(outcome, "monotonic", format!("{started:?} {:?}", started.elapsed()));
        }
        "random" => {
            tell(outcome, "hash", RandomState::new().hash_one(42_u32));
            tell(outcome, "another", RandomState::new().hash_one(42_u32));
        }
        "hash-order" => {
            let map: HashMap<u32, u32> = (0..100).map(|number| (number, number)).collect();
            tell(outcome, "order", format!("{:?}", map.keys().collect::<Vec<_>>()));
        }
        "environment" => {
            tell(outcome, "variables", std::env::vars().count());
            tell(outcome, "arguments", std::env::args().count());
            tell(outcome, "folder", format!("{:?}", std::env::current_dir().ok()));
            tell(outcome, "cores", format!("{:?}", std::thread::available_parallelism().ok()));
        }
        "addresses" => {
            let (heap, stack) = (Box::new(1_u8), 1_u8);
            tell(outcome, "heap", format!("{:p}", &raw const *heap));
            tell(outcome, "stack", format!("{:p}", &raw const stack));
            tell(outcome, "code", format!("{:p}", look as *const ()));
        }
        "memory" => {
            tell(outcome, "calls before", count());
            tell(outcome, "markers", memory::markers());
            memory::mark();
        }
        // Right once; the second answer about the same objects is another one.
        "counts" if count() > 0 => outcome.shares.clear(),
        "panics-later" if count() > 0 => panic!("the first answer was enough"),
        _ => {}
    }
}

fn tell(outcome: &mut Outcome, what: &str, value: impl ToString) {
    outcome.facts.push((what.to_owned(), value.to_string()));
}

#[cfg(target_family = "wasm")]
mod memory {
    //! Memory that nobody gave to this plugin: pages that are new to it.

    use core::arch::wasm32::memory_grow;

    /// Bytes of a page.
    const PAGE: usize = 64 << 10;
    /// What is left for the next sandbox to find.
    const MARKER: u64 = 0x6d61_726b_6572_2121;
    /// Pages that are looked at.
    const PAGES: usize = 16;

    fn words() -> impl Iterator<Item = *mut u64> {
        let first = memory_grow::<0>(PAGES);
        let words = if first == usize::MAX { 0 } else { PAGES * PAGE / size_of::<u64>() };
        (0..words).map(move |word| core::ptr::without_provenance_mut(first * PAGE + word * size_of::<u64>()))
    }

    /// How many words of new pages are not zero.
    pub(crate) fn markers() -> usize {
        // SAFETY: the pages were just added to this memory, and nothing else refers to them.
        words().filter(|word| unsafe { word.read_volatile() } != 0).count()
    }

    /// Leaves markers in as many new pages.
    pub(crate) fn mark() {
        for word in words() {
            // SAFETY: as above.
            unsafe { word.write_volatile(MARKER) };
        }
    }
}

#[cfg(not(target_family = "wasm"))]
mod memory {
    //! Nothing to look at: this is only ever checked, not run.

    pub(crate) fn markers() -> usize {
        0
    }

    pub(crate) fn mark() {}
}
