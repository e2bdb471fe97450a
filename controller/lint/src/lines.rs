//! On which line of a text each field stands, and which keys a text gives twice.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser};

use crate::path;

/// The lines of the fields of one document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    by_path: BTreeMap<Vec<String>, usize>,
    /// Keys that one mapping has twice: where, and on which line the second time.
    pub(crate) twice: Vec<(Vec<String>, usize)>,
}

/// Where the reader is in a collection.
enum Open {
    /// In a mapping, with the key whose value comes next.
    Mapping(Option<String>),
    /// In a sequence, before the element with this index.
    Sequence(usize),
}

impl Lines {
    /// Those of each document in a text (YAML or JSON), in order. Of a text that cannot be read, those before the place
    /// that cannot.
    pub(crate) fn of(text: &str) -> Vec<Self> {
        let mut documents = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut place: Vec<String> = Vec::new();
        for next in Parser::new_from_str(text) {
            let Ok((event, span)) = next else { break };
            let line = span.start.line();
            let begins = match event {
                Event::DocumentStart(..) => {
                    documents.push(Self::default());
                    (open, place) = (Vec::new(), Vec::new());
                    continue;
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    open.pop();
                    leave(&mut open, &mut place);
                    continue;
                }
                Event::Scalar(value, ..) => {
                    if let Some(Open::Mapping(key @ None)) = open.last_mut() {
                        *key = Some(value.to_string());
                        place.push(value.to_string());
                        if let Some(lines) = documents.last_mut() {
                            lines.note(&place, line);
                        }
                        continue;
                    }
                    None
                }
                Event::Alias(_) => None,
                Event::MappingStart(..) => Some(Open::Mapping(None)),
                Event::SequenceStart(..) => Some(Open::Sequence(0)),
                _ => continue,
            };
            match open.last() {
                Some(Open::Sequence(index)) => {
                    place.push(index.to_string());
                    if let Some(lines) = documents.last_mut() {
                        lines.note(&place, line);
                    }
                }
                // A key that is no scalar: nothing of ours has one.
                Some(Open::Mapping(None)) => place.push(String::new()),
                Some(Open::Mapping(Some(_))) => {}
                None => {
                    if let Some(lines) = documents.last_mut() {
                        lines.by_path.insert(Vec::new(), line);
                    }
                }
            }
            match begins {
                Some(collection) => open.push(collection),
                None => leave(&mut open, &mut place),
            }
        }
        documents
    }

    fn note(&mut self, place: &[String], line: usize) {
        if self.by_path.insert(place.to_vec(), line).is_some() && !is_merge(place) {
            self.twice.push((place.to_vec(), line));
        }
    }

    /// The line of a field below a prefix; of what is not there, that of the nearest thing around it.
    pub(crate) fn of_field(&self, prefix: &[String], path: &str) -> Option<usize> {
        let mut place = [prefix, &path::parts(path)].concat();
        loop {
            if let Some(line) = self.by_path.get(&place) {
                return Some(*line);
            }
            place.pop()?;
        }
    }
}

/// `<<`, which YAML lets a mapping have, and which several merges may share.
fn is_merge(place: &[String]) -> bool {
    place.last().is_some_and(|key| key == "<<")
}

/// A value is over: the next one is for another key, or the next element.
fn leave(open: &mut [Open], place: &mut Vec<String>) {
    match open.last_mut() {
        Some(Open::Mapping(key)) => {
            // Without one the value was itself a key.
            *key = match key {
                Some(_) => {
                    place.pop();
                    None
                }
                None => Some(String::new()),
            };
        }
        Some(Open::Sequence(index)) => {
            *index += 1;
            place.pop();
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
spec:
  steps:
    - setWeight: 5
    - pause: {duration: 1m,
              more: [1, 2]}
  labels: &shared
    a.b/c: x
  again: *shared
  empty:
---
kind: Service
---
{\"a\": 1,
 \"b\": {\"a\": 1,
         \"a\": 2}}
";

    #[test]
    fn fields_are_found_on_their_lines() {
        let documents = Lines::of(TEXT);
        assert_eq!(documents.len(), 3);
        for (document, path, line) in [
            (0, "spec", 2),
            (0, "spec.steps[0].setWeight", 4),
            (0, "spec.steps[1]", 5),
            (0, "spec.steps[1].pause.duration", 5),
            (0, "spec.steps[1].pause.more[1]", 6),
            (0, r#"spec.labels["a.b/c"]"#, 8),
            (0, "spec.again.unknown", 9),
            (0, "spec.empty", 10),
            (0, "spec.steps[7].setWeight", 3),
            (1, "kind", 12),
            (1, "nothing.of.it", 12),
            (2, "b.a", 16),
        ] {
            assert_eq!(documents[document].of_field(&[], path), Some(line), "{document} {path}");
        }
        let inside = documents[0].of_field(&["spec".to_owned()], "steps[0]");
        assert_eq!(inside, Some(4));
    }

    #[test]
    fn keys_that_are_there_twice_are_told() {
        let documents = Lines::of(TEXT);
        assert!(documents[0].twice.is_empty(), "{:?}", documents[0].twice);
        assert_eq!(documents[2].twice, [(vec!["b".to_owned(), "a".to_owned()], 16)]);
    }

    #[test]
    fn what_cannot_be_read_has_the_lines_before_it() {
        let documents = Lines::of("a: 1\n---\nb: [\n");
        assert_eq!(documents[0].of_field(&[], "a"), Some(1));
    }
}
