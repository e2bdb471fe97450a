//! `/healthz` and `/readyz` for the kubelet, `/metrics` for Prometheus.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::health::Health;
use crate::metrics::Metrics;

/// Alive (the event loop turns) and ready (caches synced, plugins loaded, not shutting down). Neither asks the
/// API server: a controller that is restarted because the API server is away only adds to the trouble.
pub(crate) fn health(health: Arc<Health>) -> Router {
    let alive = health.clone();
    Router::new()
        .route("/healthz", get(move || async move { verdict(alive.alive().map(|()| None)) }))
        .route("/readyz", get(move || async move { verdict(health.ready().map(|()| health.note())) }))
}

/// All metrics, in the OpenMetrics text format.
pub(crate) fn metrics(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(move || async move { exposition(&metrics) }))
}

fn verdict(verdict: Result<Option<String>, String>) -> Response {
    match verdict {
        Ok(None) => (StatusCode::OK, "ok").into_response(),
        Ok(Some(note)) => (StatusCode::OK, format!("ok\n{note}")).into_response(),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, missing).into_response(),
    }
}

fn exposition(metrics: &Metrics) -> Response {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Listens on this address, or on all of them: of both families where the machine has IPv6, else IPv4.
pub(crate) async fn listen(address: Option<IpAddr>, port: u16) -> std::io::Result<TcpListener> {
    if let Some(address) = address {
        return TcpListener::bind(SocketAddr::new(address, port)).await;
    }
    match TcpListener::bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(error),
        Err(_) => TcpListener::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)).await,
    }
}
