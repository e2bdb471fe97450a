//! What of a `VirtualService` and of a `DestinationRule` is read. Everything else is skipped over without being copied, so
//! that reading costs a few microseconds and nothing can be lost or changed that is not ours.

use tidegate_router_sdk::Text;
use tidegate_router_sdk::json::{Reader, Result};
use tidegate_router_sdk::prelude::*;

/// The label by which a Rollout's versions are told apart.
pub(crate) const HASH_LABEL: &str = "rollouts-pod-template-hash";

/// What a route carries. Each protocol has its list of routes in a `VirtualService`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Tls,
    Tcp,
}

impl Protocol {
    /// All, in the order of the API's documentation.
    pub(crate) const ALL: [Self; 3] = [Self::Http, Self::Tls, Self::Tcp];

    /// The key of its routes under `spec`.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Tcp => "tcp",
        }
    }
}

/// A `VirtualService`.
#[derive(Debug, Default)]
pub(crate) struct VirtualService<'a> {
    /// Counts changes of the spec, from 1.
    pub(crate) generation: i64,
    http: Vec<Route<'a>>,
    tls: Vec<Route<'a>>,
    tcp: Vec<Route<'a>>,
    /// `status`, which is only there when the mesh's operator has Istio write it.
    pub(crate) status: Status<'a>,
}

/// A route of any protocol.
#[derive(Debug, Default)]
pub(crate) struct Route<'a> {
    /// Of HTTP routes.
    pub(crate) name: Option<Text<'a>>,
    /// Of TLS and TCP routes.
    pub(crate) matches: Vec<ConnectionMatch<'a>>,
    pub(crate) destinations: Vec<Destination<'a>>,
}

/// Which connections a TLS or TCP route is for.
#[derive(Debug, Default)]
pub(crate) struct ConnectionMatch<'a> {
    pub(crate) port: Option<i64>,
    pub(crate) sni_hosts: Vec<Text<'a>>,
}

/// An entry of a route's `route`.
#[derive(Debug, Default)]
pub(crate) struct Destination<'a> {
    pub(crate) host: Text<'a>,
    pub(crate) subset: Option<Text<'a>>,
    pub(crate) weight: Option<u32>,
}

/// What Istio reports.
#[derive(Debug, Default)]
pub(crate) struct Status<'a> {
    pub(crate) observed_generation: Option<i64>,
    /// The condition `Reconciled`: whether the proxies have the configuration.
    pub(crate) reconciled: Option<Condition<'a>>,
}

/// A condition.
#[derive(Debug, Default)]
pub(crate) struct Condition<'a> {
    pub(crate) status: Text<'a>,
    pub(crate) message: Text<'a>,
    pub(crate) observed_generation: Option<i64>,
}

/// A `DestinationRule`.
#[derive(Debug, Default)]
pub(crate) struct DestinationRule<'a> {
    pub(crate) host: Text<'a>,
    pub(crate) subsets: Vec<Subset<'a>>,
}

/// A part of a host's pods.
#[derive(Debug, Default)]
pub(crate) struct Subset<'a> {
    pub(crate) name: Text<'a>,
    /// How many labels select it; `None` when there is no map of them.
    pub(crate) labels: Option<usize>,
    /// The value of [`HASH_LABEL`].
    pub(crate) hash: Option<Text<'a>>,
}

impl<'a> VirtualService<'a> {
    /// Reads one.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut service = Self::default();
        reader.object(&mut |key, reader| match key {
            "metadata" => reader.object(&mut |key, reader| {
                match key {
                    "generation" => service.generation = reader.integer()?.unwrap_or_default(),
                    _ => reader.skip()?,
                }
                Ok(())
            }),
            "spec" => reader.object(&mut |key, reader| {
                match key {
                    "http" => service.http = reader.elements(|reader| Route::read(reader, Protocol::Http))?,
                    "tls" => service.tls = reader.elements(|reader| Route::read(reader, Protocol::Tls))?,
                    "tcp" => service.tcp = reader.elements(|reader| Route::read(reader, Protocol::Tcp))?,
                    _ => reader.skip()?,
                }
                Ok(())
            }),
            "status" => {
                service.status = Status::read(reader)?;
                Ok(())
            }
            _ => reader.skip(),
        })?;
        Ok(service)
    }

    /// The routes of a protocol.
    pub(crate) fn routes(&self, protocol: Protocol) -> &[Route<'a>] {
        match protocol {
            Protocol::Http => &self.http,
            Protocol::Tls => &self.tls,
            Protocol::Tcp => &self.tcp,
        }
    }
}

