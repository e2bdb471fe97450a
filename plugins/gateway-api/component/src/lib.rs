//! The Gateway API plugin as a component for wasm32-wasip2
#![forbid(unsafe_code)]
