//! Texts of a plugin's making, made fit for people: bounded, and without what could confuse a terminal or a log.

/// At most that many characters of a text, on one line.
pub fn printable(text: &str, characters: usize) -> String {
    shown(text, characters, false)
}

/// The same for a text of several lines. Most texts are as they should be, and stay what they are.
pub fn fit(text: String, characters: usize) -> String {
    if text.len() <= characters && text.chars().all(|c| escape(c, true).eq([c])) {
        return text;
    }
    shown(&text, characters, true)
}

fn shown(text: &str, characters: usize, lines: bool) -> String {
    let mut out: String = text.chars().take(characters).flat_map(|c| escape(c, lines)).collect();
    if text.chars().nth(characters).is_some() {
        out.push('…');
    }
    out
}

/// A character as it is, or its escape when it is a control character or changes the direction of writing. With `lines`,
/// line ends and tabs stay.
pub fn escape(c: char, lines: bool) -> impl Iterator<Item = char> {
    let directional =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let stays = if c.is_control() { lines && matches!(c, '\n' | '\t') } else { !directional };
    let (plain, escaped) = if stays { (Some(c), None) } else { (None, Some(c.escape_unicode())) };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::{fit, printable};

    #[test]
    fn what_is_as_it_should_be_stays() {
        for text in ["", "plain", "für alle\n\tin zwei Zeilen"] {
            assert_eq!(fit(text.to_owned(), 1024), text);
        }
    }

    #[test]
    fn what_could_confuse_a_terminal_is_escaped() {
        assert_eq!(printable("a\u{1b}[2J\nb", 1024), "a\\u{1b}[2J\\u{a}b");
        assert_eq!(fit("a\u{1b}[2J\nb\u{202e}c".to_owned(), 1024), "a\\u{1b}[2J\nb\\u{202e}c");
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(fit("éééé".to_owned(), 3), "ééé…");
        assert_eq!(fit("éééé".to_owned(), 4), "éééé");
        assert_eq!(printable("abc", 2), "ab…");
    }
}