impl<'a> Route<'a> {
    fn read(reader: &mut Reader<'a>, protocol: Protocol) -> Result<Self> {
        let mut route = Self::default();
        reader.object(&mut |key, reader| {
            match (key, protocol) {
                ("route", _) => route.destinations = reader.elements(Destination::read)?,
                ("name", Protocol::Http) => route.name = reader.text()?,
                ("match", Protocol::Tls | Protocol::Tcp) => {
                    route.matches = reader.elements(ConnectionMatch::read)?;
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(route)
    }
}

impl<'a> ConnectionMatch<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut wanted = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "port" => wanted.port = reader.integer()?,
                "sniHosts" => {
                    wanted.sni_hosts = reader.elements(|reader| Ok(reader.text()?.unwrap_or_default()))?;
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(wanted)
    }
}

impl<'a> Destination<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut destination = Self::default();
        reader.object(&mut |key, reader| match key {
            "destination" => reader.object(&mut |key, reader| {
                match key {
                    "host" => destination.host = reader.text()?.unwrap_or_default(),
                    "subset" => destination.subset = reader.text()?,
                    _ => reader.skip()?,
                }
                Ok(())
            }),
            "weight" => {
                destination.weight = reader.integer()?;
                Ok(())
            }
            _ => reader.skip(),
        })?;
        Ok(destination)
    }
}

impl<'a> Status<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut status = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "observedGeneration" => status.observed_generation = generation(reader)?,
                "conditions" => {
                    let conditions = reader.elements(Condition::read)?;
                    let found = conditions.into_iter().find(|(kind, _)| &**kind == "Reconciled");
                    status.reconciled = found.map(|(_, condition)| condition);
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(status)
    }
}

impl<'a> Condition<'a> {
    /// With its type.
    fn read(reader: &mut Reader<'a>) -> Result<(Text<'a>, Self)> {
        let mut kind = Text::default();
        let mut condition = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "type" => kind = reader.text()?.unwrap_or_default(),
                "status" => condition.status = reader.text()?.unwrap_or_default(),
                "message" => condition.message = reader.text()?.unwrap_or_default(),
                "observedGeneration" => condition.observed_generation = generation(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok((kind, condition))
    }
}

impl<'a> DestinationRule<'a> {
    /// Reads one.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut rule = Self::default();
        reader.object(&mut |key, reader| match key {
            "spec" => reader.object(&mut |key, reader| {
                match key {
                    "host" => rule.host = reader.text()?.unwrap_or_default(),
                    "subsets" => rule.subsets = reader.elements(Subset::read)?,
                    _ => reader.skip()?,
                }
                Ok(())
            }),
            _ => reader.skip(),
        })?;
        Ok(rule)
    }
}

impl<'a> Subset<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let mut subset = Self::default();
        reader.object(&mut |key, reader| {
            match key {
                "name" => subset.name = reader.text()?.unwrap_or_default(),
                "labels" => {
                    let mut count = None;
                    subset.hash = None;
                    reader.object(&mut |key, reader| {
                        count = Some(count.unwrap_or(0) + 1);
                        match key {
                            HASH_LABEL => subset.hash = reader.text()?,
                            _ => reader.skip()?,
                        }
                        Ok(())
                    })?;
                    subset.labels = count;
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(subset)
    }
}

/// A generation: Istio writes them as texts, as Protocol Buffers do with all 64-bit numbers.
fn generation(reader: &mut Reader<'_>) -> Result<Option<i64>> {
    let raw = reader.raw()?;
    match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        Some(number) => Reader::document(number, Reader::integer),
        None => Reader::document(raw, Reader::integer),
    }
}
