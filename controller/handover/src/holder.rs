//! Whose a lease is, by the form of its holder's identity.

/// Whose a lease is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An Argo Rollouts controller: the host's name, `_`, and a UUID, as all that is made with client-go.
    Argo,
    /// A Tidegate controller: the pod's name, `_`, and sixteen hexadecimal digits.
    Tidegate,
    /// Somebody whose identity has neither form.
    Unknown,
}

impl Holder {
    /// Judges an identity.
    pub fn of(identity: &str) -> Self {
        match identity.rsplit_once('_') {
            Some((_, suffix)) if is_uuid(suffix) => Self::Argo,
            Some((_, suffix)) if suffix.len() == 16 && is_hex(suffix) => Self::Tidegate,
            _ => Self::Unknown,
        }
    }
}

fn is_uuid(text: &str) -> bool {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    let fit =
        LENGTHS.iter().all(|length| parts.next().is_some_and(|part| part.len() == *length && is_hex(part)));
    fit && parts.next().is_none()
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_an_identity_tells_whose_it_is() {
        for (identity, holder) in [
            ("argo-rollouts-7c9f_0b1e2d3c-4455-6677-8899-aabbccddeeff", Holder::Argo),
            ("host_with_underscores_0b1e2d3c-4455-6677-8899-aabbccddeeff", Holder::Argo),
            ("tidegate-5d8b_00ff00ff00ff00ff", Holder::Tidegate),
            ("tidegate-5d8b_00ff00ff00ff00f", Holder::Unknown),
            ("0b1e2d3c-4455-6677-8899-aabbccddeeff", Holder::Unknown),
            ("host_0b1e2d3c-4455-6677-8899-aabbccddeeff-00", Holder::Unknown),
            ("host_0b1e2d3c-4455-6677-8899", Holder::Unknown),
            ("somebody", Holder::Unknown),
            ("", Holder::Unknown),
        ] {
            assert_eq!(Holder::of(identity), holder, "{identity}");
        }
    }
}
