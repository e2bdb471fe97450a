//! What a router plugin is asked and answers, as plain Rust types: the host side of tidegate:traffic
#![forbid(unsafe_code)]
