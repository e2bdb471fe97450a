//! An API server without objects: as much HTTP as an idle controller needs to be ready and to stay so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

/// The kinds that are served: group, version, kind, plural, whether in namespaces.
const KINDS: [(&str, &str, &str, &str, bool); 16] = [
    ("argoproj.io", "v1alpha1", "Rollout", "rollouts", true),
    ("argoproj.io", "v1alpha1", "Experiment", "experiments", true),
    ("argoproj.io", "v1alpha1", "AnalysisRun", "analysisruns", true),
    ("argoproj.io", "v1alpha1", "AnalysisTemplate", "analysistemplates", true),
    ("argoproj.io", "v1alpha1", "ClusterAnalysisTemplate", "clusteranalysistemplates", false),
    ("apps", "v1", "ReplicaSet", "replicasets", true),
    ("apps", "v1", "Deployment", "deployments", true),
    ("", "v1", "Service", "services", true),
    ("", "v1", "Pod", "pods", true),
    ("", "v1", "ConfigMap", "configmaps", true),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", true),
    ("gateway.networking.k8s.io", "v1", "GRPCRoute", "grpcroutes", true),
    ("gateway.networking.k8s.io", "v1beta1", "ReferenceGrant", "referencegrants", true),
    ("networking.istio.io", "v1", "VirtualService", "virtualservices", true),
    ("networking.istio.io", "v1", "DestinationRule", "destinationrules", true),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", true),
];

/// How long a watch stays open.
const WATCH: Duration = Duration::from_secs(600);

/// Starts the server on loopback, and answers with its port. It ends with this process.
pub(crate) fn start() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A client that goes away ends its thread with an error that nobody needs to know.
            std::thread::spawn(move || serve(connection).ok());
        }
    });
    Ok(port)
}

/// A kubeconfig for it.
pub(crate) fn kubeconfig(port: u16) -> String {
    let cluster = json!({"name": "bench", "cluster": {"server": format!("http://127.0.0.1:{port}")}});
    let context = json!({"name": "bench", "context": {"cluster": "bench", "user": "bench"}});
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [cluster], "contexts": [context], "users": [{"name": "bench", "user": {}}],
    })
    .to_string()
}

/// The status with which a local server answers to GET; none when it does not.
pub(crate) fn status(port: u16, path: &str) -> Option<u16> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(connection, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).ok()?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Answers requests on one connection until it ends.
fn serve(connection: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection;
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
        let target = request.split_whitespace().nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if query.split('&').any(|part| part == "watch=true" || part == "watch=1") {
            writer.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
            )?;
            std::thread::sleep(WATCH);
            return Ok(());
        }
        let answer = if request.starts_with("GET ") { found(path) } else { None };
        let (status, body) = match answer {
            Some(body) => ("200 OK", body),
            None => (
                "404 Not Found",
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}),
            ),
        };
        let body = body.to_string();
        write!(
            writer,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
    }
}

/// What is at a path: discovery, and lists without elements.
fn found(path: &str) -> Option<Value> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["version"] => Some(json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0"})),
        ["apis", group] => {
            let mut versions: Vec<_> =
                KINDS.iter().filter(|kind| kind.0 == *group).map(|kind| kind.1).collect();
            versions.dedup();
            let version =
                |version: &&str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
            let first = versions.first().map(version)?;
            let all: Vec<_> = versions.iter().map(version).collect();
            Some(
                json!({"kind": "APIGroup", "apiVersion": "v1", "name": group, "versions": all, "preferredVersion": first}),
            )
        }
        ["api", version] => resources("", version),
        ["apis", group, version] => resources(group, version),
        ["api" | "apis", .., plural] => {
            let (group, version, kind, ..) = KINDS.iter().find(|kind| kind.3 == *plural)?;
            let api_version =
                if group.is_empty() { (*version).to_owned() } else { format!("{group}/{version}") };
            let metadata = json!({"resourceVersion": "1"});
            Some(
                json!({"kind": format!("{kind}List"), "apiVersion": api_version, "metadata": metadata, "items": []}),
            )
        }
        _ => None,
    }
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let resources: Vec<_> = KINDS
        .iter()
        .filter(|kind| kind.0 == group && kind.1 == version)
        .map(|(_, _, kind, plural, namespaced)| {
            json!({"name": plural, "kind": kind, "namespaced": namespaced,
                "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]})
        })
        .collect();
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty())
        .then(|| json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": resources}))
}
