//! What a guest writes to standard output and error: the end of it, for diagnostics.

use std::collections::VecDeque;

use crate::fault::escape;

/// Bytes that are kept of each stream, and of both when they are shown.
const KEPT: usize = 8 << 10;

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    dropped: u64,
}

impl Tail {
    /// Adds bytes at the end, and drops as many at the beginning as are too many.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let skipped = bytes.len().saturating_sub(KEPT);
        let last = bytes.get(skipped..).unwrap_or_default();
        let old = (self.bytes.len() + last.len()).saturating_sub(KEPT);
        self.bytes.drain(..old);
        self.bytes.extend(last);
        self.dropped = self.dropped.saturating_add((skipped + old) as u64);
    }

    /// As text, without what could confuse a terminal or a log.
    fn text(&self) -> String {
        let (a, b) = self.bytes.as_slices();
        let bytes = [a, b].concat();
        let mut text = String::new();
        if self.dropped > 0 {
            text = format!("[{} bytes before]\n", self.dropped);
        }
        text.extend(String::from_utf8_lossy(&bytes).trim_end().chars().flat_map(|c| escape(c, true)));
        text
    }
}

/// Both streams.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) stdout: Tail,
    pub(super) stderr: Tail,
}

impl Output {
    /// Standard error, then standard output; at most 8 KiB of text.
    pub(super) fn last_words(&self) -> String {
        let mut words = self.stderr.text();
        let stdout = self.stdout.text();
        if !words.is_empty() && !stdout.is_empty() {
            words.push('\n');
        }
        words.push_str(&stdout);
        // Escapes and replacement characters are longer than what they stand for. What is cut is at the end, so that the
        // beginning of standard error's tail, with the message of a panic, stays.
        if words.len() > KEPT {
            let end = (0..=KEPT).rev().find(|at| words.is_char_boundary(*at)).unwrap_or_default();
            words.truncate(end);
        }
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
        let text = tail.text();
        assert!(text.ends_with("4998 4999"), "{text}");
        assert!(text.starts_with('['), "{text}");

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
        output.stderr.write(&vec![7; KEPT]);
        output.stdout.write(&vec![0xff; KEPT]);
        assert!(output.last_words().len() <= KEPT);
    }
}
