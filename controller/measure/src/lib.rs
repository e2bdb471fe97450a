//! Takes the measurements of the providers `web` and `prometheus`: asks the server, and hands back what it says.
//!
//! [`tidegate_analysis`] says what is to be asked and reads what is answered; this crate is the way between. Jobs are not
//! asked here: they are objects of the API server.
//!
//! A [`Measurer`] makes an [`Outcome`](tidegate_analysis::Outcome) of a [`Provider`](tidegate_analysis::provider::Provider), whatever
//! happens. What it promises:
//!
//! * It ends within the metric's timeout, which covers everything: the name, the connection, TLS, redirects, and the answer.
//! * An answer may have [`MOST_ANSWER_BYTES`] bytes. Of large ones only a few are held at a time, however many are asked for.
//! * Headers, credentials and bodies go to the server that the metric names, and to no other one that a redirect leads to.
//!   Nothing goes from https to plain http.
//! * No value of a header, no query and no password is in an error. It says what was asked, what happened, and what to do.
//! * What can be asked twice without harm is asked once more if the connection ends before an answer begins: a server that closes
//!   a connection just when it is used again is no evidence against a canary.
//!
//! Connections are kept and used again, separately for each way to trust a server.
//!
//! # As Argo Rollouts does it
//! A Prometheus query is a POST to `/api/v1/query` or `/api/v1/query_range` below the address; who does not know it (405, 501) is asked with GET.
//! Of several headers with one name the last one counts, and a header `Authorization` counts more than credentials. Proxies are those
//! of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`). A redirect turns POST and PUT of `web` into GET, but with 307 and 308.
//!
//! # Where it differs
//! - Argo sends custom headers along wherever a redirect leads, tokens included; here that is an error.
//! - The header `Host` is sent as given. Argo ignores it.
//! - A Prometheus query that is redirected with 301 or 302 stays what it is. In Argo it loses its query on the way.
//! - Answers have a size that they must not exceed.
#![forbid(unsafe_code)]

mod clients;
mod error;
mod exchange;
mod insecure;
mod measurer;
mod question;
mod redirect;

pub use error::MeasureError;
pub use exchange::{LARGE_ANSWER_BYTES, MOST_ANSWER_BYTES, MOST_LARGE_ANSWERS};
pub use measurer::{MeasureOptions, Measurer};
