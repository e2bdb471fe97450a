//! Where a plugin's bytes are, as configured in a cluster: with references to what is in Secrets and ConfigMaps.

use std::path::PathBuf;

use tidegate_contract::Digest;
use url::Url;

/// Where a plugin's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// At a web server.
    Web(Box<WebSource>),
    /// In ConfigMaps.
    ConfigMap(ConfigMapSource),
    /// In a file on a volume of the controller.
    File(PathBuf),
    /// In the controller's binary.
    Builtin(String),
    /// Among the last good bytes that the controller keeps, under their digest.
    Stored(Digest),
}

/// A web server and how to ask it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebSource {
    /// What to get.
    pub url: Url,
    /// Headers to send.
    pub headers: Vec<HeaderSource>,
    /// Certificates (PEM) of authorities to trust besides the usual ones.
    pub ca: Option<KeyRef>,
    /// The proxy to go through; `None`: what `HTTPS_PROXY` and its like say.
    pub proxy: Option<Url>,
    /// Whether plain http will do.
    pub allow_http: bool,
}

/// Headers whose values nobody should read in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HeaderSource {
    /// One header whose value is one key of a Secret.
    One {
        /// The header's name, for example `Authorization`.
        name: String,
        /// Where its value is.
        value: KeyRef,
    },
    /// Each key of a Secret is a header (Argo's `headersFrom`).
    Each {
        /// The Secret's namespace.
        namespace: String,
        /// The Secret's name.
        name: String,
    },
}

/// One key of a Secret or a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRef {
    /// `Secret` or `ConfigMap`.
    pub kind: KeyKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// What a key is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// A Secret, read by its name, never listed.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// ConfigMaps whose `binaryData` have the bytes, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConfigMapSource {
    /// Their namespace.
    pub namespace: String,
    /// Their names, in order; one, unless the bytes are split.
    pub names: Vec<String>,
    /// The key in each of them.
    pub key: String,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Web(web) => f.write_str(&tidegate_artifact::shown(&web.url)),
            Self::ConfigMap(from) => {
                write!(f, "ConfigMap {}/{}", from.namespace, from.names.join(", "))
            }
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::Stored(_) => f.write_str("the copy in the cluster"),
        }
    }
}
