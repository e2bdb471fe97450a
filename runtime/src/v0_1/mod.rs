//! The interface of `wit/0.1`: finding its functions in a component, and calling them.
//!
//! Functions are looked up by name once, and type-checked one by one when they are called: a pass calls two of the
//! five, and checking all of them for each sandbox would cost as much as a call.

mod answer;
mod question;

use tidegate_contract::{Description, Observation, Outcome, Problem, Query, Target, Traffic};
use wasmtime::Store;
use wasmtime::component::{
    self, Component, ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower,
};

use crate::sandbox::Guest;
use bindings::exports::tidegate::traffic::router as wit;

#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/0.1",
        world: "traffic-router",
        // Arguments borrow: an object's text goes from the host's cache into the guest's memory in one copy.
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// The interface that a component exports to be a router of this version.
pub(crate) const INTERFACE: &str = "tidegate:traffic/router@0.1.0";

/// Its functions.
pub(crate) const FUNCTIONS: [&str; 5] = ["describe", "check", "locate", "route", "release"];

/// A component whose imports are linked and whose functions are found.
pub(crate) struct Prepared {
    pre: InstancePre<Guest>,
    functions: Functions,
}

#[derive(Clone, Copy)]
struct Functions {
    describe: ComponentExportIndex,
    check: ComponentExportIndex,
    locate: ComponentExportIndex,
    route: ComponentExportIndex,
    release: ComponentExportIndex,
}

/// A started component.
pub(crate) struct Instance {
    instance: component::Instance,
    functions: Functions,
}

// What the functions take and give.
type DescribeGives = (wit::Description,);
type CheckTakes<'a> = (wit::Target<'a>,);
type CheckGives = (Result<Vec<String>, wit::Problem>,);
type LocateGives = (Result<Vec<wit::QueryResult>, wit::Problem>,);
type AskTakes<'a> = (wit::Target<'a>, wit::Traffic<'a>, &'a [wit::Observation<'a>]);
type RouteGives = (Result<wit::Outcome, wit::Problem>,);

impl Prepared {
    /// Finds the functions. `None`: one is missing.
    pub(crate) fn new(pre: InstancePre<Guest>) -> Option<Self> {
        let component: &Component = pre.component();
        let interface = component.get_export_index(None, INTERFACE)?;
        let find = |name| component.get_export_index(Some(&interface), name);
        let [describe, check, locate, route, release] = FUNCTIONS;
        let functions = Functions {
            describe: find(describe)?,
            check: find(check)?,
            locate: find(locate)?,
            route: find(route)?,
            release: find(release)?,
        };
        Some(Self { pre, functions })
    }

    /// Starts the component in a store.
    pub(crate) fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        Ok(Instance { instance: self.pre.instantiate(store)?, functions: self.functions })
    }
}

impl Instance {
    /// Checks the types of all functions; calls check them again, one by one.
    pub(crate) fn check_types(
        &self,
        store: &mut Store<Guest>,
    ) -> Result<(), (&'static str, wasmtime::Error)> {
        let Functions { describe, check, locate, route, release } = self.functions;
        let [describes, checks, locates, routes, releases] = FUNCTIONS;
        self.typed::<(), DescribeGives>(store, &describe).map_err(|error| (describes, error))?;
        self.typed::<CheckTakes<'_>, CheckGives>(store, &check).map_err(|error| (checks, error))?;
        self.typed::<AskTakes<'_>, LocateGives>(store, &locate).map_err(|error| (locates, error))?;
        self.typed::<AskTakes<'_>, RouteGives>(store, &route).map_err(|error| (routes, error))?;
        self.typed::<AskTakes<'_>, RouteGives>(store, &release).map_err(|error| (releases, error))?;
        Ok(())
    }

    fn typed<P, R>(
        &self,
        store: &mut Store<Guest>,
        function: &ComponentExportIndex,
    ) -> wasmtime::Result<component::TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.instance.get_typed_func(store, function)
    }

    fn call<P, R>(
        &self,
        store: &mut Store<Guest>,
        function: &ComponentExportIndex,
        arguments: P,
    ) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.typed::<P, R>(store, function)?.call(store, arguments)
    }

    pub(crate) fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<Description> {
        let (description,): DescribeGives = self.call(store, &self.functions.describe, ())?;
        answer::description(description)
    }

    pub(crate) fn check(
        &self,
        store: &mut Store<Guest>,
        target: &Target,
    ) -> wasmtime::Result<Result<Vec<String>, Problem>> {
        let (answer,): CheckGives = self.call(store, &self.functions.check, (question::target(target),))?;
        match answer {
            Ok(features) => answer::features(features).map(Ok),
            Err(problem) => Ok(Err(answer::problem(problem))),
        }
    }

    pub(crate) fn locate(
        &self,
        store: &mut Store<Guest>,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> wasmtime::Result<Result<Vec<Query>, Problem>> {
        let answer = self.ask::<LocateGives>(store, &self.functions.locate, target, traffic, seen)?;
        Ok(answer.0.map(answer::queries).map_err(answer::problem))
    }

    pub(crate) fn route(
        &self,
        store: &mut Store<Guest>,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> wasmtime::Result<Result<Outcome, Problem>> {
        self.outcome(store, &self.functions.route, target, traffic, seen)
    }

    pub(crate) fn release(
        &self,
        store: &mut Store<Guest>,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> wasmtime::Result<Result<Outcome, Problem>> {
        self.outcome(store, &self.functions.release, target, traffic, seen)
    }

    fn outcome(
        &self,
        store: &mut Store<Guest>,
        function: &ComponentExportIndex,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> wasmtime::Result<Result<Outcome, Problem>> {
        let answer = self.ask::<RouteGives>(store, function, target, traffic, seen)?;
        Ok(answer.0.map(answer::outcome).map_err(answer::problem))
    }

    /// Calls a function that takes all there is to know.
    fn ask<R: ComponentNamedList + Lift>(
        &self,
        store: &mut Store<Guest>,
        function: &ComponentExportIndex,
        target: &Target,
        traffic: &Traffic,
        seen: &[Observation],
    ) -> wasmtime::Result<R> {
        let objects = question::objects(seen);
        let seen = question::observations(seen, &objects);
        question::with_traffic(traffic, |traffic| {
            let arguments: AskTakes<'_> = (question::target(target), traffic, seen.as_slice());
            self.call(store, function, arguments)
        })
    }
}
