//! What an operator may choose about one controller process.

use std::net::IpAddr;
use std::time::Duration;

use tidegate_handover::Patience;
use tidegate_plugins::Wanted;

use crate::client::Connection;

/// How the controller runs. The defaults are those of Argo Rollouts where it has the same choice.
#[derive(Clone, Debug)]
pub struct Options {
    /// The way to the API server.
    pub connection: Connection,
    /// Only Rollouts of this namespace; `None`: of all, unless `namespaced`.
    pub namespace: Option<String>,
    /// Argo's `--namespaced`: without a `namespace`, only Rollouts of the controller's own.
    pub namespaced: bool,
    /// Argo's `--instance-id`: only Rollouts whose label `argo-rollouts.argoproj.io/controller-instance-id` has
    /// this value; `None`: only those without the label.
    pub instance_id: Option<String>,
    /// What is taken for another controller at work, and for its end.
    pub patience: Patience,
    /// Only look: write nothing at all, take no part in the election, and tell what would be written beside what
    /// another controller does; `None`: be a controller.
    pub shadow: Option<Shadow>,
    /// How it is made sure that one process at most writes; `None`: there is no other.
    pub election: Option<Election>,
    /// Who this is, in the lease and in Kubernetes events: the pod's name, if this is a pod. It must differ
    /// between processes that run at the same time; `None`: made up.
    pub identity: Option<String>,
    /// The address that the probes and metrics listen on; `None`: all of this machine.
    pub bind_address: Option<IpAddr>,
    /// The controller's own namespace, where Argo's ConfigMap and the last good bytes of plugins are; `None`: that of the
    /// service account, or of the kubeconfig's context.
    pub own_namespace: Option<String>,
    /// The plugins that flags name, and those that there are without.
    pub plugins: Vec<Wanted>,
    /// How long a start may wait for a plugin without which it must not be.
    pub plugin_start_deadline: Duration,
    /// Argo's `--healthzPort`: `/healthz` and `/readyz`.
    pub healthz_port: u16,
    /// Argo's `--metricsPort`: `/metrics`.
    pub metrics_port: u16,
    /// So many router plugins compute at the same time; `None`: one per processor.
    pub router_calls: Option<usize>,
    /// Authorities, as certificates in PEM, that servers may have theirs from which analyses ask, beside those of this machine.
    pub analysis_authorities: Option<Vec<u8>>,
    /// How long the end may take for requests that are under way. Longer than the time limit of one request,
    /// which is 10 s, and shorter than the pod's grace period.
    pub shutdown_grace: Duration,
}

/// How a shadow tells what differs.
#[derive(Clone, Debug)]
pub struct Shadow {
    /// What has stayed the same for so long is more than a matter of a moment.
    pub lasting_after: Duration,
    /// Whether to write each piece of news to standard output as a line of JSON.
    pub json: bool,
}

/// Leader election by a Lease.
#[derive(Clone, Debug)]
pub struct Election {
    /// The namespace of the Lease; `None`: that of the service account, or of the kubeconfig's context.
    pub namespace: Option<String>,
    /// Its name; `None`: that of Argo Rollouts, so that Argo's controller and this one exclude each other while
    /// one takes over from the other.
    pub name: Option<String>,
    /// Argo's `--leader-election-lease-duration`: how long others wait after the last renewal.
    pub lease_duration: Duration,
    /// Argo's `--leader-election-renew-deadline`: this long after the last renewal the leader stops
    /// writing. Shorter than the lease.
    pub renew_deadline: Duration,
    /// Argo's `--leader-election-retry-period`: between two tries to get or renew it.
    pub retry_period: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connection: Connection::default(),
            namespace: None,
            namespaced: false,
            instance_id: None,
            patience: Patience::default(),
            shadow: None,
            election: Some(Election::default()),
            identity: None,
            bind_address: None,
            own_namespace: None,
            plugins: Vec::new(),
            plugin_start_deadline: Duration::from_mins(5),
            healthz_port: 8080,
            metrics_port: 8090,
            router_calls: None,
            analysis_authorities: None,
            shutdown_grace: Duration::from_secs(12),
        }
    }
}

impl Default for Election {
    fn default() -> Self {
        Self {
            namespace: None,
            name: None,
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

/// The name of the Lease that Argo Rollouts uses.
pub(crate) fn argo_lease_name(instance_id: Option<&str>) -> String {
    const NAME: &str = "argo-rollouts-controller-lock";
    match instance_id {
        Some(id) if !id.is_empty() => format!("{NAME}-{id}"),
        _ => NAME.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lease_is_that_of_argo() {
        assert_eq!(argo_lease_name(None), "argo-rollouts-controller-lock");
        assert_eq!(argo_lease_name(Some("")), "argo-rollouts-controller-lock");
        assert_eq!(argo_lease_name(Some("blue")), "argo-rollouts-controller-lock-blue");
    }
}
