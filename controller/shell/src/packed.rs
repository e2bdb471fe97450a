//! Texts in little memory. Objects of one kind resemble each other: most of a ReplicaSet is words that are in every ReplicaSet. So
//! each text is kept compressed (LZ4), with some texts of the same kind as the dictionary that it may refer to.
//!
//! LZ4, because unpacking an object takes a few microseconds, a fraction of what parsing it takes.

use std::sync::Arc;

/// A dictionary grows to this size. What is beyond 64 KiB could not be referred to, and each packing looks through all of it.
const DICTIONARY: usize = 16 * 1024;

/// Texts shorter than this are kept as they are.
const SHORT: usize = 128;

/// Packs texts that resemble each other.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    dictionary: Arc<[u8]>,
    is_complete: bool,
}

/// A text, packed.
#[derive(Clone, Debug)]
pub(crate) enum Packed {
    /// As it is.
    Plain(Box<str>),
    /// Compressed.
    Small {
        bytes: Box<[u8]>,
        /// Of the text.
        length: u32,
        dictionary: Arc<[u8]>,
    },
}

impl Packer {
    /// Packs a text.
    pub(crate) fn pack(&mut self, text: &str) -> Packed {
        let Some(length) = u32::try_from(text.len()).ok().filter(|_| text.len() >= SHORT) else {
            return Packed::Plain(text.into());
        };
        let bytes = lz4_flex::block::compress_with_dict(text.as_bytes(), &self.dictionary);
        let packed =
            Packed::Small { bytes: bytes.into_boxed_slice(), length, dictionary: self.dictionary.clone() };
        self.learn(text);
        packed
    }

    /// Later texts may refer to this one.
    fn learn(&mut self, text: &str) {
        if self.is_complete {
            return;
        }
        let room = DICTIONARY.saturating_sub(self.dictionary.len());
        let part = text.as_bytes().get(..room.min(text.len())).unwrap_or_default();
        self.dictionary = [&*self.dictionary, part].concat().into();
        self.is_complete = self.dictionary.len() >= DICTIONARY;
    }
}

impl Packed {
    /// The text.
    pub(crate) fn unpack(&self) -> String {
        match self {
            Self::Plain(text) => text.as_ref().to_owned(),
            Self::Small { bytes, length, dictionary } => {
                let length = usize::try_from(*length).unwrap_or_default();
                // It was packed here, of a text, and nobody changes it.
                let unpacked = lz4_flex::block::decompress_with_dict(bytes, length, dictionary);
                unpacked.ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        let mut packer = Packer::default();
        let long = |number: usize| {
            format!(
                "{{\"metadata\": {{\"name\": \"web-{number}\", \"é\": \"{}\"}}}}",
                "x".repeat(number * 40)
            )
        };
        let texts: Vec<String> = (0..120).map(long).chain([String::new(), "short".into()]).collect();
        let packed: Vec<Packed> = texts.iter().map(|text| packer.pack(text)).collect();
        assert!(packer.is_complete);
        for (text, packed) in texts.iter().zip(&packed) {
            assert_eq!(packed.unpack(), *text);
        }
    }

    #[test]
    fn a_text_that_is_known_takes_hardly_any_memory() {
        let mut packer = Packer::default();
        let words = (0..500).map(|number| number.to_string()).collect::<Vec<_>>().join(" word ");
        packer.pack(&words);
        let Packed::Small { bytes, .. } = packer.pack(&words) else { panic!("it is long") };
        assert!(bytes.len() * 50 < words.len(), "{} of {}", bytes.len(), words.len());
    }
}
