//! What is configured: the keys under Argo's `trafficRouting.istio`, and `verify`.

use tidegate_router_sdk::prelude::*;
use tidegate_router_sdk::{
    Fields, Kind, Object, Observation, Outcome, Pointer, Problem, Query, Target, concat,
};

const GROUP: &str = "networking.istio.io";

/// The kind `VirtualService`, which says where requests go.
pub(crate) fn virtual_service_kind() -> Kind {
    Kind::new(GROUP, "VirtualService")
}

/// The kind `DestinationRule`, which says what subsets of a host's pods there are.
pub(crate) fn destination_rule_kind() -> Kind {
    Kind::new(GROUP, "DestinationRule")
}

/// Which routes are divided, between what, and how that is verified.
#[derive(Debug)]
pub(crate) struct Config {
    /// At least one, each once.
    pub(crate) virtual_services: Vec<NamedVirtualService>,
    /// Divide between subsets of one host; without it between two Services.
    pub(crate) destination_rule: Option<NamedDestinationRule>,
    /// Whether a `VirtualService`'s status is waited for, where there is one.
    pub(crate) verify: bool,
    /// Keys that are not known.
    unknown: Vec<Pointer>,
}

/// An object by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Its name.
    pub(crate) name: String,
    /// Its namespace; `None` is the Rollout's.
    pub(crate) namespace: Option<String>,
    /// Where it is named.
    pub(crate) at: Pointer,
}

/// A `VirtualService`, and which of its routes are divided. Of a protocol for which no route is named, its only one.
#[derive(Debug)]
pub(crate) struct NamedVirtualService {
    pub(crate) name: Reference,
    /// HTTP routes by name.
    pub(crate) routes: Vec<String>,
    /// TLS routes by what they match.
    pub(crate) tls: Vec<ConnectionRoute>,
    /// TCP routes by what they match.
    pub(crate) tcp: Vec<ConnectionRoute>,
}

/// A TLS or TCP route, which have no names: by all that its matches name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConnectionRoute {
    pub(crate) port: Option<i64>,
    /// Only of TLS routes.
    pub(crate) sni_hosts: Vec<String>,
    /// Where it is configured.
    pub(crate) at: Pointer,
}

/// A `DestinationRule` and the names of two of its subsets, which differ.
#[derive(Debug)]
pub(crate) struct NamedDestinationRule {
    pub(crate) name: Reference,
    pub(crate) stable_subset: String,
    pub(crate) canary_subset: String,
}

impl Config {
    /// The configuration of a target: the Rollout's, with the operator's settings as defaults.
    pub(crate) fn of(target: &Target) -> Result<Self, Problem> {
        let mut fields = Fields::of(&target.config, Pointer::root())?;
        let mut settings = Fields::of(&target.settings, Pointer::root())?;
        let mut unknown = Vec::new();
        let virtual_services = read_virtual_services(&mut fields, target, &mut unknown)?;
        let destination_rule = fields
            .object("destinationRule")?
            .map(|fields| NamedDestinationRule::read(fields, target, &mut unknown))
            .transpose()?;
        let operators_default = read_verify(&mut settings)?.unwrap_or(true);
        let verify = read_verify(&mut fields)?.unwrap_or(operators_default);
        fields.finish(&mut unknown);
        Ok(Self { virtual_services, destination_rule, verify, unknown })
    }

    /// All objects that it means.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let rule = self.destination_rule.iter().map(NamedDestinationRule::query);
        rule.chain(self.virtual_services.iter().map(NamedVirtualService::query)).collect()
    }

    /// Whether every `VirtualService` can have HTTP routes that are divided.
    pub(crate) fn has_http(&self) -> bool {
        self.virtual_services.iter().all(NamedVirtualService::has_http)
    }

    /// Tells the reader of the Rollout which keys are ignored.
    pub(crate) fn notes(&self, outcome: &mut Outcome) {
        for key in &self.unknown {
            outcome.note(concat(&[
                "the configuration's key ",
                key.as_str(),
                " is not known and has no effect",
            ]));
        }
    }
}

impl Reference {
    /// `name`, or `name.namespace`.
    fn read(fields: &mut Fields<'_>, what: &str, target: &Target) -> Result<Self, Problem> {
        let at = fields.at().key("name");
        let Some(text) = fields.text("name")? else {
            let message = concat(&[at.as_str(), " is missing: which ", what, "?"]);
            return Err(Problem::invalid_config(at, message));
        };
        let (name, namespace) = match text.rsplit_once('.') {
            Some((name, namespace)) => (name, Some(namespace)),
            None => (text.as_str(), None),
        };
        if !is_name(name) || !namespace.is_none_or(is_name) {
            let message = concat(&[
                "`",
                &text,
                "` is no name of an object, nor `name.namespace`: correct ",
                at.as_str(),
            ]);
            return Err(Problem::invalid_config(at, message));
        }
        let namespace = namespace.filter(|namespace| *namespace != target.namespace);
        Ok(Self { name: name.to_owned(), namespace: namespace.map(str::to_owned), at })
    }

    fn query(&self, kind: Kind) -> Query {
        let query = Query::named(kind, &self.name);
        match &self.namespace {
            Some(namespace) => query.in_namespace(namespace),
            None => query,
        }
    }

