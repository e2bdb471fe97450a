//! The allocator of small guests: pieces that are alive are apart from each other, and memory comes back.

use std::cell::Cell;

use proptest::prelude::*;
use tidegate_router_sdk::arena::{Arena, Memory};

const START: usize = 1000;
const LIMIT: usize = 20_000;

/// Memory that grows by pages of 4096 bytes up to a limit.
struct Pages(Cell<usize>);

impl Memory for Pages {
    fn start(&self) -> usize {
        START
    }

    fn end(&self) -> usize {
        self.0.get()
    }

    fn grow(&self, end: usize) -> bool {
        let fits = end <= LIMIT;
        if fits {
            self.0.set(end.next_multiple_of(4096));
        }
        fits
    }
}

#[derive(Clone, Debug)]
enum Step {
    Allocate(usize, usize),
    Free(usize),
    Resize(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..500_usize, 0..4_u32).prop_map(|(bytes, power)| Step::Allocate(bytes, 1 << power)),
        any::<usize>().prop_map(Step::Free),
        (any::<usize>(), 1..500_usize).prop_map(|(piece, bytes)| Step::Resize(piece, bytes)),
    ]
}

proptest! {
    #[test]
    fn living_pieces_are_apart(steps in prop::collection::vec(step(), 0..200)) {
        let (arena, memory) = (Arena::new(), Pages(Cell::new(4096)));
        let mut alive: Vec<(usize, usize)> = Vec::new();
        for step in steps {
            match step {
                Step::Allocate(bytes, align) => {
                    if let Some(start) = arena.allocate(&memory, bytes, align) {
                        prop_assert!(start % align == 0 && start >= START);
                        alive.push((start, bytes));
                    }
                }
                Step::Free(piece) if !alive.is_empty() => {
                    let (start, bytes) = alive.swap_remove(piece % alive.len());
                    arena.free(start, bytes);
                }
                Step::Resize(piece, bytes) if !alive.is_empty() => {
                    let index = piece % alive.len();
                    let (start, old_bytes) = alive[index];
                    if arena.resize(&memory, start, old_bytes, bytes) {
                        alive[index].1 = bytes;
                    }
                }
                Step::Free(_) | Step::Resize(..) => {}
            }
            let mut sorted = alive.clone();
            sorted.sort_unstable();
            for pair in sorted.windows(2) {
                prop_assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?}");
            }
            prop_assert!(sorted.iter().all(|(start, bytes)| start + bytes <= memory.end()));
        }
    }
}

#[test]
fn it_begins_anew_when_nothing_is_alive() {
    let (arena, memory) = (Arena::new(), Pages(Cell::new(4096)));
    for _ in 0..1000 {
        let pieces: Vec<usize> = (0..10).filter_map(|_| arena.allocate(&memory, 100, 8)).collect();
        assert_eq!(pieces.len(), 10);
        for start in pieces {
            arena.free(start, 100);
        }
    }
    assert_eq!(memory.end(), 4096);
}

#[test]
fn the_last_piece_grows_in_place() {
    let (arena, memory) = (Arena::new(), Pages(Cell::new(4096)));
    let first = arena.allocate(&memory, 10, 1).unwrap();
    let last = arena.allocate(&memory, 10, 1).unwrap();
    assert!(arena.resize(&memory, last, 10, 5000));
    assert!(!arena.resize(&memory, first, 10, 11));
    assert!(arena.resize(&memory, first, 10, 9));
    assert_eq!(arena.allocate(&memory, 1, 1), Some(last + 5000));
}

#[test]
fn it_says_when_memory_has_no_room() {
    let (arena, memory) = (Arena::new(), Pages(Cell::new(4096)));
    assert_eq!(arena.allocate(&memory, LIMIT, 8), None);
    assert_eq!(arena.allocate(&memory, usize::MAX - 8, 8), None);
    assert_eq!(arena.allocate(&memory, 8, 8), Some(START));
}
