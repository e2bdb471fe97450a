//! The kinds of routes, and the configuration keys that name them.

use tidegate_router_sdk::{Kind, KindUse};

use crate::mark;

const GROUP: &str = "gateway.networking.k8s.io";

/// Where every kind of route has its weights.
const WEIGHTS: &str = "/spec/rules/*/backendRefs/*/weight";

/// What may change in a route besides its rules: the mark that a canary is under way, under its usual keys and under
/// those that the configuration names.
const MARKS: [&str; 4] =
    [mark::LABEL_POINTER, mark::ROLLOUTS_POINTER, "/metadata/labels/*", "/metadata/annotations/*"];

/// A kind of route. All have `spec.rules[].backendRefs[]` and `status.parents[]`, which is all that dividing
/// traffic by weight needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RouteKind {
    /// The kind's name.
    pub(crate) name: &'static str,
    /// Versions that are understood, best first.
    versions: &'static [&'static str],
    /// What its rules match.
    pub(crate) matches: Matches,
    /// Key of the name of one route.
    pub(crate) name_key: &'static str,
    /// Key of the rule to which that route's weights are limited.
    pub(crate) rule_name_key: &'static str,
    /// Key of a list of routes.
    pub(crate) list_key: &'static str,
    /// Key of a label selector of routes.
    pub(crate) selector_key: &'static str,
}

/// What the rules of a kind match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matches {
    /// Requests, by method, path and headers.
    Http,
    /// Calls, by headers; the method is the called one.
    Grpc,
    /// Connections: there is nothing to match a request by.
    Connections,
}

/// All kinds that the configuration can name, in the order in which their routes are written.
pub(crate) static ROUTE_KINDS: [RouteKind; 4] = [
    RouteKind {
        name: "HTTPRoute",
        versions: &["v1", "v1beta1"],
        matches: Matches::Http,
        name_key: "httpRoute",
        rule_name_key: "httpRouteRuleName",
        list_key: "httpRoutes",
        selector_key: "httpRouteSelector",
    },
    RouteKind {
        name: "GRPCRoute",
        versions: &["v1"],
        matches: Matches::Grpc,
        name_key: "grpcRoute",
        rule_name_key: "grpcRouteRuleName",
        list_key: "grpcRoutes",
        selector_key: "grpcRouteSelector",
    },
    RouteKind {
        name: "TCPRoute",
        versions: &["v1", "v1alpha2"],
        matches: Matches::Connections,
        name_key: "tcpRoute",
        rule_name_key: "tcpRouteRuleName",
        list_key: "tcpRoutes",
        selector_key: "tcpRouteSelector",
    },
    RouteKind {
        name: "TLSRoute",
        versions: &["v1", "v1alpha3", "v1alpha2"],
        matches: Matches::Connections,
        name_key: "tlsRoute",
        rule_name_key: "tlsRouteRuleName",
        list_key: "tlsRoutes",
        selector_key: "tlsRouteSelector",
    },
];

impl RouteKind {
    /// Whether rules of this kind can be limited to some requests.
    pub(crate) fn matches_requests(&self) -> bool {
        self.matches != Matches::Connections
    }

    /// The kind, as queries name it.
    pub(crate) fn kind(&self) -> Kind {
        Kind::new(GROUP, self.name)
    }

    /// What this plugin does to it.
    pub(crate) fn kind_use(&self) -> KindUse {
        let [label, rollouts, labels, annotations] = MARKS;
        let fields = [WEIGHTS, label, rollouts, labels, annotations];
        let used = KindUse::new(self.kind(), self.versions, &fields);
        let used = if self.matches_requests() {
            used.with_elements(
                "/spec/rules/*",
                "/name",
                &[
                    "/backendRefs/*/name",
                    "/backendRefs/*/filters/*/requestMirror/backendRef/name",
                    "/backendRefs/*/filters/*/externalAuth/backendRef/name",
                    "/backendRefs/*/filters/*/extensionRef/name",
                    "/backendRefs/*/filters/*/requestRedirect/hostname",
                    "/filters/*/requestMirror/backendRef/name",
                    "/filters/*/externalAuth/backendRef/name",
                    "/filters/*/extensionRef/name",
                    "/filters/*/requestRedirect/hostname",
                ],
            )
        } else {
            used
        };
        used.with_elements("/spec/rules/*/backendRefs/*", "/name", &[])
    }
}

/// The kind of the extra destinations' Services.
pub(crate) fn service() -> Kind {
    Kind::new("", "Service")
}

/// Services are only read.
pub(crate) fn service_use() -> KindUse {
    KindUse::new(service(), &["v1"], &[])
}
