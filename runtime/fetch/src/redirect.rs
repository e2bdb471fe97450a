//! Where redirects lead, and whether anybody follows. Pure.

use http::StatusCode;
use tidegate_artifact::{LoadError, LoadReason, Stage, shown};
use url::Url;

/// How many redirects are followed; 10, as browsers and curl's users are used to.
const MOST: usize = 10;

/// The way from the URL that was asked for to where the last redirect led.
pub(crate) struct Trail {
    visited: Vec<Url>,
    here: Url,
    allow_http: bool,
    /// Whether all of it was on one server so far.
    at_home: bool,
}

impl Trail {
    /// At its start.
    pub(crate) fn new(url: &Url, allow_http: bool) -> Self {
        Self { visited: Vec::new(), here: url.clone(), allow_http, at_home: true }
    }

    /// What to ask for.
    pub(crate) fn here(&self) -> &Url {
        &self.here
    }

    /// Whether headers of the request may be sent: only while no redirect led to another host, port or scheme. Who was led
    /// away and back again is not trusted either.
    pub(crate) fn is_at_home(&self) -> bool {
        self.at_home
    }

    /// Where this is, for people: with where it began, if that is somewhere else.
    pub(crate) fn shown(&self) -> String {
        match self.visited.first() {
            Some(start) => format!("{} (to which {} leads)", shown(&self.here), shown(start)),
            None => shown(&self.here),
        }
    }

    /// Goes where a redirect leads.
    ///
    /// # Errors
    /// `HttpStatus`: it leads nowhere, in a circle, too far, or to where nobody should go.
    pub(crate) fn follow(&mut self, status: StatusCode, location: &[u8]) -> Result<(), LoadError> {
        const FINAL: &str = "give the address of the file itself, as `curl --location --verbose` shows it";
        let refused = |what: &str, hint: &str| {
            let message = format!("{} answers with {status}, which {what}", self.shown());
            LoadError {
                status: Some(status.as_u16()),
                ..LoadError::new(Stage::Read, LoadReason::HttpStatus, message, hint)
            }
        };
        let text = std::str::from_utf8(location).ok();
        let Some(mut next) = text.and_then(|text| self.here.join(text).ok()) else {
            return Err(refused("leads to no URL", FINAL));
        };
        next.set_fragment(None);
        let target = shown(&next);
        if !matches!(next.scheme(), "https" | "http") {
            return Err(refused(&format!("leads to {}:, not to a web server", next.scheme()), FINAL));
        }
        if next.scheme() == "http" && !self.allow_http {
            return Err(refused(
                &format!("leads from https to plain http: {target}"),
                "give the https address of the file itself, or have the server lead there; only where plain http is \
                 allowed for the source is it followed",
            ));
        }
        if !next.username().is_empty() || next.password().is_some() {
            return Err(refused(
                &format!("leads to an address with a user name or a password: {target}"),
                FINAL,
            ));
        }
        if next == self.here || self.visited.contains(&next) {
            return Err(refused(
                &format!("leads in a circle, back to {target}"),
                "see why the server sends everybody around: a sign-in that does not succeed, as a rule",
            ));
        }
        if self.visited.len() >= MOST {
            return Err(refused(&format!("is redirect number {}: {target}", MOST + 1), FINAL));
        }
        self.at_home &= next.scheme() == self.here.scheme()
            && next.host() == self.here.host()
            && next.port_or_known_default() == self.here.port_or_known_default();
        self.visited.push(std::mem::replace(&mut self.here, next));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(url: &str, allow_http: bool) -> Trail {
        Trail::new(&url.parse().unwrap(), allow_http)
    }

    fn follow(trail: &mut Trail, location: &str) -> Result<(), LoadError> {
        trail.follow(StatusCode::FOUND, location.as_bytes())
    }

    #[test]
    fn headers_stay_on_the_server_they_are_for() {
        for (url, location, at_home) in [
            ("https://a.example/p", "/q", true),
            ("https://a.example/p", "q?x=1", true),
            ("https://a.example/p", "https://a.example:443/q", true),
            ("https://a.example/p", "//a.example/q", true),
            ("https://a.example/p", "https://A.EXAMPLE/q", true),
            ("https://a.example/p", "https://a.example:8443/q", false),
            ("https://a.example/p", "https://b.example/q", false),
            ("https://a.example/p", "https://sub.a.example/q", false),
            ("https://a.example/p", "http://a.example:443/q", false),
            ("http://a.example/p", "https://a.example/q", false),
        ] {
            let mut trail = trail(url, true);
            follow(&mut trail, location).unwrap();
            assert_eq!(trail.is_at_home(), at_home, "{url} -> {location}");
        }
        let mut there_and_back = trail("https://a.example/p", false);
        follow(&mut there_and_back, "https://b.example/q").unwrap();
        follow(&mut there_and_back, "https://a.example/r").unwrap();
        assert!(!there_and_back.is_at_home());
    }

    #[test]
    fn nobody_is_led_astray() {
        for location in [
            "http://a.example/q",
            "file:///etc/passwd",
            "ftp://a.example/q",
            "data:application/wasm;base64,AGFzbQ0AAQA=",
            "https://me:secret@a.example/q",
            "https://a.example/p",
            "",
            "#elsewhere",
            "https://[::1/",
        ] {
            let error = follow(&mut trail("https://a.example/p", false), location).unwrap_err();
            assert_eq!((error.reason, error.status), (LoadReason::HttpStatus, Some(302)), "{location}");
            assert!(!error.is_transient() && !error.message.contains("secret"), "{error}");
        }
        assert!(trail("https://a.example/p", false).follow(StatusCode::FOUND, b"\xff").is_err());
        follow(&mut trail("https://a.example/p", true), "http://a.example/q").unwrap();
    }

    #[test]
    fn circles_and_long_ways_end() {
        let mut circle = trail("https://a.example/1", false);
        follow(&mut circle, "2").unwrap();
        follow(&mut circle, "https://b.example/1").unwrap();
        let error = follow(&mut circle, "https://a.example/2").unwrap_err();
        assert!(error.message.contains("https://a.example/2"), "{error}");

        let mut long = trail("https://a.example/0", false);
        for hop in 1..=10 {
            follow(&mut long, &format!("{hop}")).unwrap();
        }
        assert!(follow(&mut long, "11").is_err());
    }

    #[test]
    fn queries_are_not_shown() {
        let mut trail = trail("https://a.example/p?token=secret", false);
        follow(&mut trail, "https://b.example/q?signature=secret").unwrap();
        assert!(trail.shown().contains("b.example/q") && trail.shown().contains("a.example/p"));
        let error = follow(&mut trail, "http://c.example/?secret").unwrap_err();
        assert!(!error.message.contains("secret"), "{error}");
        assert_eq!(trail.here().query(), Some("signature=secret"));
    }
}
