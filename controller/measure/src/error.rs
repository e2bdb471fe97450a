//! Why there is no measured value.

use tidegate_fetch::cause::Explained;

/// Why there is no measured value: what was asked, what happened, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// The provider is none that is asked over HTTP.
    #[error("the provider {provider} is not asked over HTTP; this is a mistake in Tidegate, report it")]
    NotOverHttp {
        /// Its name.
        provider: &'static str,
    },
    /// The address cannot be asked.
    #[error("the address of the metric cannot be used: {problem}; write one like http://host:port/path")]
    Address {
        /// Why.
        problem: String,
    },
    /// A header cannot be sent.
    #[error("the header {name:?} cannot be sent: {problem}")]
    Header {
        /// Its name.
        name: String,
        /// Why, and what to do.
        problem: &'static str,
    },
    /// This process cannot make connections at all.
    #[error("this process cannot make connections: {problem}; see its log")]
    Client {
        /// Why.
        problem: String,
    },
    /// There is no complete answer in time.
    #[error(
        "{asked}: no complete answer within {seconds} s; see why the server is slow, ask it for less, or give it more time ({field})"
    )]
    TooSlow {
        /// What was asked.
        asked: String,
        /// The time that there was.
        seconds: u64,
        /// The field of the metric that says so.
        field: &'static str,
    },
    /// There is no answer, or not all of it.
    #[error("{method} {message}; {hint}")]
    NoAnswer {
        /// How it was asked.
        method: &'static str,
        /// Where, and what happened.
        message: String,
        /// What to do.
        hint: &'static str,
    },
    /// The answer has too many bytes.
    #[error(
        "{asked}: the answer is larger than {most} bytes; ask for less: a narrower query, fewer series, a longer step"
    )]
    TooLarge {
        /// What was asked.
        asked: String,
        /// How many there may be.
        most: usize,
    },
    /// The server leads to somewhere that is not asked.
    #[error("{asked}: the server answers with {status}, which {problem}; {hint}")]
    Redirect {
        /// What was asked.
        asked: String,
        /// Its status.
        status: u16,
        /// Where it leads, and why nobody goes there.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// The answer has no value that can be measured.
    #[error("{asked}: {problem}")]
    NoValue {
        /// What was asked.
        asked: String,
        /// Why, in the words of the provider or of who reads it.
        problem: String,
    },
}

impl MeasureError {
    /// A stable word for logs and metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotOverHttp { .. } => "NotOverHttp",
            Self::Address { .. } => "InvalidAddress",
            Self::Header { .. } => "InvalidHeader",
            Self::Client { .. } => "HostFault",
            Self::TooSlow { .. } => "TooSlow",
            Self::NoAnswer { .. } => "NoAnswer",
            Self::TooLarge { .. } => "TooLarge",
            Self::Redirect { .. } => "Redirected",
            Self::NoValue { .. } => "NoValue",
        }
    }

    pub(crate) fn no_answer(method: &'static str, explained: Explained) -> Self {
        Self::NoAnswer { method, message: explained.message, hint: explained.hint }
    }
}
