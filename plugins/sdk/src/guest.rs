//! What a guest without the standard library brings itself, see [`small_guest!`](crate::small_guest): the function by which
//! the host allocates, the one by which texts are compared, and (in `arena`) an allocator.

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

/// How two pieces of the same length compare, as C's `memcmp` says it: below 0, 0, or above 0.
///
/// Comparisons of texts are compiled to calls of that function. The C library's looks at one byte after the other, which
/// was up to a tenth of a pass's fuel; this one looks at 8 bytes, then 4, then single ones.
// Nothing here may compare slices or arrays: that would be compiled to a call of this very function.
pub fn compare(mut left: &[u8], mut right: &[u8]) -> i32 {
    while let (Some((one, left_rest)), Some((other, right_rest))) =
        (left.split_first_chunk::<8>(), right.split_first_chunk::<8>())
    {
        let (one, other) = (u64::from_ne_bytes(*one), u64::from_ne_bytes(*other));
        if one != other {
            return one.to_be().cmp(&other.to_be()) as i32;
        }
        (left, right) = (left_rest, right_rest);
    }
    if let (Some((one, left_rest)), Some((other, right_rest))) =
        (left.split_first_chunk::<4>(), right.split_first_chunk::<4>())
    {
        let (one, other) = (u32::from_ne_bytes(*one), u32::from_ne_bytes(*other));
        if one != other {
            return one.to_be().cmp(&other.to_be()) as i32;
        }
        (left, right) = (left_rest, right_rest);
    }
    for (one, other) in left.iter().zip(right) {
        if one != other {
            return i32::from(*one) - i32::from(*other);
        }
    }
    0
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

            // In place of the C library's, which is slow.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, bytes: usize) -> i32 {
                // SAFETY: compiled code calls it with pointers to so many bytes; they are never null.
                let (left, right) = unsafe {
                    (::core::slice::from_raw_parts(left, bytes), ::core::slice::from_raw_parts(right, bytes))
                };
                $crate::guest::compare(left, right)
            }

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

#[cfg(test)]
mod tests {
    use core::cmp::Ordering;

    use super::compare;
    use crate::prelude::*;

    #[test]
    fn pieces_compare_by_their_first_different_byte() {
        for length in 0..40_usize {
            let piece: Vec<u8> = (0..length).map(|index| u8::try_from(index * 7 % 256).unwrap()).collect();
            assert_eq!(compare(&piece, &piece), 0, "{length}");
            for at in 0..length {
                for byte in [0, 1, 127, 128, 255] {
                    let mut other = piece.clone();
                    other[at] = byte;
                    // Behind the first difference nothing counts.
                    if let Some(last) = other.last_mut().filter(|_| at + 1 < length) {
                        *last = !byte;
                    }
                    let expected = piece.cmp(&other);
                    assert_eq!(compare(&piece, &other).cmp(&0), expected, "{piece:?} {other:?}");
                    assert_eq!(compare(&other, &piece).cmp(&0), expected.reverse(), "{piece:?} {other:?}");
                    assert_eq!(expected == Ordering::Equal, piece == other);
                }
            }
        }
    }
}
