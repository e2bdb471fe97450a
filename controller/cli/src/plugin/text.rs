//! Texts for terminals, also those that come from a plugin.

use anstyle::{AnsiColor, Style};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const UNSURE: Style = AnsiColor::Yellow.on_default();

/// What a README or a slide shows without scrolling.
pub(super) const WIDTH: usize = 120;

/// A text of a plugin's making, without what could confuse a terminal: control characters, and characters that change
/// the direction of writing, as their escapes. Line ends stay.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let directional =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (character.is_control() && character != '\n') || directional {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Breaks a text at spaces, for lines of so many characters. A word that is longer stays whole.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text in a column: wrapped, the lines after the first one indented to where it begins.
pub(super) fn column(text: &str, at: usize) -> String {
    let mut lines = wrap(&printable(text), WIDTH.saturating_sub(at));
    for line in lines.iter_mut().skip(1) {
        line.insert_str(0, &" ".repeat(at));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{column, printable};

    #[test]
    fn terminals_are_not_confused() {
        assert_eq!(printable("a\u{1b}[31m\nb\u{202e}"), "a\\u{1b}[31m\nb\\u{202e}");
    }

    #[test]
    fn columns_are_wrapped_and_nothing_is_lost() {
        let text = "word ".repeat(60);
        let column = column(&text, 30);
        assert!(column.lines().count() > 1 && column.lines().all(|line| line.chars().count() <= 120));
        assert!(column.lines().skip(1).all(|line| line.starts_with(&" ".repeat(30))));
        assert_eq!(column.split_whitespace().count(), 60);
    }
}
