//! What wit-bindgen generates from the contract. The only code of a plugin that is not safe Rust: it moves
//! arguments and answers over the component boundary. Public because `export_router!` names it from the crate
//! that is the component; use the re-exports at the crate's root instead.
#![allow(unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

wit_bindgen::generate!({
    path: "../../wit/0.1",
    world: "traffic-router",
    pub_export_macro: true,
    default_bindings_module: "tidegate_router_sdk::bindings",
    additional_derives: [PartialEq, Eq, Hash, PartialOrd, Ord],
});
