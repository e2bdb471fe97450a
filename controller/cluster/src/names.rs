//! Names, label keys and label values: what `k8s.io/apimachinery/pkg/util/validation` allows, with its messages.

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_KEY: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// How objects of a kind may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// RFC 1123 subdomain, up to 253 characters: nearly every kind.
    Subdomain,
    /// RFC 1123 label, up to 63 characters: namespaces, and services (which before 1.34 also had to begin with a
    /// letter).
    Label,
}

impl NameRule {
    /// What is wrong with a name.
    pub(crate) fn problem(self, name: &str) -> Option<String> {
        let (most, valid, message) = match self {
            Self::Subdomain => (253, name.split('.').all(is_label), SUBDOMAIN),
            Self::Label => (63, is_label(name), LABEL),
        };
        if name.len() > most {
            Some(format!("must be no more than {most} bytes"))
        } else {
            (!valid).then(|| message.to_owned())
        }
    }
}

/// Letters, digits and `-` in lower case, no `-` at either end.
fn is_label(text: &str) -> bool {
    framed(text, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit(), |byte| byte == b'-')
}

/// Every byte is an inner one or an end one, the first and the last are end ones.
fn framed(text: &str, end: impl Fn(u8) -> bool, inner: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    end(*first) && end(*last) && bytes.iter().all(|byte| end(*byte) || inner(*byte))
}

fn is_name_part(text: &str) -> bool {
    framed(text, |byte| byte.is_ascii_alphanumeric(), |byte| matches!(byte, b'-' | b'_' | b'.'))
}

/// What is wrong with the key of a label, the key of an annotation (in lower case) or the name of a finalizer.
pub(crate) fn key_problem(key: &str) -> Option<String> {
    let name = match key.split_once('/') {
        None => key,
        Some(("", _)) => return Some("prefix part must be non-empty".into()),
        Some((prefix, name)) => {
            if let Some(problem) = NameRule::Subdomain.problem(prefix) {
                return Some(format!("prefix part {problem}"));
            }
            name
        }
    };
    if name.is_empty() {
        Some("name part must be non-empty".into())
    } else if name.len() > 63 {
        Some("name part must be no more than 63 bytes".into())
    } else {
        (!is_name_part(name)).then(|| LABEL_KEY.into())
    }
}

/// What is wrong with the value of a label.
pub(crate) fn label_value_problem(value: &str) -> Option<String> {
    if value.len() > 63 {
        Some("must be no more than 63 bytes".into())
    } else {
        (!value.is_empty() && !is_name_part(value)).then(|| LABEL_VALUE.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_rule() {
        let table = [
            ("web", true, true),
            ("web-1", true, true),
            ("1web", true, true),
            ("a.b-c.d", true, false),
            ("a..b", false, false),
            ("Web", false, false),
            ("-web", false, false),
            ("web-", false, false),
            ("we_b", false, false),
            ("", false, false),
        ];
        for (name, subdomain, label) in table {
            assert_eq!(NameRule::Subdomain.problem(name).is_none(), subdomain, "{name}");
            assert_eq!(NameRule::Label.problem(name).is_none(), label, "{name}");
        }
        assert!(NameRule::Subdomain.problem(&"a".repeat(253)).is_none());
        assert!(NameRule::Subdomain.problem(&"a".repeat(254)).is_some());
        assert!(NameRule::Label.problem(&"a".repeat(64)).is_some());
    }

    #[test]
    fn label_keys_and_values() {
        let long = "k".repeat(64);
        for good in ["app", "app.kubernetes.io/name", "A_b.c-d", "1"] {
            assert_eq!(key_problem(good), None, "{good}");
        }
        for bad in ["", "/x", "x/", "UPPER.io/x", "a b", "-x", "x-", "a/b/c", long.as_str()] {
            assert!(key_problem(bad).is_some(), "{bad}");
        }
        for good in ["", "v1.2", "A_b", "1"] {
            assert_eq!(label_value_problem(good), None, "{good}");
        }
        for bad in ["a/b", "-", "x.", "a b", long.as_str()] {
            assert!(label_value_problem(bad).is_some(), "{bad}");
        }
    }
}
