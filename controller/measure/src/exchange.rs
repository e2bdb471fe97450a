//! One exchange with a server: ask, follow redirects, take what comes.

use http::StatusCode;
use http::header::LOCATION;
use reqwest::{Client, Response};
use tidegate_artifact::shown;
use tidegate_fetch::cause::{self, Place};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use crate::error::MeasureError;
use crate::question::Question;
use crate::redirect;

/// How many bytes an answer may have: 4 MiB. Prometheus gives at most 11,000 values for each series, of some 30 bytes each, so this is
/// a dozen of its longest series; what decides about a canary is a number, or a few of them.
pub const MOST_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// From how many bytes on an answer counts as large: 64 KiB. What is not large is held for any number of measurements at a time.
pub const LARGE_ANSWER_BYTES: usize = 64 * 1024;
/// How many large answers are held at a time: 8, so 32 MiB of them. Others wait, within their timeout, and only for each other: whoever has
/// servers that send without end holds up nobody whose answers are small.
pub const MOST_LARGE_ANSWERS: usize = 8;

/// What a server answered in the end.
pub(crate) struct Answered<'a> {
    /// What it was asked, after redirects; for people.
    pub(crate) asked: String,
    pub(crate) status: StatusCode,
    /// All of it; of an answer that is no success perhaps only the beginning.
    pub(crate) body: Vec<u8>,
    /// The right to hold a large body, until it is read.
    _large: Option<SemaphorePermit<'a>>,
}

/// What an exchange is made with.
pub(crate) struct Exchange<'a> {
    pub(crate) client: Client,
    pub(crate) large: &'a Semaphore,
    pub(crate) has_roots: bool,
}

impl<'a> Exchange<'a> {
    /// Asks until there is an answer that leads nowhere else.
    ///
    /// # Errors
    /// When there is none, or too much of it.
    pub(crate) async fn run(&self, mut question: Question) -> Result<Answered<'a>, MeasureError> {
        let mut followed = 0;
        loop {
            let response = self.ask(&question).await?;
            let status = response.status();
            if let Some(get) = question.by_get(status) {
                question = get;
                continue;
            }
            match response.headers().get(LOCATION) {
                Some(location) if redirect::leads_on(status) => {
                    question = redirect::follow(&question, status, location.as_bytes(), followed)?;
                    followed += 1;
                }
                _ => return self.take(&question, response).await,
            }
        }
    }

    /// An answer, as far as its headers.
    async fn ask(&self, question: &Question) -> Result<Response, MeasureError> {
        let result = match self.send(question).await {
            // A connection that was kept may be closed just when it is used.
            Err(error) if question.is_repeatable() && !error.is_connect() => self.send(question).await,
            result => result,
        };
        result.map_err(|error| {
            let shown = shown(&question.url);
            let place = Place {
                shown: &shown,
                host: &host(&question.url),
                secure: question.url.scheme() == "https",
                has_roots: self.has_roots,
            };
            MeasureError::no_answer(question.method(), cause::no_answer(&error, &place))
        })
    }

    async fn send(&self, question: &Question) -> reqwest::Result<Response> {
        let builder = self.client.request(question.method.clone(), question.url.clone());
        let builder = builder.headers(question.headers.clone());
        match &question.body {
            Some(body) => builder.body(body.clone()).send().await,
            None => builder.send().await,
        }
    }

    /// All of an answer.
    async fn take(&self, question: &Question, mut response: Response) -> Result<Answered<'a>, MeasureError> {
        let asked = question.shown();
        let too_large = || MeasureError::TooLarge { asked: asked.clone(), most: MOST_ANSWER_BYTES };
        let status = response.status();
        let announced = response.content_length();
        if status.is_success()
            && announced
                .is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > MOST_ANSWER_BYTES))
        {
            return Err(too_large());
        }
        let mut body = Vec::new();
        let mut large = None;
        loop {
            let part = response.chunk().await.map_err(|error| {
                let explained = cause::broken_off(&error, &shown(&question.url), body.len(), announced);
                MeasureError::no_answer(question.method(), explained)
            })?;
            let Some(part) = part else { break };
            let length = body.len().saturating_add(part.len());
            if length > LARGE_ANSWER_BYTES && !status.is_success() {
                // The beginning says what is wrong.
                break;
            }
            if length > MOST_ANSWER_BYTES {
                return Err(too_large());
            }
            if length > LARGE_ANSWER_BYTES && large.is_none() {
                // The semaphore is never closed.
                large = self.large.acquire().await.ok();
            }
            body.extend_from_slice(&part);
        }
        Ok(Answered { asked, status, body, _large: large })
    }
}

/// Host and port.
fn host(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}
