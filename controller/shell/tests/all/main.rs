//! The shell on the in-memory cluster, in virtual time: whole canaries, and what can go wrong with them.

mod canary;
mod crashes;
mod manifests;
mod panics;
mod plugins;
mod rig;
mod router;
mod routes;
mod watches;
mod writes;
