//! The in-memory cluster as an API server over HTTP: discovery, chunked lists, watches, writes, and what a controller needs
//! besides, such as `SelfSubjectAccessReview`s.
//!
//! For tests, simulation, benchmarks and tools: it serves whoever asks, without authentication, on loopback, and it is no
//! part of the controller. What it answers is the cluster's ([`tidegate_cluster`]); this crate adds only what HTTP adds.
//!
//! [`ApiServer`] is plain functions over plain data: a request in, an answer or a watch out, in the cluster's virtual time.
//! [`serve`] puts it on a socket. Time passes as whoever holds the [`Handle`] lets it: in jumps ([`Handle::advance`]), or as on
//! the wall ([`Handle::follow_the_clock`]).
//!
//! | module | what it holds |
//! |---|---|
//! | `server` | from a request to its answer |
//! | `target`, `query` | reading paths and queries |
//! | `discovery` | which kinds are served, and how |
//! | `selection` | label and field selectors |
//! | `list` | lists, in pages of one state |
//! | `objects` | one object: reading and writing |
//! | `reviews` | what the client may do: everything |
//! | `watch` | what a watch tells, and when it ends |
//! | `form` | whole objects, or only their metadata |
//! | `answer` | HTTP answers |
//! | `serve`, `fate` | the socket, and what goes wrong on it |
//!
//! # What a real server does besides
//!
//! Tables and protobuf (whoever asks for them is answered in JSON), server-side apply and strategic merge patches (415), dry runs
//! and deletion in the foreground (400), deletion of collections (405), compression, and everything that the cluster does
//! not model.
#![forbid(unsafe_code)]

mod answer;
mod discovery;
mod fate;
mod form;
mod list;
mod objects;
mod query;
mod reviews;
mod selection;
mod serve;
mod server;
mod target;
mod watch;

pub use fate::Fate;
pub use serve::{Handle, kubeconfig, serve};
pub use server::{ApiServer, Reply};
pub use watch::{Progress, Watch};
