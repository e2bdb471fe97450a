//! Looking at JSON texts 16 bytes at a time: where the few bytes are that matter.

/// Bytes of a block.
pub(super) const BLOCK: usize = 16;

/// 16 bytes of a text. Its functions answer with one bit for each byte, the lowest for the first.
#[derive(Clone, Copy)]
pub(super) struct Block(Bytes);

impl Block {
    /// The bytes from this position on, with spaces behind the end of the text; `None` at its end.
    pub(super) fn at(text: &[u8], position: usize) -> Option<Self> {
        let rest = text.get(position..)?;
        if let Some(bytes) = rest.first_chunk::<BLOCK>() {
            return Some(Self(Bytes::new(bytes)));
        }
        Self::last(rest)
    }

    #[cold]
    fn last(rest: &[u8]) -> Option<Self> {
        let mut bytes = [b' '; BLOCK];
        for (byte, from) in bytes.iter_mut().zip(rest) {
            *byte = *from;
        }
        (!rest.is_empty()).then(|| Self(Bytes::new(&bytes)))
    }

    /// Quotation marks.
    pub(super) fn quotes(self) -> u32 {
        self.0.equal(b'"')
    }

    /// Backslashes.
    pub(super) fn backslashes(self) -> u32 {
        self.0.equal(b'\\')
    }

    /// What ends a text or makes it one that is not simple: quotation marks, backslashes, control characters.
    pub(super) fn text_ends(self) -> u32 {
        self.0.equal_or_below(b'"', b'\\', b' ')
    }

    /// `[` and `{`, which differ in one bit.
    pub(super) fn opening(self) -> u32 {
        self.0.equal_with_0x20(b'{')
    }

    /// `]` and `}`, likewise.
    pub(super) fn closing(self) -> u32 {
        self.0.equal_with_0x20(b'}')
    }
}

/// Where in the middle of a text a walk over its blocks is.
#[derive(Clone, Copy, Default)]
pub(super) struct Walk {
    /// All bits when the next block begins inside a JSON text, none when outside.
    inside: u32,
    /// The lowest bit when the first byte of the next block is escaped.
    escaped: u32,
}

impl Walk {
    /// The bytes of the next block that are inside JSON texts.
    pub(super) fn texts(&mut self, block: Block) -> u32 {
        let mut quotes = block.quotes();
        let backslashes = block.backslashes();
        if backslashes | self.escaped != 0 {
            quotes &= !self.escapes(backslashes);
        }
        // Each bit becomes the sum (without carry) of itself and all below it.
        let mut texts = quotes;
        texts ^= texts << 1;
        texts ^= texts << 2;
        texts ^= texts << 4;
        texts ^= texts << 8;
        texts ^= self.inside;
        self.inside = 0_u32.wrapping_sub(texts >> (BLOCK - 1) & 1);
        texts
    }

    /// The bytes that are escaped.
    fn escapes(&mut self, backslashes: u32) -> u32 {
        let mut escaped = self.escaped;
        let mut left = backslashes & !escaped;
        while left != 0 {
            let first = left & left.wrapping_neg();
            escaped |= first << 1;
            left &= !(first | first << 1);
        }
        self.escaped = escaped >> BLOCK;
        escaped
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod bytes {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128, v128_or};

    use super::BLOCK;

    /// 16 bytes in a register.
    #[derive(Clone, Copy)]
    pub(super) struct Bytes(v128);

    impl Bytes {
        pub(super) fn new(bytes: &[u8; BLOCK]) -> Self {
            let [low, high] = [0, 8].map(|shift| (u128::from_le_bytes(*bytes) >> (8 * shift)) as u64);
            Self(u64x2(low, high))
        }

        pub(super) fn equal(self, byte: u8) -> u32 {
            u8x16_bitmask(u8x16_eq(self.0, u8x16_splat(byte))).into()
        }

        pub(super) fn equal_with_0x20(self, byte: u8) -> u32 {
            let with = v128_or(self.0, u8x16_splat(0x20));
            u8x16_bitmask(u8x16_eq(with, u8x16_splat(byte))).into()
        }

        pub(super) fn equal_or_below(self, one: u8, other: u8, limit: u8) -> u32 {
            let equal = v128_or(u8x16_eq(self.0, u8x16_splat(one)), u8x16_eq(self.0, u8x16_splat(other)));
            u8x16_bitmask(v128_or(equal, u8x16_lt(self.0, u8x16_splat(limit)))).into()
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod bytes {
    use super::BLOCK;

    /// 16 bytes, for targets without registers of that size (and in tests).
    #[derive(Clone, Copy)]
    pub(super) struct Bytes([u8; BLOCK]);

    impl Bytes {
        pub(super) fn new(bytes: &[u8; BLOCK]) -> Self {
            Self(*bytes)
        }

        pub(super) fn equal(self, byte: u8) -> u32 {
            self.bits(|other| other == byte)
        }

        pub(super) fn equal_with_0x20(self, byte: u8) -> u32 {
            self.bits(|other| other | 0x20 == byte)
        }

        pub(super) fn equal_or_below(self, one: u8, other: u8, limit: u8) -> u32 {
            self.bits(|byte| byte == one || byte == other || byte < limit)
        }

        fn bits(self, is: impl Fn(u8) -> bool) -> u32 {
            self.0.iter().rev().fold(0, |bits, byte| bits << 1 | u32::from(is(*byte)))
        }
    }
}

use bytes::Bytes;
