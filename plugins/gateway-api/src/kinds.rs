//! The kinds of routes, and the configuration keys that name them.

use tidegate_router_sdk::{Kind, KindUse};

const GROUP: &str = "gateway.networking.k8s.io";

/// Where every kind of route has its weights.
const WEIGHTS: &str = "/spec/rules/*/backendRefs/*/weight";

/// A kind of route. All have `spec.rules[].backendRefs[]` and `status.parents[]`, which is all that dividing
/// traffic by weight needs.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteKind {
    /// The kind's name.
    pub(crate) name: &'static str,
    /// Versions that are understood, best first; none when this plugin does not serve the kind yet.
    pub(crate) versions: &'static [&'static str],
    /// Key of the name of one route.
    pub(crate) name_key: &'static str,
    /// Key of the rule to which that route's weights are limited.
    pub(crate) rule_name_key: &'static str,
    /// Key of a list of routes.
    pub(crate) list_key: &'static str,
    /// Key of a label selector of routes.
    pub(crate) selector_key: &'static str,
}

/// All kinds that the configuration can name, in the order in which their routes are written.
pub(crate) static ROUTE_KINDS: [RouteKind; 4] = [
    RouteKind {
        name: "HTTPRoute",
        versions: &["v1", "v1beta1"],
        name_key: "httpRoute",
        rule_name_key: "httpRouteRuleName",
        list_key: "httpRoutes",
        selector_key: "httpRouteSelector",
    },
    RouteKind {
        name: "GRPCRoute",
        versions: &[],
        name_key: "grpcRoute",
        rule_name_key: "grpcRouteRuleName",
        list_key: "grpcRoutes",
        selector_key: "grpcRouteSelector",
    },
    RouteKind {
        name: "TCPRoute",
        versions: &[],
        name_key: "tcpRoute",
        rule_name_key: "tcpRouteRuleName",
        list_key: "tcpRoutes",
        selector_key: "tcpRouteSelector",
    },
    RouteKind {
        name: "TLSRoute",
        versions: &[],
        name_key: "tlsRoute",
        rule_name_key: "tlsRouteRuleName",
        list_key: "tlsRoutes",
        selector_key: "tlsRouteSelector",
    },
];

impl RouteKind {
    /// Whether this plugin serves it.
    pub(crate) const fn is_served(&self) -> bool {
        !self.versions.is_empty()
    }

    /// The kind, as queries name it.
    pub(crate) fn kind(&self) -> Kind {
        Kind::new(GROUP, self.name)
    }

    /// What this plugin does to it.
    pub(crate) fn kind_use(&self) -> KindUse {
        KindUse::new(self.kind(), self.versions, &[WEIGHTS])
    }
}
