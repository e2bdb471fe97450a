//! Misspelled fields of a Rollout. An API server leaves them out without a word.

use serde_json::Value;
use tidegate_model::{UnknownField, unknown_fields};

use crate::finding::{Said, Severity, reason};

/// So many names are all told; of more, only the nearest.
const FEW: usize = 12;
/// Names that differ in more than this share of their letters are not the same one misspelled.
const UNLIKE: f64 = 0.4;

/// The fields that a Rollout cannot have, but for those that are told of already.
pub(crate) fn misspelled(rollout: &Value, told: &[Said]) -> Vec<Said> {
    let is_new = |field: &UnknownField| told.iter().all(|said| !said.path.starts_with(&field.path));
    let fields = unknown_fields(rollout).into_iter().filter(is_new);
    fields
        .map(|field| Said::new(Severity::Error, reason::UNKNOWN_FIELD, &field.path, message(&field)))
        .collect()
}

fn message(field: &UnknownField) -> String {
    let known = if field.known.len() <= FEW {
        format!(", there are {}", field.known.join(", "))
    } else {
        String::new()
    };
    let advice = match nearest(&field.name, &field.known) {
        Some(meant) => format!("write {meant}"),
        None => "correct or remove it".to_owned(),
    };
    format!("is no field of it{known}, and the API server would leave it out; {advice}")
}

/// The name that was probably meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |one: &str| strsim::normalized_damerau_levenshtein(&name, &one.to_lowercase());
    let nearest = known.iter().map(|one| (*one, distance(one)));
    let (one, likeness) = nearest.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (likeness >= 1.0 - UNLIKE).then_some(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found() {
        let known = ["setWeight", "pause", "setCanaryScale", "experiment"];
        for (name, meant) in [
            ("setWieght", Some("setWeight")),
            ("set_weight", Some("setWeight")),
            ("setweight", Some("setWeight")),
            ("Pause", Some("pause")),
            ("setCanaryScale ", Some("setCanaryScale")),
            ("replicas", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &known), meant, "{name}");
        }
        assert_eq!(nearest("x", &[]), None);
    }
}
