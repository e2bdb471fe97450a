//! `wasi:random`: numbers that look random and are the same in every sandbox. Guests use them for hash seeds; a plugin
//! that depended on them would be impure, so there is nothing that they must be unpredictable for.

use wasmtime::Result;

use super::{Wasi, spend_for};
use crate::fault::HostStop;

/// Bytes that one call may ask for.
const MOST: u64 = 64 << 10;

/// `SplitMix64` (Steele, Lea and Flood, 2014), which passes the usual tests and is a few lines.
#[derive(Clone, Debug)]
pub(super) struct Generator(u64);

impl Default for Generator {
    /// The seed is arbitrary and must never change: what a plugin answers could, by its fault, depend on it.
    fn default() -> Self {
        Self(0x7469_6465_6761_7465)
    }
}

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length.next_multiple_of(8));
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

pub(super) fn define(wasi: &mut Wasi<'_>) -> Result<()> {
    for (interface, bytes, number) in [
        ("wasi:random/random", "get-random-bytes", "get-random-u64"),
        ("wasi:random/insecure", "get-insecure-random-bytes", "get-insecure-random-u64"),
    ] {
        let mut random = wasi.interface(interface)?;
        random.function(bytes, |guest, (length,): (u64,)| {
            let length = usize::try_from(length.min(MOST + 1)).unwrap_or(usize::MAX);
            if length as u64 > MOST {
                return Err(wasmtime::Error::new(HostStop::Misuse(
                    "it asked for more than 64 KiB of random bytes at once",
                )));
            }
            spend_for(guest, length)?;
            Ok((guest.data_mut().wasi.random.bytes(length),))
        })?;
        random.function(number, |guest, (): ()| Ok((guest.data_mut().wasi.random.next(),)))?;
    }
    wasi.interface("wasi:random/insecure-seed")?.function("insecure-seed", |guest, (): ()| {
        let random = &mut guest.data_mut().wasi.random;
        Ok(((random.next(), random.next()),))
    })
}

#[cfg(test)]
mod tests {
    use super::Generator;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first numbers from seed 1234567, as published with the reference implementation.
        let mut generator = Generator(1_234_567);
        let numbers = [generator.next(), generator.next(), generator.next()];
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn bytes_are_as_many_as_asked_for_and_continue_the_sequence() {
        let mut generator = Generator::default();
        assert_eq!(generator.bytes(0).len(), 0);
        let (first, second) = (generator.bytes(13), generator.bytes(13));
        assert_eq!((first.len(), second.len()), (13, 13));
        assert_ne!(first, second);
        assert_eq!(Generator::default().bytes(13), first);
    }
}
