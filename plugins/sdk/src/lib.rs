//! Write a Tidegate router plugin as a few plain functions.
#![deny(unsafe_code)]

#[doc(hidden)]
pub mod bindings;
mod config;
mod object;
mod patch;
mod pointer;
mod problem;
mod router;
mod selector;
mod text;
mod traffic;
mod weights;

pub use bindings::exports::tidegate::traffic::router::{
    Change, Description, Destination, Edit, HeaderMatch, Kind, KindUse, ManagedRoute, Object, ObjectRef,
    Observation, Outcome, Problem, Query, RequestMatch, Rule, RuleAction, Selection, Share, Target,
    TextMatch, Traffic, Verdict,
};
pub use config::Services;
pub use object::Text;
pub use patch::Patch;
pub use pointer::Pointer;
pub use router::Router;
pub use selector::{LabelExpression, LabelSelector, SelectorText};
pub use text::concat;
pub use weights::{split_by, split_evenly};
