use serde_json::json;
use tidegate_api::{Body, builtin};
use tidegate_contract::{Description, Digest, Router, Session, Target, Traffic};
use tidegate_route::{Pass, Purpose};

use super::*;
use crate::leadership::Leading;
use crate::testing::{Prepared, StandIn};

fn patch() -> Request {
    Request {
        resource: builtin::services(),
        namespace: Some("shop".into()),
        operation: Operation::Patch { name: "web".into(), subresource: None, body: Body::Merge(json!({})) },
    }
}

fn get() -> Request {
    Request { operation: Operation::Get { name: "web".into() }, ..patch() }
}

async fn answer(jobs: &Jobs, request: Request) -> Result<serde_json::Value, ApiError> {
    match jobs.clone().send(RequestId(7), request).await {
        Event::Answered { id: RequestId(7), result } => result,
        _ => panic!("a request is answered by its id"),
    }
}

#[tokio::test]
async fn nothing_is_written_without_the_lease() {
    let server = StandIn::default();
    server.prepare("services/web", Prepared::Json(200, json!({ "kind": "Service" })));
    let (lease, leadership) = Leadership::new();
    let jobs = Jobs::new(server.start().await, leadership, Arc::new(Metrics::new()), 1);

    let refused = answer(&jobs, patch()).await.unwrap_err();
    assert_eq!(refused.reason, "NotLeading");
    assert!(answer(&jobs, get()).await.is_ok(), "reading is always allowed");
    assert!(server.asked().iter().all(|line| line.starts_with("GET")), "{:?}", server.asked());

    lease.send_replace(Leading::Always);
    assert!(answer(&jobs, patch()).await.is_ok());
    lease.send_replace(Leading::No);
    assert!(answer(&jobs, patch()).await.is_err());
    let now = Instant::now();
    lease.send_replace(Leading::Held { write_until: now, expires: now + Duration::from_secs(5) });
    assert!(answer(&jobs, patch()).await.is_err(), "the lease was not renewed in time");
    let patches = server.asked().iter().filter(|line| line.starts_with("PATCH")).count();
    assert_eq!(patches, 1);
}

#[tokio::test]
async fn a_refusal_says_what_the_server_said() {
    let server = StandIn::default();
    let status = json!({
        "kind": "Status", "code": 422, "reason": "Invalid", "message": "no",
        "details": { "causes": [{ "field": "spec.weight", "message": "too much" }] },
    });
    server.prepare("services/web", Prepared::Json(422, status));
    let (lease, leadership) = Leadership::new();
    lease.send_replace(Leading::Always);
    let jobs = Jobs::new(server.start().await, leadership, Arc::new(Metrics::new()), 1);
    let error = answer(&jobs, patch()).await.unwrap_err();
    assert!(error.is_invalid());
    assert_eq!(error.causes[0].field, "spec.weight");
}

#[tokio::test]
async fn no_answer_is_told_from_a_refusal() {
    // Nobody listens on this port: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = kube::Config::new(format!("http://127.0.0.1:{port}").parse().unwrap());
    let api = Api::new(kube::Client::try_from(config).unwrap());
    let (lease, leadership) = Leadership::new();
    lease.send_replace(Leading::Always);
    let jobs = Jobs::new(api, leadership, Arc::new(Metrics::new()), 1);
    assert_eq!(answer(&jobs, patch()).await.unwrap_err().code, 0);
}

struct Panicking(Description);

impl Router for Panicking {
    fn description(&self) -> &Description {
        &self.0
    }
    fn digest(&self) -> Digest {
        Digest([0; 32])
    }
    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        panic!("the sandbox fell apart")
    }
}

#[tokio::test]
async fn a_panic_of_a_router_is_an_answer() {
    let description = Description {
        name: "panicking".into(),
        version: String::new(),
        features: Vec::new(),
        kinds: Vec::new(),
        config_schema: "{}".into(),
        settings_schema: "{}".into(),
        annotations: Vec::new(),
    };
    let target = Target {
        namespace: "shop".into(),
        name: "web".into(),
        uid: "u".into(),
        config: "{}".into(),
        settings: "{}".into(),
        stable_service: None,
        canary_service: None,
    };
    let pass =
        Pass { target, traffic: Traffic::default(), seen: Vec::new(), purpose: Purpose::Route, grant: None };
    let job = RouteJob { router: Arc::new(Panicking(description)), check: true, pass };
    let (_lease, leadership) = Leadership::new();
    let jobs = Jobs::new(StandIn::default().start().await, leadership, Arc::new(Metrics::new()), 1);
    let Event::Routed { id: RequestId(3), answer } = jobs.route(RequestId(3), job).await else {
        panic!("a question is answered by its id");
    };
    let RouteAnswer { features: None, answer: Answer::Fault(fault) } = answer else {
        panic!("the router's panic is a fault");
    };
    assert_eq!(fault.reason, FaultReason::HostFault);
    assert!(fault.message.contains("the sandbox fell apart"));
}
