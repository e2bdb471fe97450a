//! The allocator of small guests: an arena that begins anew when nothing in it is alive.
//!
//! A call allocates its arguments, some lists and its answer, and frees all of it before the next call. So memory is handed
//! out from front to back, what was handed out last can grow and be taken back, and when the last piece is freed all of it
//! is free again. That takes a few instructions where a general allocator takes a hundred, and a tenth of its code. A guest
//! that keeps something alive between calls loses what it frees behind it; a sandbox serves one pass, so that ends soon.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Where free memory begins, and how many pieces are alive. Atomics because a static must be `Sync`; guests have one thread.
#[derive(Debug, Default)]
pub struct Arena {
    /// The first address that was never handed out, 0 before the first piece.
    next: AtomicUsize,
    /// Pieces that are alive.
    alive: AtomicUsize,
}

impl Arena {
    /// An arena that has handed out nothing.
    pub const fn new() -> Self {
        Self { next: AtomicUsize::new(0), alive: AtomicUsize::new(0) }
    }

    /// The address of a new piece, which has at least one byte; none when `memory` has no room. The alignment is a power
    /// of two.
    pub fn allocate(&self, memory: &impl Memory, bytes: usize, align: usize) -> Option<usize> {
        let next = match (self.alive.load(Relaxed), self.next.load(Relaxed)) {
            (0, _) | (_, 0) => memory.start(),
            (_, next) => next,
        };
        let start = next.checked_add(align - 1)? & !(align - 1);
        let end = start.checked_add(bytes)?;
        if end > memory.end() && !memory.grow(end) {
            return None;
        }
        self.next.store(end, Relaxed);
        self.alive.store(self.alive.load(Relaxed) + 1, Relaxed);
        Some(start)
    }

    /// Takes a piece back.
    pub fn free(&self, start: usize, bytes: usize) {
        if start + bytes == self.next.load(Relaxed) {
            self.next.store(start, Relaxed);
        }
        self.alive.store(self.alive.load(Relaxed).saturating_sub(1), Relaxed);
    }

    /// Gives a piece another size where it is; false when it must move.
    pub fn resize(&self, memory: &impl Memory, start: usize, old_bytes: usize, bytes: usize) -> bool {
        if start + old_bytes != self.next.load(Relaxed) {
            return bytes <= old_bytes;
        }
        let Some(end) = start.checked_add(bytes) else { return false };
        if end > memory.end() && !memory.grow(end) {
            return false;
        }
        self.next.store(end, Relaxed);
        true
    }
}

/// Memory that an arena hands out.
pub trait Memory {
    /// The first address.
    fn start(&self) -> usize;

    /// The first address behind it.
    fn end(&self) -> usize;

    /// Makes it reach to this address; false when it cannot.
    fn grow(&self, end: usize) -> bool;
}

#[cfg(target_family = "wasm")]
mod linear {
    #![allow(unsafe_code)] // An allocator cannot be without.

    use core::alloc::{GlobalAlloc, Layout};
    use core::arch::wasm32::{memory_grow, memory_size};
    use core::ptr::{copy_nonoverlapping, null_mut, with_exposed_provenance_mut};

    use super::{Arena, Memory};

    const PAGE: usize = 64 << 10;

    unsafe extern "C" {
        /// Made by the linker: what is behind it belongs to nobody.
        safe static __heap_base: u8;
    }

    /// The guest's memory behind its data.
    struct Linear;

    impl Memory for Linear {
        fn start(&self) -> usize {
            (&raw const __heap_base).addr()
        }

        fn end(&self) -> usize {
            memory_size::<0>() * PAGE
        }

        #[cold]
        fn grow(&self, end: usize) -> bool {
            memory_grow::<0>((end - self.end()).div_ceil(PAGE)) != usize::MAX
        }
    }

    // SAFETY: pieces lie between the end of the data and the end of the memory, as aligned as asked for. Two that are alive
    // never overlap: a new one begins where the last one ended, or at the start when none is alive.
    unsafe impl GlobalAlloc for Arena {
        #[inline(never)]
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            match self.allocate(&Linear, layout.size(), layout.align()) {
                Some(start) => with_exposed_provenance_mut(start),
                None => null_mut(),
            }
        }

        #[inline(never)]
        unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
            self.free(piece.addr(), layout.size());
        }

        #[inline(never)]
        unsafe fn realloc(&self, piece: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
            if self.resize(&Linear, piece.addr(), layout.size(), bytes) {
                return piece;
            }
            let Some(start) = self.allocate(&Linear, bytes, layout.align()) else { return null_mut() };
            let moved = with_exposed_provenance_mut(start);
            // SAFETY: the old piece is alive and has this size, the new one is alive and, as the old one was too large or
            // not the last, at least as large; they do not overlap.
            unsafe { copy_nonoverlapping(piece, moved, layout.size().min(bytes)) };
            self.free(piece.addr(), layout.size());
            moved
        }
    }
}
