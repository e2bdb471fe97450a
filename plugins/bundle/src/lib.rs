//! The router plugins that are built into the binary, so that nothing has to be fetched: `builtin:gateway-api` as
//! a plugin's location means the bytes that [`builtin`] has under this name.
//!
//! They are components like any other: loaded by the same stages, in the same sandbox.
#![forbid(unsafe_code)]

/// A plugin that is built in.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// The SHA-256 of its bytes, taken when they were embedded.
    pub sha256: [u8; 32],
    /// The component.
    pub bytes: &'static [u8],
}

static BUILTIN: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// All of them.
pub fn all() -> &'static [Builtin] {
    BUILTIN
}

/// The names of all of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|builtin| builtin.name)
}

/// The bytes of the plugin of this name.
pub fn builtin(name: &str) -> Option<&'static [u8]> {
    BUILTIN.iter().find(|builtin| builtin.name == name).map(|builtin| builtin.bytes)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{all, builtin, names};

    #[test]
    fn every_plugin_has_the_digest_of_its_bytes() {
        assert!(names().any(|name| name == "gateway-api"));
        for plugin in all() {
            assert_eq!(<[u8; 32]>::from(Sha256::digest(plugin.bytes)), plugin.sha256);
            assert_eq!(builtin(plugin.name), Some(plugin.bytes));
        }
        assert_eq!(builtin("no-such-plugin"), None);
    }
}
