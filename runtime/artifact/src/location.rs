//! Where plugins come from, as people write it.

use std::path::PathBuf;
use std::str::FromStr;

use tidegate_contract::Digest;
use url::Url;

use crate::error::{LoadError, LoadReason};
use crate::stage::Stage;

/// Where a plugin's bytes are. Written for people, so a URL is [`shown`] without its query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// In a file: a path, or `file:///path`.
    File(PathBuf),
    /// In the binary itself: `builtin:NAME`.
    Builtin(String),
    /// At a web server: `https://…`, or `http://…`, which whoever fetches it has to be allowed.
    Web(Url),
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::Web(url) => f.write_str(&shown(url)),
        }
    }
}

/// A URL as it may be shown: without what tends to be secret. User and password go, and of a query is only said that there
/// is one, since the whole authority of a signed URL is in its query.
pub fn shown(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    plain.set_fragment(None);
    // Fails for what has no host, which has no user either.
    let _ = plain.set_username("");
    let _ = plain.set_password(None);
    format!("{plain}{}", if url.query().is_some() { "?…" } else { "" })
}

fn invalid(message: String, hint: &str) -> LoadError {
    LoadError::new(Stage::Read, LoadReason::InvalidConfig, message, hint)
}

const FORMS: &str = "give a path, file:///PATH, https://HOST/PATH, or builtin:NAME";

impl FromStr for Location {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        if text.is_empty() {
            return Err(invalid("the location is empty".into(), FORMS));
        }
        if let Some(name) = text.strip_prefix("builtin:") {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || !name.chars().all(plain) {
                return Err(invalid(format!("{text:?} does not name a built-in plugin"), FORMS));
            }
            return Ok(Self::Builtin(name.to_owned()));
        }
        if let Some(path) = text.strip_prefix("file://") {
            // What is between the slashes would be a host, and there is no other host whose files could be read.
            if !path.starts_with('/') {
                return Err(invalid(
                    format!("{text:?} has no absolute path"),
                    "write three slashes: file:///PATH",
                ));
            }
            return Ok(Self::File(path.into()));
        }
        match text.split_once("://") {
            Some(("https" | "http", _)) => web(text),
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
                Err(invalid(
                    format!("{text:?}: plugins cannot be loaded over {scheme} yet"),
                    "fetch the file, put it on a read-only volume, and give its path",
                ))
            }
            _ => Ok(Self::File(text.into())),
        }
    }
}

fn web(text: &str) -> Result<Location, LoadError> {
    let url = Url::parse(text)
        .map_err(|error| invalid(format!("the location is no URL: {error}"), "write https://HOST/PATH"))?;
    // They would appear wherever the location does: in logs, conditions and metrics.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "the URL has a user name or a password in it".into(),
            "take them out, and send them as a header that comes from a Secret",
        ));
    }
    if url.fragment().is_some() {
        return Err(invalid(format!("{} has a fragment", shown(&url)), "leave out the # and what follows"));
    }
    Ok(Location::Web(url))
}

/// Where a plugin's bytes are and what they must hash to: `LOCATION[,sha256=HEX]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// Where.
    pub location: Location,
    /// The pin, if there is one.
    pub sha256: Option<Digest>,
}

impl FromStr for Source {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        let (location, option) = match text.rsplit_once(',') {
            Some((location, option)) if option.contains('=') => (location, Some(option)),
            _ => (text, None),
        };
        let sha256 = match option.and_then(|option| option.split_once('=')) {
            None => None,
            Some(("sha256", "")) => {
                return Err(LoadError::new(
                    Stage::Digest,
                    LoadReason::DigestMissing,
                    format!("{text:?} has no digest after sha256="),
                    "put the 64 hexadecimal digits there that `sha256sum FILE` prints, or leave ,sha256= out",
                ));
            }
            Some(("sha256", hex)) => Some(
                hex.parse().map_err(|error| invalid(format!("{hex:?}: {error}"), "see `sha256sum FILE`"))?,
            ),
            Some((key, _)) => {
                return Err(invalid(
                    format!("{text:?} has the unknown option {key:?}"),
                    "the only option is ,sha256=HEX",
                ));
            }
        };
        Ok(Self { location: location.parse()?, sha256 })
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.location)?;
        self.sha256.iter().try_for_each(|digest| write!(f, ",sha256={digest}"))
    }
}
