//! Answers as they lie in a guest's memory, by the canonical ABI.

/// A value of the contract's types, all of which are made of these: records, tuples, options and variants are their
/// parts one after the other, as every part takes whole words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number, a truth value, or the number of a case.
    Word(u32),
    /// A text, or what is passed off as one.
    Text(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A list of this length, all of whose elements lie in the same place as far as they have parts elsewhere.
    Repeated(Box<Value>, usize),
    /// An address and a length, whatever is there.
    Raw(u32, u32),
    /// Parts one after the other.
    Record(Vec<Value>),
}

impl Value {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts.
    pub fn texts(texts: &[&str]) -> Self {
        Self::List(texts.iter().map(|text| Self::text(text)).collect())
    }

    /// What a function answers when all is right.
    pub fn ok(value: Self) -> Self {
        Self::Record(vec![Self::Word(0), value])
    }

    /// What a function answers when it has a problem.
    pub fn problem(code: Self, message: Self) -> Self {
        // Absent: an object (kind, namespace, name), a place.
        let about = Self::Record(vec![Self::Word(0); 10]);
        let pointer = Self::Record(vec![Self::Word(0); 3]);
        Self::Record(vec![Self::Word(1), code, message, about, pointer])
    }

    /// Puts it at the end of what lies in memory from `base` on; answers its address.
    pub(crate) fn place(&self, base: u32, memory: &mut Vec<u8>) -> u32 {
        let words = self.words(base, memory);
        place(&bytes(&words), base, memory)
    }

    /// The words that stand for it; what they point to is placed.
    fn words(&self, base: u32, memory: &mut Vec<u8>) -> Vec<u32> {
        let length = |length: usize| u32::try_from(length).unwrap();
        match self {
            Self::Word(word) => vec![*word],
            Self::Text(text) => vec![place(text, base, memory), length(text.len())],
            Self::List(elements) => {
                let words: Vec<_> = elements.iter().flat_map(|element| element.words(base, memory)).collect();
                vec![place(&bytes(&words), base, memory), length(elements.len())]
            }
            Self::Repeated(element, times) => {
                let words = bytes(&element.words(base, memory)).repeat(*times);
                vec![place(&words, base, memory), length(*times)]
            }
            Self::Raw(address, length) => vec![*address, *length],
            Self::Record(parts) => parts.iter().flat_map(|part| part.words(base, memory)).collect(),
        }
    }
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn place(bytes: &[u8], base: u32, memory: &mut Vec<u8>) -> u32 {
    memory.resize(memory.len().next_multiple_of(8), 0);
    let address = base + u32::try_from(memory.len()).unwrap();
    memory.extend_from_slice(bytes);
    address
}
