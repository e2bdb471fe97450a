//! Which routes of a `VirtualService` are divided.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{Object, Pointer, Problem, concat, decimal};

use crate::config::{ConnectionRoute, NamedVirtualService};
use crate::document::{Protocol, Route, VirtualService};
use crate::managed::Managed;
use crate::roles::{Role, Roles};

/// A route that is divided: one with destinations for both roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) protocol: Protocol,
    pub(crate) index: usize,
}

impl Place {
    /// Where it is in its object.
    pub(crate) fn pointer(self) -> Pointer {
        Pointer::root().key("spec").key(self.protocol.key()).index(self.index)
    }
}

/// One `VirtualService`, and what to look for in it.
pub(crate) struct Search<'a> {
    pub(crate) named: &'a NamedVirtualService,
    pub(crate) object: &'a Object,
    pub(crate) service: &'a VirtualService<'a>,
    /// Its namespace.
    pub(crate) written_in: &'a str,
    pub(crate) roles: &'a Roles<'a>,
    pub(crate) managed: &'a Managed<'a>,
}

impl Search<'_> {
    /// The routes that are divided, at least one, in their order. Of each protocol: the named ones; when none is named, the only one, if it
    /// has destinations for both roles.
    ///
    /// # Errors
    /// When a named route does not exist or lacks a destination, when it is not clear which route is meant, or when
    /// there is none.
    pub(crate) fn places(&self) -> Result<Vec<Place>, Problem> {
        let mut places = Vec::new();
        for protocol in Protocol::ALL {
            match protocol {
                Protocol::Http if !self.named.routes.is_empty() => self.named_http(&mut places)?,
                Protocol::Tls if !self.named.tls.is_empty() => {
                    self.named_connections(protocol, &self.named.tls, &mut places)?;
                }
                Protocol::Tcp if !self.named.tcp.is_empty() => {
                    self.named_connections(protocol, &self.named.tcp, &mut places)?;
                }
                _ => places.extend(self.only(protocol)?),
            }
        }
        if places.is_empty() { Err(self.no_place()) } else { Ok(places) }
    }

    /// The same for giving back: what is gone or never was needs nothing.
    pub(crate) fn remaining(&self) -> Vec<Place> {
        let is_named = |place: Place, route: &Route<'_>| match place.protocol {
            Protocol::Http => {
                self.named.routes.is_empty() || self.named.routes.iter().any(|name| is_called(route, name))
            }
            Protocol::Tls => {
                self.named.tls.is_empty() || self.named.tls.iter().any(|wanted| wanted.means(route))
            }
            Protocol::Tcp => {
                self.named.tcp.is_empty() || self.named.tcp.iter().any(|wanted| wanted.means(route))
            }
        };
        let all = Protocol::ALL.into_iter().flat_map(|protocol| self.candidates(protocol));
        all.filter(|(place, route)| is_named(*place, route) && self.is_divided(route))
            .map(|(place, _)| place)
            .collect()
    }

    /// The routes of a protocol but for managed ones.
    fn candidates(&self, protocol: Protocol) -> impl Iterator<Item = (Place, &Route<'_>)> {
        let routes = self.service.routes(protocol).iter().enumerate();
        routes
            .filter(move |(_, route)| {
                protocol != Protocol::Http || self.managed.owner(route.name.as_deref()).is_none()
            })
            .map(move |(index, route)| (Place { protocol, index }, route))
    }

    fn named_http(&self, places: &mut Vec<Place>) -> Result<(), Problem> {
        let mut is_found = vec![false; self.named.routes.len()];
        for (place, route) in self.candidates(Protocol::Http) {
            let Some(position) = self.named.routes.iter().position(|name| is_called(route, name)) else {
                continue;
            };
            if let Some(found) = is_found.get_mut(position) {
                *found = true;
            }
            self.require_both(place, route)?;
            places.push(place);
        }
        let missing = (0_i64..).zip(&self.named.routes).zip(&is_found).find(|(_, found)| !**found);
        let Some(((position, name), _)) = missing else { return Ok(()) };
        let message = concat(&[
            &self.object.ref_.to_text(),
            " has no HTTP route named `",
            name,
            "`: name a route so, or correct ",
            self.named.at(),
            "/routes/",
            &decimal(position),
        ]);
        Err(Problem::missing_backend(&self.object.ref_, message).at(spec(Protocol::Http)))
    }

    fn named_connections(
        &self,
        protocol: Protocol,
        wanted: &[ConnectionRoute],
        places: &mut Vec<Place>,
    ) -> Result<(), Problem> {
        let meant = |route: &Route<'_>| wanted.iter().any(|wanted| wanted.means(route));
        for (place, route) in self.candidates(protocol).filter(|(_, route)| meant(route)) {
            self.require_both(place, route)?;
            places.push(place);
        }
        let is_missing =
            |wanted: &&ConnectionRoute| !self.candidates(protocol).any(|(_, route)| wanted.means(route));
        let Some(missing) = wanted.iter().find(is_missing) else { return Ok(()) };
        let message = concat(&[
            &self.object.ref_.to_text(),
            " has no ",
            protocol.key(),
            " route whose matches name exactly what ",
            missing.at.as_str(),
            " names: correct one of them",
        ]);
        Err(Problem::missing_backend(&self.object.ref_, message).at(spec(protocol)))
    }

    /// The only route of a protocol for which none is named.
    fn only(&self, protocol: Protocol) -> Result<Option<Place>, Problem> {
        let mut candidates = self.candidates(protocol);
        let (first, second) = (candidates.next(), candidates.next());
        let both = self.candidates(protocol).find(|(_, route)| self.is_divided(route));
        match (first, second, both) {
            (Some(_), Some(_), Some((place, _))) => {
                let key = match protocol {
                    Protocol::Http => "routes",
                    Protocol::Tls => "tlsRoutes",
                    Protocol::Tcp => "tcpRoutes",
                };
                let message = concat(&[
                    &self.object.ref_.to_text(),
                    " has several ",
                    protocol.key(),
                    " routes: name those that are to be divided under ",
                    key,
                ]);
                Err(Problem::missing_backend(&self.object.ref_, message).at(place.pointer()))
            }
            (_, _, both) => Ok(both.map(|(place, _)| place)),
        }
    }

    fn has(&self, route: &Route<'_>, role: Role) -> bool {
        let mut destinations = route.destinations.iter();
        destinations.any(|destination| self.roles.of(destination, self.written_in) == Some(role))
    }

    fn is_divided(&self, route: &Route<'_>) -> bool {
        self.has(route, Role::Stable) && self.has(route, Role::Canary)
    }

    fn require_both(&self, place: Place, route: &Route<'_>) -> Result<(), Problem> {
        let (stable, canary) = self.roles.split.names();
        for (role, name) in [(Role::Stable, stable), (Role::Canary, canary)] {
            if !self.has(route, role) {
                let message = concat(&[
                    &self.object.ref_.to_text(),
                    " has no destination for the ",
                    self.roles.split.what(),
                    " `",
                    name,
                    "` in ",
                    place.pointer().as_str(),
                    ": add it to the route, with weight 0",
                ]);
                return Err(Problem::missing_backend(&self.object.ref_, message).at(place.pointer()));
            }
        }
        Ok(())
    }

    fn no_place(&self) -> Problem {
        let (stable, canary) = self.roles.split.names();
        let what = self.roles.split.what();
        let message = concat(&[
            &self.object.ref_.to_text(),
            " has no route with destinations for both the ",
            what,
            " `",
            stable,
            "` and the ",
            what,
            " `",
            canary,
            "`: put both into the route that is to be divided",
        ]);
        Problem::missing_backend(&self.object.ref_, message).at(Pointer::root().key("spec"))
    }
}

impl ConnectionRoute {
    /// Whether a route is meant: its matches name one port at most, this one, and together these SNI hosts.
    fn means(&self, route: &Route<'_>) -> bool {
        let port = |wanted: Option<i64>| wanted.filter(|port| *port != 0);
        let mut ports = route.matches.iter().map(|wanted| port(wanted.port));
        let first = ports.next().unwrap_or_default();
        first == self.port
            && ports.all(|port| port == first)
            && route
                .matches
                .iter()
                .flat_map(|wanted| &wanted.sni_hosts)
                .all(|host| self.sni_hosts.iter().any(|wanted| wanted == host.as_str()))
            && self.sni_hosts.iter().all(|wanted| {
                let mut hosts = route.matches.iter().flat_map(|wanted| &wanted.sni_hosts);
                hosts.any(|host| host.as_str() == wanted)
            })
    }
}

fn is_called(route: &Route<'_>, name: &str) -> bool {
    route.name.as_deref() == Some(name)
}

fn spec(protocol: Protocol) -> Pointer {
    Pointer::root().key("spec").key(protocol.key())
}
