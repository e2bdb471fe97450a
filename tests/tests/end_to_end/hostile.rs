//! Plugins that trap, loop or eat memory in a controller that has other things to do too.

use std::path::Path;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tidegate_tests::{Controller, Fixture, servers};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A router plugin that finds nothing wrong and needs nothing, and whose `route` has this body.
fn plugin(route: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/0.1");
    let (package, _) = resolve.push_path(contract).unwrap();
    let interface = resolve.packages[package].interfaces["router"];
    let router = resolve.id_of(interface).unwrap();
    let text = format!("package test:guest;\nworld guest {{ export {router}; }}");
    let guest = resolve.push_str("guest.wit", &text).unwrap();
    let world = resolve.select_world(&[guest], Some("guest")).unwrap();
    let sixteen = "i32 ".repeat(16);
    let core = format!(
        r#"(module
            (memory (export "memory") 1)
            ;; Gives away new pages for ever.
            (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
              (local $at i32)
              (local.set $at (i32.mul (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1)))
                                      (i32.const 65536)))
              (local.get $at))
            (data (i32.const 8) "guest") (data (i32.const 16) "0.1.0") (data (i32.const 24) "{{}}")
            ;; The description: name, version, features, kinds, two schemas, annotations.
            (data (i32.const 64)
              "\08\00\00\00\05\00\00\00" "\10\00\00\00\05\00\00\00" "\00\00\00\00\00\00\00\00"
              "\00\00\00\00\00\00\00\00" "\18\00\00\00\02\00\00\00" "\18\00\00\00\02\00\00\00"
              "\00\00\00\00\00\00\00\00")
            ;; Zeros at 256 say: all right, nothing.
            (func (export "{router}#describe") (result i32) (i32.const 64))
            (func (export "{router}#check") (param {sixteen}) (result i32) (i32.const 256))
            (func (export "{router}#locate") (param i32) (result i32) (i32.const 256))
            (func (export "{router}#release") (param i32) (result i32) (i32.const 256))
            (func (export "{router}#route") (param i32) (result i32) {route}))"#
    );
    let mut module = wat::parse_str(&core).unwrap_or_else(|error| panic!("{error}\n{core}"));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

const GATEWAY_API: &str = "--router-plugin=argoproj-labs/gatewayAPI=builtin:gateway-api";

/// Writes a plugin to a file; answers the argument that configures it, pinned to what it is.
fn configure(name: &str, bytes: &[u8], folder: &Path) -> String {
    let file = folder.join(format!("{name}.wasm"));
    std::fs::write(&file, bytes).unwrap();
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("--router-plugin=example/{name}={},sha256={digest}", file.display())
}

#[test]
fn each_gets_a_condition_and_others_do_not_notice() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "hostile").await;
        let hostile = [
            ("trapping", "(unreachable)", "Trap"),
            ("looping", "(loop $again (br $again)) (unreachable)", "OutOfFuel"),
            (
                "eating",
                "(loop $again (drop (memory.grow (i32.const 16))) (br $again)) (unreachable)",
                "MemoryLimit",
            ),
        ];
        let files = tempfile::tempdir().unwrap();
        let mut arguments = vec![GATEWAY_API.to_owned()];
        for (name, route, _) in hostile {
            arguments.push(configure(name, &plugin(route), files.path()));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let controller = Controller::start_ready(servers, &fixture.namespace, &arguments).await;
        for (name, _, _) in hostile {
            fixture.create_neighbour(name, json!({ (format!("example/{name}")): {} })).await;
        }
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        for (name, _, reason) in hostile {
            let message = fixture.expect_neighbours_condition(name, "TrafficRouterReady", reason).await;
            assert!(!message.is_empty(), "{name}: a condition says what to do");
        }
        fixture.expect_healthy().await;
        fixture.set_image("example.com/web:v2").await;
        fixture.expect_paused_at(1).await;
        fixture.expect_weights([80, 20]).await;
        assert_eq!(controller.probe("/healthz").map(|probe| probe.code), Some(200));
        let metrics = controller.metrics();
        for (_, _, reason) in hostile {
            let faults = format!("outcome=\"fault\",reason=\"{reason}\"");
            assert!(metrics.contains(&faults), "no {faults} in\n{metrics}");
        }
    });
}

#[test]
fn one_that_cannot_be_loaded_is_named_and_others_work() {
    let servers = servers();
    servers.run(async {
        let fixture = Fixture::new(servers, "unloadable").await;
        let files = tempfile::tempdir().unwrap();
        let broken = configure("broken", b"not WebAssembly", files.path());
        let arguments = [GATEWAY_API, broken.as_str()];
        let controller = Controller::start(servers, &fixture.namespace, &arguments);
        fixture.create_neighbour("broken", json!({ "example/broken": {} })).await;
        fixture.create_rollout(json!([{ "setWeight": 20 }, { "pause": {} }]), |_| {}).await;
        fixture.expect_healthy().await;
        let rollout = fixture.get(&tidegate_api::builtin::rollouts(), "broken").await.unwrap();
        let conditions = rollout["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let router = conditions.iter().find(|condition| condition["type"] == "TrafficRouterReady");
        assert_eq!(router.map(|condition| &condition["status"]), Some(&json!("False")), "{conditions:?}");
        // A controller whose plugins are not all there does not replace one whose are.
        let ready = controller.probe("/readyz").unwrap();
        assert_eq!(ready.code, 503);
        assert!(ready.body.contains("example/broken"), "{}", ready.body);
    });
}
