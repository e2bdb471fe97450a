//! A web server on this machine that answers as wrong as it is told to, with certificates of its own.
//!
//! [`Server`] writes byte for byte what a test says, at the speed that it says, and remembers what it was asked. [`Authority`]
//! makes the certificates. The tests of this crate are the zoo: everything that can be at a URL instead of a plugin.
#![forbid(unsafe_code)]
// A helper of tests is test code: what goes wrong in it should end the test, with its text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod authority;
mod server;

pub use authority::{Authority, Validity};
pub use server::{Answer, Request, Server, Step};
