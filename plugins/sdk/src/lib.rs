//! Write a Tidegate router plugin as a few plain functions.
//!
//! A router plugin says how one kind of traffic router expresses "80 % stable, 20 % canary" in its own Kubernetes
//! objects. It is five pure functions, the trait [`Router`]: from the traffic that should be and the objects as
//! they are, to the changes to make. The host reads the objects, checks the answer, and writes. The contract, with
//! all it promises and expects, is the WIT package in `wit/`; the types here are generated from it, and their
//! documentation is the contract's.
//!
//! # A whole router
//!
//! ```
//! use serde::Deserialize;
//! use serde_json::json;
//! use tidegate_router_sdk::{
//!     Description, Kind, KindUse, Observation, Outcome, Patch, Pointer, Problem, Query, Router, Target, Text,
//!     Traffic, Verdict, testing,
//! };
//!
//! /// Divides traffic by the weights of a `Split`.
//! struct SplitRouter;
//!
//! /// What a Rollout says under this plugin's key.
//! #[derive(Deserialize)]
//! struct Config {
//!     split: String,
//! }
//!
//! /// What of a `Split` matters here. Whatever else it has is neither read nor changed.
//! #[derive(Deserialize)]
//! struct Split<'a> {
//!     #[serde(borrow)]
//!     spec: Spec<'a>,
//! }
//!
//! #[derive(Deserialize)]
//! struct Spec<'a> {
//!     #[serde(borrow)]
//!     backends: Vec<Backend<'a>>,
//! }
//!
//! #[derive(Deserialize)]
//! struct Backend<'a> {
//!     #[serde(borrow)]
//!     service: Text<'a>,
//!     weight: u32,
//! }
//!
//! fn kind() -> Kind {
//!     Kind::new("example.com", "Split")
//! }
//!
//! impl Router for SplitRouter {
//!     fn describe() -> Description {
//!         Description {
//!             name: "split".to_owned(),
//!             version: env!("CARGO_PKG_VERSION").to_owned(),
//!             features: vec!["weights".to_owned(), "max-weight".to_owned()],
//!             kinds: vec![KindUse::new(kind(), &["v1"], &["/spec/backends/*/weight"])],
//!             config_schema: r#"{"type": "object", "required": ["split"]}"#.to_owned(),
//!             settings_schema: "{}".to_owned(),
//!             annotations: Vec::new(),
//!         }
//!     }
//!
//!     fn check(target: &Target) -> Result<Vec<String>, Problem> {
//!         target.config::<Config>()?;
//!         target.services()?;
//!         Ok(Self::describe().features)
//!     }
//!
//!     fn locate(target: &Target, _: &Traffic, _: &[Observation]) -> Result<Vec<Query>, Problem> {
//!         Ok(vec![Query::named(kind(), target.config::<Config>()?.split)])
//!     }
//!
//!     fn route(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
//!         traffic.only_stable_and_canary("the Split plugin")?;
//!         let services = target.services()?;
//!         let Some(object) = seen.iter().flat_map(|observation| &observation.objects).next() else {
//!             return Err(Problem::missing_object("the Split does not exist: create it, or correct `split`"));
//!         };
//!         let split: Split<'_> = object.read()?;
//!         let (mut stable, mut canary) = (None, None);
//!         let mut patch = Patch::new();
//!         for (index, backend) in split.spec.backends.iter().enumerate() {
//!             let (seen, desired) = match &*backend.service {
//!                 name if name == services.stable => (&mut stable, traffic.stable.weight),
//!                 name if name == services.canary => (&mut canary, traffic.canary.weight),
//!                 _ => continue,
//!             };
//!             *seen = Some(backend.weight);
//!             if backend.weight != desired {
//!                 let weight = Pointer::root().key("spec").key("backends").index(index).key("weight");
//!                 patch.replace(&weight, &desired)?;
//!             }
//!         }
//!         let (Some(stable), Some(canary)) = (stable, canary) else {
//!             return Err(Problem::missing_backend(&object.ref_, "add a backend for each of the two Services"));
//!         };
//!         let mut outcome = Outcome { verdict: Verdict::Unverifiable, ..Outcome::default() };
//!         outcome.place(&object.ref_, "/spec", &[("stable", stable), ("canary", canary)]);
//!         outcome.changes.extend(patch.of(&object.ref_));
//!         Ok(outcome)
//!     }
//! }
//!
//! // And its test, native and without WebAssembly:
//! let target = testing::target("shop", "cart").with_config(&json!({"split": "cart"}));
//! let mut objects = testing::Objects::new().with(json!({
//!     "apiVersion": "example.com/v1", "kind": "Split", "metadata": {"name": "cart", "namespace": "shop"},
//!     "spec": {"backends": [{"service": "cart", "weight": 100}, {"service": "cart-canary", "weight": 0}]},
//! }));
//! objects.route::<SplitRouter>(&target, &testing::traffic(&target, 20))?;
//! let backends = &objects.get("Split", "shop", "cart").unwrap()["spec"]["backends"];
//! assert_eq!((&backends[0]["weight"], &backends[1]["weight"]), (&json!(80), &json!(20)));
//!
//! objects.release::<SplitRouter>(&target, &testing::traffic(&target, 20))?;
//! assert_eq!(objects.get("Split", "shop", "cart").unwrap()["spec"]["backends"][0]["weight"], 100);
//! # Ok::<(), Problem>(())
//! ```
//!
//! # A component
//!
//! A second crate with `crate-type = ["cdylib"]` exports the router, see [`export_router!`], and is built for
//! `wasm32-wasip2`. What makes it small and fast: reading only what is needed, with the module [`json`] and with [`Fields`]
//! rather than with derived types (and so without this crate's default feature `serde`); no `format!` (see [`concat()`]);
//! no whole documents as `serde_json::Value`; and no standard library, see [`small_guest!`] and [`prelude`].
#![no_std]
#![deny(unsafe_code)] // forbidden everywhere but in what wit-bindgen generates, and in the allocator of small guests

extern crate alloc;

#[doc(hidden)]
pub mod arena;
#[doc(hidden)]
pub mod bindings;
mod config;
mod fields;
#[doc(hidden)]
pub mod guest;
pub mod json;
mod object;
mod patch;
mod pointer;
pub mod prelude;
mod problem;
mod router;
mod selector;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod traffic;
mod weights;

pub use bindings::exports::tidegate::traffic::router::{
    Change, Description, Destination, Edit, ElementUse, HeaderMatch, Kind, KindUse, ManagedRoute, Object,
    ObjectRef, Observation, Outcome, Query, RequestMatch, Rule, RuleAction, Selection, Share, Target,
    TextMatch, Traffic, Verdict,
};
pub use config::Services;
pub use fields::Fields;
pub use object::Text;
pub use patch::Patch;
pub use pointer::Pointer;
pub use problem::Problem;
pub use router::Router;
pub use selector::{LabelExpression, LabelSelector, SelectorText};
pub use text::{concat, decimal};
pub use weights::{split_by, split_evenly};