    /// Where it is, in words that follow the name.
    pub(crate) fn place(&self) -> String {
        self.namespace.as_deref().map_or(String::new(), |namespace| concat(&[" in namespace ", namespace]))
    }
}

impl NamedVirtualService {
    /// The query that finds it.
    pub(crate) fn query(&self) -> Query {
        self.name.query(virtual_service_kind())
    }

    /// It, when it exists.
    pub(crate) fn find<'a>(&self, seen: &'a [Observation]) -> Option<&'a Object> {
        self.query().find(seen)?.objects.first()
    }

    /// Where it is configured.
    pub(crate) fn at(&self) -> &str {
        self.name.at.as_str().strip_suffix("/name").unwrap_or_default()
    }

    /// Whether HTTP routes of it may be divided: not when only routes of other protocols are named.
    pub(crate) fn has_http(&self) -> bool {
        !self.routes.is_empty() || (self.tls.is_empty() && self.tcp.is_empty())
    }

    fn read(mut fields: Fields<'_>, target: &Target, unknown: &mut Vec<Pointer>) -> Result<Self, Problem> {
        let name = Reference::read(&mut fields, "VirtualService", target)?;
        let routes = fields.texts("routes")?;
        let tls = read_connections(&mut fields, "tlsRoutes", unknown)?;
        let tcp = read_connections(&mut fields, "tcpRoutes", unknown)?;
        fields.finish(unknown);
        Ok(Self { name, routes, tls, tcp })
    }
}

impl NamedDestinationRule {
    /// The query that finds it.
    pub(crate) fn query(&self) -> Query {
        self.name.query(destination_rule_kind())
    }

    /// It, when it exists.
    pub(crate) fn find<'a>(&self, seen: &'a [Observation]) -> Option<&'a Object> {
        self.query().find(seen)?.objects.first()
    }

    fn read(mut fields: Fields<'_>, target: &Target, unknown: &mut Vec<Pointer>) -> Result<Self, Problem> {
        let name = Reference::read(&mut fields, "DestinationRule", target)?;
        let mut subset = |key: &str, role: &str| {
            let at = fields.at().key(key);
            fields.text(key)?.ok_or_else(|| {
                let message = concat(&[at.as_str(), " is missing: which subset has the ", role, " pods?"]);
                Problem::invalid_config(at, message)
            })
        };
        let canary_subset = subset("canarySubsetName", "canary")?;
        let stable_subset = subset("stableSubsetName", "stable")?;
        if canary_subset == stable_subset {
            let at = fields.at().key("canarySubsetName");
            let message =
                concat(&["the canary and the stable subset are both `", &canary_subset, "`: name two"]);
            return Err(Problem::invalid_config(at, message));
        }
        fields.finish(unknown);
        Ok(Self { name, stable_subset, canary_subset })
    }
}

fn read_virtual_services(
    fields: &mut Fields<'_>,
    target: &Target,
    unknown: &mut Vec<Pointer>,
) -> Result<Vec<NamedVirtualService>, Problem> {
    let mut services: Vec<NamedVirtualService> = Vec::new();
    for entry in fields.objects("virtualServices")? {
        let service = NamedVirtualService::read(entry, target, unknown)?;
        let is_same =
            |other: &Reference| other.name == service.name.name && other.namespace == service.name.namespace;
        if services.iter().any(|other| is_same(&other.name)) {
            let message = concat(&[
                "VirtualService `",
                &service.name.name,
                "` is named twice: name all of its routes in one entry",
            ]);
            return Err(Problem::invalid_config(service.name.at, message));
        }
        services.push(service);
    }
    if let Some(entry) = fields.object("virtualService")? {
        let at = entry.at();
        if !services.is_empty() {
            let message = "virtualService and virtualServices are both set: keep one of them";
            return Err(Problem::invalid_config(at, message));
        }
        services.push(NamedVirtualService::read(entry, target, unknown)?);
    }
    if services.is_empty() {
        let message = "no VirtualService is named: set virtualService or virtualServices";
        return Err(Problem::invalid_config(Pointer::root(), message));
    }
    Ok(services)
}

fn read_connections(
    fields: &mut Fields<'_>,
    key: &str,
    unknown: &mut Vec<Pointer>,
) -> Result<Vec<ConnectionRoute>, Problem> {
    let mut routes = Vec::new();
    for mut entry in fields.objects(key)? {
        let at = entry.at();
        let port = entry.integer("port")?.filter(|port| *port != 0);
        let sni_hosts = if key == "tlsRoutes" { entry.texts("sniHosts")? } else { Vec::new() };
        entry.finish(unknown);
        routes.push(ConnectionRoute { port, sni_hosts, at });
    }
    Ok(routes)
}

fn read_verify(fields: &mut Fields<'_>) -> Result<Option<bool>, Problem> {
    match fields.text("verify")?.as_deref() {
        None => Ok(None),
        Some("IfReported") => Ok(Some(true)),
        Some("Never") => Ok(Some(false)),
        Some(other) => Err(Problem::invalid_config(
            fields.at().key("verify"),
            concat(&["verify is `", other, "`; it must be IfReported or Never"]),
        )),
    }
}

/// An object's or namespace's name: as in DNS, at most 253 characters.
fn is_name(name: &str) -> bool {
    name.len() <= 253
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}
