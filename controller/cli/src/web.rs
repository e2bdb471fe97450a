//! Reading a plugin's bytes from wherever they are, web servers included.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tidegate_runtime::{Artifact, LoadError, Location, Source};

/// How a web server is asked for a plugin.
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "such a build asks none, and says so"))]
#[derive(Clone, Debug, Args)]
pub(crate) struct Web {
    /// Let plain http do.
    #[arg(long, help_heading = HEADING)]
    pub(crate) allow_http: bool,
    /// A header to send, `NAME: VALUE`. Anybody on this machine can read the arguments of a program, so give what is
    /// secret as `@FILE`, a file with a header on each line; `@-` is standard input. Once per header.
    #[arg(long = "header", value_name = "HEADER", help_heading = HEADING)]
    pub(crate) headers: Vec<String>,
    /// Certificates (PEM) of authorities to trust besides those of this machine.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub(crate) ca: Option<PathBuf>,
    /// Everything together must be there after this time.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration, help_heading = HEADING)]
    pub(crate) timeout: Duration,
}

impl Web {
    /// Nothing special, but for whether plain http will do.
    pub(crate) fn plain(allow_http: bool) -> Self {
        Self { allow_http, headers: Vec::new(), ca: None, timeout: Duration::from_secs(60) }
    }
}

/// The heading of options for locations that are URLs.
const HEADING: &str = "How to ask a web server";

/// Reads a plugin's bytes: at most `cap` of them.
///
/// # Errors
/// Those of `tidegate_runtime::read` and of fetching.
pub(crate) fn read(source: &Source, cap: u64, web: &Web, patience: Patience) -> Result<Artifact, LoadError> {
    match &source.location {
        #[cfg(feature = "cluster")]
        Location::Web(url) => {
            let request = tidegate_fetch::FetchRequest::new(url.clone(), cap);
            fetch::fetch(tidegate_fetch::FetchRequest { sha256: source.sha256, ..request }, web, patience)
        }
        #[cfg(not(feature = "cluster"))]
        Location::Web(_) => {
            let _ = (web, patience);
            tidegate_runtime::read(source, cap, &tidegate_bundle::builtin)
        }
        _ => tidegate_runtime::read(source, cap, &tidegate_bundle::builtin),
    }
}

/// Whether what may pass by itself is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It is, a few times.
    Usual,
    /// It is not: what is wrong now is what is asked for.
    None,
}

#[cfg(feature = "cluster")]
mod fetch {
    use std::io::Read as _;
    use std::path::Path;

    use tidegate_fetch::{FetchRequest, FetchSettings, Fetcher, HeaderName, HeaderValue, Roots};
    use tidegate_runtime::{Artifact, LoadError, LoadReason, Stage};

    use super::{Patience, Web};

    pub(super) fn fetch(request: FetchRequest, web: &Web, patience: Patience) -> Result<Artifact, LoadError> {
        let mut settings = FetchSettings { deadline: web.timeout, ..FetchSettings::default() };
        if patience == Patience::None {
            settings.retries = 0;
        }
        let request = FetchRequest {
            headers: headers(&web.headers)?,
            ca_pem: web.ca.as_deref().map(file).transpose()?,
            allow_http: web.allow_http,
            ..request
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            LoadError::new(
                Stage::Read,
                LoadReason::HostFault,
                format!("this process cannot make connections: {error}"),
                "see what this user may use of the machine",
            )
        })?;
        let result = runtime.block_on(Fetcher::new(settings, Roots::native()).fetch(&request));
        // The system's resolver may take longer than there is time for, and cannot be stopped: it is not waited for.
        runtime.shutdown_background();
        result
    }

    fn invalid(message: String, hint: &str) -> LoadError {
        LoadError::new(Stage::Read, LoadReason::InvalidConfig, message, hint)
    }

    fn file(path: &Path) -> Result<Vec<u8>, LoadError> {
        std::fs::read(path).map_err(|error| {
            invalid(format!("{} cannot be read: {error}", path.display()), "check the path that --ca gives")
        })
    }

    /// The headers of the command line and of the files that it names.
    fn headers(arguments: &[String]) -> Result<Vec<(HeaderName, HeaderValue)>, LoadError> {
        let mut headers = Vec::new();
        for argument in arguments {
            match argument.strip_prefix('@') {
                None => headers.push(header(argument)?),
                Some(path) => {
                    let text = text(path).map_err(|error| {
                        invalid(
                            format!("{path} cannot be read: {error}"),
                            "check the path that --header gives",
                        )
                    })?;
                    for line in text.lines().filter(|line| !line.trim().is_empty()) {
                        headers.push(header(line)?);
                    }
                }
            }
        }
        Ok(headers)
    }

    fn text(path: &str) -> std::io::Result<String> {
        let mut text = String::new();
        match path {
            "-" => std::io::stdin().read_to_string(&mut text)?,
            path => std::fs::File::open(path)?.read_to_string(&mut text)?,
        };
        Ok(text)
    }

    /// One header. What is wrong is said without the text, which may be the secret itself.
    fn header(line: &str) -> Result<(HeaderName, HeaderValue), LoadError> {
        let wrong =
            |what: &str| invalid(format!("{what} that --header gives"), "write NAME: VALUE, or @FILE");
        let (name, value) = line.split_once(':').ok_or_else(|| wrong("there is no colon in a header"))?;
        let name =
            name.trim().parse().map_err(|_| wrong("there is something wrong with the name of a header"))?;
        let value =
            value.trim().parse().map_err(|_| wrong("there is something wrong with the value of a header"))?;
        Ok((name, value))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn headers_are_read_from_arguments_and_files() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("headers");
            std::fs::write(&path, "Authorization: Bearer a:b\n\nX-One:1\n").unwrap();
            let arguments = ["Accept: */*".to_owned(), format!("@{}", path.display())];
            let headers = headers(&arguments).unwrap();
            let text: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            assert_eq!(text, [("accept", "*/*"), ("authorization", "Bearer a:b"), ("x-one", "1")]);
        }

        #[test]
        fn what_is_wrong_is_said_without_the_secret() {
            for argument in ["hunter2", "hun ter2: hunter2", "Name: hunter2\u{7}", "@/nowhere/at/all"] {
                let error = headers(&[argument.to_owned()]).unwrap_err();
                assert_eq!(error.reason, LoadReason::InvalidConfig, "{argument}");
                assert!(!error.message.contains("hunter2"), "{error}");
            }
        }
    }
}
