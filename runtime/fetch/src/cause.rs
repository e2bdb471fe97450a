//! Why there is no answer, or not all of it: what an error of the HTTP client means, in words, with the remedy. For whoever asks
//! a server with that client; no value of a header, no query and no password is in what it says.

use std::error::Error;
use std::io;

use rustls::CertificateError;
use tidegate_artifact::{LoadError, LoadReason, Stage};

use crate::resolver::Unresolved;

/// Where it was asked.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The address, for people.
    pub shown: &'a str,
    /// Its host and port.
    pub host: &'a str,
    /// Whether it is https.
    pub secure: bool,
    /// Whether there are authorities that are trusted at all.
    pub has_roots: bool,
}

/// What went wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What went wrong; begins with the address.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
    /// Whether asking again at once may help.
    pub passes: bool,
}

impl Explained {
    fn passing(message: String, hint: &'static str) -> Self {
        Self { message, hint, passes: true }
    }

    fn lasting(message: String, hint: &'static str) -> Self {
        Self { message, hint, passes: false }
    }

    pub(crate) fn into_error(self) -> LoadError {
        LoadError::new(Stage::Read, LoadReason::Unreachable, self.message, self.hint)
    }
}

const CONNECT: &str = "check host and port, that the server runs, that NetworkPolicies and firewalls let this process reach it, \
                       and which proxy is used (HTTPS_PROXY, NO_PROXY, for a plugin its source's own)";
const RETRY: &str =
    "look at the server, and at the proxies and load balancers in front of it; it is tried again later";
const NOT_TLS: &str = "check the port: something else than https listens there. For a server without TLS write http://, and allow it \
                       where a plugin comes from it";

/// Why a request got no answer.
pub fn no_answer(error: &reqwest::Error, place: &Place<'_>) -> Explained {
    let Place { shown, host, .. } = place;
    if let Some(Unresolved { name, error }) = last(error) {
        return Explained::passing(
            format!("{shown}: the name {name} does not resolve: {error}"),
            "check the spelling, and that the cluster's DNS knows the name; where only a proxy reaches the outside, set \
             HTTPS_PROXY, or for a plugin its source's proxy",
        );
    }
    if let Some(error) = last::<rustls::Error>(error) {
        return tls(error, place);
    }
    // The type is private to the library that makes tunnels.
    let texts: Vec<_> = chain(error).map(ToString::to_string).collect();
    if texts.iter().any(|text| text.contains("proxy authorization required")) {
        return Explained::lasting(
            format!("{shown}: the proxy answers with 407 Proxy Authentication Required"),
            "put user name and password into the proxy's URL, http://USER:PASSWORD@HOST:PORT",
        );
    }
    if texts.iter().any(|text| text.starts_with("tunnel error")) {
        return Explained::passing(
            format!("{shown}: the proxy does not connect to {host}: {}", innermost(error)),
            "see the proxy's log: whether it may reach that host and port",
        );
    }
    if error.is_connect() {
        return connect(error, place);
    }
    // A message that is none: what HTTP servers never begin with.
    if texts.iter().any(|text| text.contains("invalid HTTP") || text.contains("invalid Header")) {
        return Explained::lasting(
            format!("{shown}: {host} does not speak HTTP: {}", innermost(error)),
            "check the port, and whether it is https",
        );
    }
    Explained::passing(format!("{shown}: no answer: {}", innermost(error)), RETRY)
}

fn connect(error: &reqwest::Error, place: &Place<'_>) -> Explained {
    let Place { shown, host, .. } = place;
    let kind = last::<io::Error>(error).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => {
            Explained::passing(format!("{shown}: {host} refuses the connection"), CONNECT)
        }
        _ if error.is_timeout() || kind == Some(io::ErrorKind::TimedOut) => {
            Explained::passing(format!("{shown}: no connection to {host} in time"), CONNECT)
        }
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            if place.secure =>
        {
            Explained::passing(
                format!("{shown}: {host} ends the connection instead of agreeing on TLS"),
                NOT_TLS,
            )
        }
        _ => Explained::passing(format!("{shown}: no connection to {host}: {}", innermost(error)), CONNECT),
    }
}

fn tls(error: &rustls::Error, place: &Place<'_>) -> Explained {
    let Place { shown, host, .. } = place;
    let certificate =
        |what: String, hint| Explained::lasting(format!("{shown}: the certificate of {host} {what}"), hint);
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer if !place.has_roots => certificate(
                "cannot be checked: there are no root certificates here".into(),
                "install the system's root certificates (ca-certificates), name a file of them in SSL_CERT_FILE, or give \
                 the authority of this server (caRef of a plugin's source, --ca, --analysis-ca-file of the controller)",
            ),
            // The signature is bad where an authority has the name of one that is trusted, and another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => certificate(
                "is of an authority that is not trusted here".into(),
                "if it is the right server, give the certificate of its authority (caRef of a plugin's source, --ca FILE, \
                 --analysis-ca-file of the controller); a server that leaves out intermediate certificates must send them",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                certificate(format!("has expired: {error}"), "renew it, and check this machine's clock")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => certificate(
                format!("is not valid yet: {error}"),
                "check this machine's clock, and the certificate",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                certificate(
                    format!("is for another host: {error}"),
                    "use a host name that the certificate has, or give the server one that has this name",
                )
            }
            CertificateError::Revoked => {
                certificate("is revoked".into(), "do not use this server before it has a new one")
            }
            error => certificate(format!("is not accepted: {error}"), "let the server have a proper one"),
        },
        rustls::Error::InvalidMessage(_) => {
            Explained::lasting(format!("{shown}: {host} does not speak TLS: {error}"), NOT_TLS)
        }
        rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_) => Explained::lasting(
            format!("{shown}: {host} does not agree on TLS: {error}"),
            "the server needs TLS 1.2 or 1.3 with a usual cipher, and must not ask for a certificate of the client",
        ),
        error => Explained::passing(format!("{shown}: TLS with {host} fails: {error}"), RETRY),
    }
}

/// Why the bytes ended before they were all there.
pub fn broken_off(error: &reqwest::Error, shown: &str, came: usize, announced: Option<u64>) -> Explained {
    let of = announced.map(|length| format!(" of {length}")).unwrap_or_default();
    Explained::passing(format!("{shown} broke off after {came}{of} bytes: {}", innermost(error)), RETRY)
}

/// An error, and what it comes from, outermost first.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| inside(*error))
}

/// What an error comes from. The source of an I/O error is that of the error that it wraps, so the wrapped one has to be
/// asked for.
fn inside<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

/// The innermost error of a type.
fn last<T: Error + 'static>(error: &reqwest::Error) -> Option<&T> {
    chain(error).filter_map(|error| error.downcast_ref()).last()
}

/// What the innermost error says; the outer ones name the URL, with all that is in it.
fn innermost(error: &reqwest::Error) -> String {
    match chain(error).last() {
        Some(inner) if !inner.is::<reqwest::Error>() => inner.to_string(),
        _ if error.is_timeout() => "it takes too long".to_owned(),
        _ => "the connection fails".to_owned(),
    }
}
