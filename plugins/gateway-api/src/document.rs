//! What of a route is read. Everything else is skipped over without being copied, so that reading costs a few
//! microseconds and nothing can be lost or changed that is not ours.

use tidegate_router_sdk::Text;
use tidegate_router_sdk::json::{Reader, Result};
use tidegate_router_sdk::prelude::*;

use crate::mark::{Mark, Seen};

/// A route of any kind.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    /// Counts changes of the spec, from 1.
    pub(crate) generation: i64,
    /// Whether it is marked as having a canary under way.
    pub(crate) mark: Seen<'a>,
    /// `spec.parentRefs`.
    pub(crate) parents: Vec<Reference<'a>>,
    /// `spec.rules`.
    pub(crate) rules: Vec<Rule<'a>>,
    /// `status.parents`.
    pub(crate) reports: Vec<Report<'a>>,
}

/// A rule.
#[derive(Debug, Default)]
pub(crate) struct Rule<'a> {
    pub(crate) name: Option<Text<'a>>,
    pub(crate) backends: Vec<Reference<'a>>,
}

/// A reference to a parent or to a backend. What is absent has a default: for both kinds the route's namespace;
/// for parents a Gateway, for backends a Service and the weight 1.
#[derive(Debug, Default)]
pub(crate) struct Reference<'a> {
    pub(crate) group: Option<Text<'a>>,
    pub(crate) kind: Option<Text<'a>>,
    pub(crate) namespace: Option<Text<'a>>,
    pub(crate) name: Option<Text<'a>>,
    /// Of a parent.
    pub(crate) section: Option<Text<'a>>,
    pub(crate) port: Option<i64>,
    /// Of a backend.
    pub(crate) weight: Option<u32>,
}

/// What one controller says of a route and one of its parents.
#[derive(Debug, Default)]
pub(crate) struct Report<'a> {
    pub(crate) parent: Reference<'a>,
    pub(crate) controller: Option<Text<'a>>,
    pub(crate) conditions: Vec<Condition<'a>>,
}

/// A condition of such a report.
#[derive(Debug, Default)]
pub(crate) struct Condition<'a> {
    pub(crate) kind: Text<'a>,
    pub(crate) status: Text<'a>,
    pub(crate) reason: Text<'a>,
    pub(crate) message: Text<'a>,
    /// The generation of the route that it is about.
    pub(crate) generation: Option<i64>,
}

impl<'a> Document<'a> {
    /// Reads a route, and this mark of it.
    pub(crate) fn read(reader: &mut Reader<'a>, mark: Option<&Mark>) -> Result<Self> {
        let mut document = Self::default();
        reader.object(&mut |key, reader| match key {
            "metadata" => reader.object(&mut |key, reader| {
                match (key, mark) {
                    ("generation", _) => document.generation = reader.integer()?.unwrap_or_default(),
                    ("labels" | "annotations", Some(mark)) => mark.read(key, reader, &mut document.mark)?,
                    _ => reader.skip()?,
                }
                Ok(())
            }),
            "spec" => reader.object(&mut |key, reader| {
                match key {
                    "parentRefs" => document.parents = reader.elements(Reference::read)?,
                    "rules" => document.rules = reader.elements(Rule::read)?,
                    _ => reader.skip()?,
                }
                Ok(())
            }),
            "status" => reader.object(&mut |key, reader| {
                match key {
                    "parents" => document.reports = reader.elements(Report::read)?,
                    _ => reader.skip()?,
                }
                Ok(())
            }),
            _ => reader.skip(),
        })?;
        Ok(document)
    }
}

impl<'a> Rule<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut rule = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "name" => rule.name = reader.text()?,
                "backendRefs" => rule.backends = reader.elements(Reference::read)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(rule)
    }
}

impl<'a> Reference<'a> {
    /// Reads one.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut reference = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "group" => reference.group = reader.text()?,
                "kind" => reference.kind = reader.text()?,
                "namespace" => reference.namespace = reader.text()?,
                "name" => reference.name = reader.text()?,
                "sectionName" => reference.section = reader.text()?,
                "port" => reference.port = reader.integer()?,
                "weight" => reference.weight = reader.integer()?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(reference)
    }
}

impl<'a> Report<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut report = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "parentRef" => report.parent = Reference::read(reader)?,
                "controllerName" => report.controller = reader.text()?,
                "conditions" => report.conditions = reader.elements(Condition::read)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(report)
    }
}

impl<'a> Condition<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut condition = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "type" => condition.kind = reader.text()?.unwrap_or_default(),
                "status" => condition.status = reader.text()?.unwrap_or_default(),
                "reason" => condition.reason = reader.text()?.unwrap_or_default(),
                "message" => condition.message = reader.text()?.unwrap_or_default(),
                "observedGeneration" => condition.generation = reader.integer()?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(condition)
    }
}
