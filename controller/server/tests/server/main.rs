//! The server, request by request, and on a socket.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod client;
mod lists;
mod objects;
mod sockets;
mod watches;
