//! What plugins without the standard library (`#![no_std]`) miss of its prelude: `use tidegate_router_sdk::prelude::*;`.

pub use alloc::borrow::ToOwned;
pub use alloc::boxed::Box;
pub use alloc::string::{String, ToString};
pub use alloc::vec::Vec;
pub use alloc::{format, vec};
