//! Loads router plugins (WebAssembly components) and calls them in a sandbox
#![forbid(unsafe_code)]
