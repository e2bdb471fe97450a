//! Empty: only the dependencies of this package matter. `cargo xtask features` writes them, and says why.
#![forbid(unsafe_code)]
