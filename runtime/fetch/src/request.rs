//! What to fetch, and how to ask for it.

use std::fmt;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, uri::Scheme};
use tidegate_artifact::{LoadError, LoadReason, Stage, shown};
use tidegate_contract::Digest;
use url::Url;

/// What to fetch, and how to ask for it.
#[derive(Clone)]
pub struct FetchRequest {
    /// What.
    pub url: Url,
    /// Headers to send, to this server only. Their values never appear anywhere.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Certificates (PEM) of authorities to trust besides the usual ones.
    pub ca_pem: Option<Vec<u8>>,
    /// The proxy to go through; `None`: what the environment says, if it counts.
    pub proxy: Option<Url>,
    /// Whether plain http will do.
    pub allow_http: bool,
    /// What the bytes must hash to.
    pub sha256: Option<Digest>,
    /// How many bytes there may be.
    pub cap: u64,
}

impl FetchRequest {
    /// A request without anything special.
    pub fn new(url: Url, cap: u64) -> Self {
        Self { url, headers: Vec::new(), ca_pem: None, proxy: None, allow_http: false, sha256: None, cap }
    }
}

/// Without what is secret.
impl fmt::Debug for FetchRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("FetchRequest")
            .field("url", &shown(&self.url))
            .field("headers", &names)
            .field("ca_pem", &self.ca_pem.is_some())
            .field("proxy", &self.proxy.as_ref().map(shown))
            .field("allow_http", &self.allow_http)
            .field("sha256", &self.sha256.map(|digest| digest.to_string()))
            .field("cap", &self.cap)
            .finish()
    }
}

/// Headers that say how a message is sent, which is not for whoever asks to say; and the one that would have the answer come
/// compressed, which nobody would undo.
pub const ABOUT_SENDING: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    header::ACCEPT_ENCODING,
];

/// Headers that would ask for something else than the whole file of the server that the URL names.
const ABOUT_THE_FILE: [HeaderName; 2] = [header::HOST, header::RANGE];

/// The headers of a request, each marked as sensitive.
///
/// # Errors
/// `InvalidConfig`.
pub(crate) fn headers(request: &FetchRequest) -> Result<HeaderMap, LoadError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        if ABOUT_SENDING.contains(name) || ABOUT_THE_FILE.contains(name) {
            let hint = match *name {
                header::PROXY_AUTHORIZATION => {
                    "put the proxy's user name and password into the URL of the proxy"
                }
                _ => "leave it out",
            };
            return Err(invalid(format!("the header {name} cannot be set"), hint));
        }
        let mut value = value.clone();
        value.set_sensitive(true);
        headers.append(name.clone(), value);
    }
    Ok(headers)
}

/// Whether a URL can be asked for.
///
/// # Errors
/// `InvalidConfig`.
pub(crate) fn check(url: &Url, allow_http: bool) -> Result<(), LoadError> {
    let scheme = url.scheme();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "the URL has a user name or a password in it".into(),
            "take them out, and send them as a header that comes from a Secret",
        ));
    }
    if scheme == Scheme::HTTP.as_str() && !allow_http {
        return Err(invalid(
            format!("{} is plain http, which is not allowed for this plugin", shown(url)),
            "use https; or allow plain http for this source (allowHTTP, --allow-http, ,allow-http=true) where nobody \
             can listen or the file is no secret: what comes is compared with its digest in any case",
        ));
    }
    if scheme != Scheme::HTTP.as_str() && scheme != Scheme::HTTPS.as_str() || !url.has_host() {
        return Err(invalid(
            format!("{} is no address of a web server", shown(url)),
            "write https://HOST/PATH",
        ));
    }
    Ok(())
}

pub(crate) fn invalid(message: String, hint: &str) -> LoadError {
    LoadError::new(Stage::Read, LoadReason::InvalidConfig, message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: HeaderName) -> FetchRequest {
        let mut request = FetchRequest::new("https://example.com/p?secret".parse().unwrap(), 1);
        request.headers.push((name, HeaderValue::from_static("secret")));
        request.proxy = Some("http://me:secret@proxy:3128".parse().unwrap());
        request
    }

    #[test]
    fn nothing_secret_is_shown() {
        let text = format!("{:?}", request(header::AUTHORIZATION));
        assert!(text.contains("authorization") && text.contains("proxy:3128"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        let headers = headers(&request(header::AUTHORIZATION)).unwrap();
        assert!(headers.values().all(HeaderValue::is_sensitive));
    }

    #[test]
    fn headers_of_the_transport_are_refused() {
        for name in ABOUT_SENDING.into_iter().chain(ABOUT_THE_FILE) {
            let error = headers(&request(name)).unwrap_err();
            assert_eq!(error.reason, LoadReason::InvalidConfig);
            assert!(!error.message.contains("secret"));
        }
    }

    #[test]
    fn only_web_servers_are_asked() {
        for (url, allow_http, fine) in [
            ("https://example.com/p", false, true),
            ("http://example.com/p", true, true),
            ("http://example.com/p", false, false),
            ("https://me:secret@example.com/p", true, false),
            ("ftp://example.com/p", true, false),
            ("file:///etc/passwd", true, false),
        ] {
            assert_eq!(check(&url.parse().unwrap(), allow_http).is_ok(), fine, "{url}");
        }
    }
}
