//! What a guest writes to standard output and error: the end of it, for diagnostics.

use std::collections::VecDeque;

use tidegate_contract::text::escape;

/// Bytes that are kept of each stream, and of both when they are shown.
const KEPT: usize = 8 << 10;

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    /// Whether there was more.
    cut: bool,
}

impl Tail {
    /// Adds bytes at the end, and drops as many at the beginning as are too many.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let skipped = bytes.len().saturating_sub(KEPT);
        let last = bytes.get(skipped..).unwrap_or_default();
        let old = (self.bytes.len() + last.len()).saturating_sub(KEPT);
        self.bytes.drain(..old);
        self.bytes.extend(last);
        self.cut |= skipped + old > 0;
    }

    /// Its end as text of at most `length` bytes, without what could confuse a terminal or a log.
    fn text(&self, length: usize) -> String {
        let (a, b) = self.bytes.as_slices();
        let bytes = [a, b].concat();
        let text: String =
            String::from_utf8_lossy(&bytes).trim_end().chars().flat_map(|c| escape(c, true)).collect();
        if !self.cut && text.len() <= length {
            return text;
        }
        // Escapes and replacement characters are longer than what they stand for, so more may have to go.
        let end = end_of(&text, length.saturating_sub(CUT.len()));
        [CUT.get(..length).unwrap_or(CUT), end].concat()
    }
}

/// Says that something is missing before what follows.
const CUT: &str = "[...] ";

/// The end of a text, at most `length` bytes.
fn end_of(text: &str, length: usize) -> &str {
    let mut start = text.len().saturating_sub(length);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

/// Both streams.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) stdout: Tail,
    pub(super) stderr: Tail,
}

impl Output {
    /// The end of standard error, then as much as fits of the end of standard output; at most 8 KiB of text.
    pub(super) fn last_words(&self) -> String {
        let mut words = self.stderr.text(KEPT);
        if !words.is_empty() && !self.stdout.bytes.is_empty() && words.len() < KEPT {
            words.push('\n');
        }
        let stdout = self.stdout.text(KEPT.saturating_sub(words.len()));
        words.push_str(&stdout);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Output, Tail};

    #[test]
    fn the_end_is_kept() {
        let mut tail = Tail::default();
        for number in 0..5000 {
            tail.write(format!("{number} ").as_bytes());
        }
        assert!(tail.bytes.len() <= KEPT);
        let text = tail.text(KEPT);
        assert!(text.ends_with("4998 4999") && text.starts_with('[') && text.len() <= KEPT, "{text}");
        for length in 0..20 {
            assert_eq!(tail.text(length).len(), length);
        }

        tail.write(&vec![b'x'; 10 * KEPT]);
        assert_eq!(tail.bytes.len(), KEPT);
        assert!(tail.bytes.iter().all(|byte| *byte == b'x'));
    }

    #[test]
    fn what_is_shown_cannot_confuse_a_terminal() {
        let mut output = Output::default();
        output.stderr.write(b"a\x1b[2J\xff\r\nb\tc\x07");
        output.stdout.write("out \u{202e}".as_bytes());
        let words = output.last_words();
        assert!(words.starts_with("a\\u{1b}[2J\u{fffd}\\u{d}\nb\tc"), "{words}");
        assert!(words.ends_with("\nout \\u{202e}"), "{words}");
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let mut output = Output::default();
        output.stdout.write(&vec![0xff; KEPT]);
        assert!(output.last_words().len() <= KEPT);
        output.stderr.write(&vec![7; KEPT]);
        output.stderr.write(b"the end");
        let words = output.last_words();
        assert!(words.len() <= KEPT && words.ends_with("the end"), "{words}");
    }
}
