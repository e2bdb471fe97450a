//! The trait that a plugin implements, and the macro that makes a component of it.

use core::mem::ManuallyDrop;

use crate::bindings::exports::tidegate::traffic::router as record;
use crate::prelude::*;
use crate::{Description, Observation, Outcome, Problem, Query, Target, Traffic};

/// A router plugin: five pure functions, called with no memory of earlier calls. The contract (`wit/`) says when
/// each is called and what it may rely on.
///
/// There is no `self`: a plugin has no state. Implement it for an empty struct, test it natively with
/// `testing`, and make a component of it with [`export_router!`](crate::export_router).
pub trait Router {
    /// What this plugin is, which kinds and fields it touches, and what it can do.
    fn describe() -> Description;

    /// Whether the target's configuration is right, and which of the features it has.
    ///
    /// # Errors
    /// [`Problem::invalid_config`] when it is not right.
    fn check(target: &Target) -> Result<Vec<String>, Problem>;

    /// All objects that are needed, given what was seen so far. Asked until the answer stays the same.
    ///
    /// # Errors
    /// When the configuration does not say.
    fn locate(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Vec<Query>, Problem>;

    /// What should change so that the objects express the traffic, what they express now, and whether that is in
    /// force.
    ///
    /// # Errors
    /// When the objects cannot express it, and what to do about it.
    fn route(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem>;

    /// What should change so that all goes to stable and nothing is left that exists only because of this
    /// Rollout. By default: [`Self::route`] with the traffic of [`Traffic::released`].
    ///
    /// Override it when `route` answers a problem for objects that are gone, which need no release.
    ///
    /// # Errors
    /// When it cannot be given back.
    fn release(target: &Target, traffic: &Traffic, seen: &[Observation]) -> Result<Outcome, Problem> {
        Self::route(target, &traffic.released(), seen)
    }
}

// Arguments are not dropped: a sandbox lives for one pass, and taking them apart costs time and code.
impl<R: Router> record::Guest for R {
    fn describe() -> Description {
        R::describe()
    }

    fn check(target: Target) -> Result<Vec<String>, record::Problem> {
        let target = ManuallyDrop::new(target);
        R::check(&target).map_err(Problem::into_record)
    }

    fn locate(
        target: Target,
        traffic: Traffic,
        seen: Vec<Observation>,
    ) -> Result<Vec<Query>, record::Problem> {
        let (target, traffic) = (ManuallyDrop::new(target), ManuallyDrop::new(traffic));
        let seen = ManuallyDrop::new(seen);
        R::locate(&target, &traffic, &seen).map_err(Problem::into_record)
    }

    fn route(target: Target, traffic: Traffic, seen: Vec<Observation>) -> Result<Outcome, record::Problem> {
        let (target, traffic) = (ManuallyDrop::new(target), ManuallyDrop::new(traffic));
        let seen = ManuallyDrop::new(seen);
        R::route(&target, &traffic, &seen).map_err(Problem::into_record)
    }

    fn release(target: Target, traffic: Traffic, seen: Vec<Observation>) -> Result<Outcome, record::Problem> {
        let (target, traffic) = (ManuallyDrop::new(target), ManuallyDrop::new(traffic));
        let seen = ManuallyDrop::new(seen);
        R::release(&target, &traffic, &seen).map_err(Problem::into_record)
    }
}

/// Makes a component of a [`Router`]. Called once, in a crate of its own with `crate-type = ["cdylib"]`, so that
/// the plugin itself stays an ordinary library that is tested natively:
///
/// ```
/// #![allow(unsafe_code)] // what the macro declares as exported symbols; there is none in the plugin
/// # mod my_plugin {
/// #     use tidegate_router_sdk::*;
/// #     pub struct MyRouter;
/// #     impl Router for MyRouter {
/// #         fn describe() -> Description { unimplemented!() }
/// #         fn check(_: &Target) -> Result<Vec<String>, Problem> { unimplemented!() }
/// #         fn locate(_: &Target, _: &Traffic, _: &[Observation]) -> Result<Vec<Query>, Problem> { unimplemented!() }
/// #         fn route(_: &Target, _: &Traffic, _: &[Observation]) -> Result<Outcome, Problem> { unimplemented!() }
/// #     }
/// # }
/// tidegate_router_sdk::export_router!(my_plugin::MyRouter);
/// ```
#[macro_export]
macro_rules! export_router {
    ($router:ty) => {
        const _: () = {
            type ExportedRouter = $router;
    $crate::bindings::export!(ExportedRouter with_types_in $crate::bindings);
        };
    };
}
