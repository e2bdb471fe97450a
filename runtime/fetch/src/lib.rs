//! Fetches a plugin's bytes over https: capped and hashed as they come, bounded in time, never led astray.
//!
//! A [`Fetcher`] turns a [`FetchRequest`] into a [`tidegate_artifact::Artifact`], or says by a
//! [`LoadError`](tidegate_artifact::LoadError) why not. What it promises:
//!
//! * Plain http only where the request allows it, also after redirects, which are followed here, one by one.
//! * Headers of the request go to the server that it names, and to no other one that a redirect leads to.
//! * What comes is taken as it is: nothing is decompressed, no cookies, no caches, nothing on a disk. There is one copy of
//!   it in memory, of at most as many bytes as the request says.
//! * It ends by its deadline, whatever the other side does. What may pass by itself is tried again before that.
//! * No value of a header, no query and no password is in an error or a log.
//!
//! Whoever else asks web servers finds here what that takes: [`Roots`], the [`SystemResolver`], and what errors mean ([`cause`]).
//!
//! Nothing is global: certificates come in as [`Roots`], the provider of cryptography is made for each connection.
#![forbid(unsafe_code)]

mod attempt;
pub mod cause;
mod fetcher;
mod redirect;
mod request;
mod resolver;
mod retry;
mod settings;
mod status;
mod tls;

pub use fetcher::Fetcher;
/// What headers of a request are made of.
pub use http::{HeaderName, HeaderValue};
pub use request::{ABOUT_SENDING, FetchRequest};
pub use resolver::SystemResolver;
pub use settings::FetchSettings;
pub use tls::Roots;
