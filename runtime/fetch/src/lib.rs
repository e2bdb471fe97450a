//! Fetches a plugin's bytes over https.
#![forbid(unsafe_code)]
