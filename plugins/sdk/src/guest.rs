//! What a guest without the standard library brings itself, see [`small_guest!`](crate::small_guest): the function by which
//! the host allocates, and (in `arena`) an allocator.

use core::mem::MaybeUninit;

use crate::prelude::*;

/// Room for an argument of so many bytes, as the canonical ABI asks for it. None when it is of a kind that hosts do not
/// ask for: only texts that change their encoding grow, and all texts here are UTF-8.
pub fn room(old_bytes: usize, align: usize, bytes: usize) -> Option<*mut u8> {
    match (old_bytes, align) {
        (0, 1) => Some(slice::<u8>(bytes)),
        (0, 2) => Some(slice::<u16>(bytes)),
        (0, 4) => Some(slice::<u32>(bytes)),
        (0, 8) => Some(slice::<u64>(bytes)),
        _ => None,
    }
}

/// A slice of exactly so many bytes, which the generated code turns into a list or a text that it owns.
fn slice<T>(bytes: usize) -> *mut u8 {
    let room: Box<[MaybeUninit<T>]> = Box::new_uninit_slice(bytes / size_of::<T>());
    Box::leak(room).as_mut_ptr().cast()
}

/// Makes a component small: to be used, behind [`export_router!`](crate::export_router), in a component's crate that has no
/// standard library (`#![cfg_attr(target_family = "wasm", no_std)]`), like all that it depends on. The component imports
/// nothing then, is some 40 kB smaller, and starts in half the time. The price: a panic is a trap that says nothing.
#[macro_export]
macro_rules! small_guest {
    () => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            #[global_allocator]
            static ARENA: $crate::arena::Arena = $crate::arena::Arena::new();

            #[panic_handler]
            fn panic(_: &::core::panic::PanicInfo<'_>) -> ! {
                ::core::arch::wasm32::unreachable()
            }

            // For `memcmp`, to which comparisons of texts are compiled.
            #[link(name = "c")]
            unsafe extern "C" {}

            // In place of the C library's, which uses an allocator of its own.
            #[unsafe(export_name = "cabi_realloc")]
            extern "C" fn cabi_realloc(_: *mut u8, old_bytes: usize, align: usize, bytes: usize) -> *mut u8 {
                match $crate::guest::room(old_bytes, align, bytes) {
                    Some(room) => room,
                    None => ::core::arch::wasm32::unreachable(),
                }
            }
        };
    };
}
