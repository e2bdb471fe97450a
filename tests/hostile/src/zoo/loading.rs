//! What is not loaded.

use super::{Ends, Hostile, Question, made};
use crate::component::{ROUTER, dummy, wrap};
use crate::guest::Guest;
use crate::router::{Description, router};
use crate::value::Value;

/// What guests might want besides. The functions do not matter.
const MORE: &str = "
package wasi:sockets@0.2.6 { interface tcp { connect: func(); } }
package wasi:http@0.2.6 { interface outgoing-handler { handle: func(); } }
package acme:secrets@1.0.0 { interface vault { open: func(); } }
";

const WASI_0_3: &str = "package wasi:clocks@0.3.0 { interface system-clock { now: func() -> u64; } }";

const LOOP: &str = "(loop $again (br $again))";

pub(super) fn all() -> Vec<Hostile> {
    let one = |name, does, component, stage, reason| {
        made(name, does, component, Question::Route, Ends::NotLoaded(stage, reason))
    };
    let started = |name, does, guest: Guest, reason| one(name, does, guest.build(), "start", reason);
    let described = |name, does, description: Description, reason| {
        let guest = router().answers("describe", &description.value());
        one(name, does, guest.build(), "describe", reason)
    };
    let asked = |name, does, guest: Guest, reason| one(name, does, guest.build(), "describe", reason);
    let imports = |name, does, import: &str, packages: &str| {
        let world = format!("import {import}; export {ROUTER};");
        one(name, does, dummy(&world, packages), "interface", "UngrantedImport")
    };
    let start = |body: &str| router().items(&format!("(func $boot {body}) (start $boot)"));
    let whole = router().build();
    let half = whole.get(..whole.len() / 2).unwrap_or_default().to_vec();
    let read = || Value::texts(&["read", "update"]);
    vec![
        // Bytes that are no plugin.
        one("no-wasm", "is a text", b"not WebAssembly".to_vec(), "recognise", "NotWasm"),
        one("core-module", "is a core module", router().module(), "recognise", "NotAComponent"),
        one("half", "is cut in the middle", half, "validate", "Malformed"),
        one(
            "nested-components",
            "is a component in a component, ten deep",
            nested(10),
            "validate",
            "LimitExceeded",
        ),
        one(
            "huge-function",
            "has a function of more than a megabyte",
            huge_function(),
            "validate",
            "LimitExceeded",
        ),
        one(
            "many-memories",
            "declares six memories",
            router().items(&"(memory 1)".repeat(5)).build(),
            "validate",
            "LimitExceeded",
        ),
        one(
            "large-from-the-start",
            "starts with a memory of a gibibyte",
            Guest { pages: Some(1 << 14), ..router() }.build(),
            "validate",
            "LimitExceeded",
        ),
        // Worlds that are not a plugin's.
        imports("sockets", "imports sockets", "wasi:sockets/tcp@0.2.6", MORE),
        imports("http", "imports HTTP", "wasi:http/outgoing-handler@0.2.6", MORE),
        imports("next-wasi", "imports WASI 0.3", "wasi:clocks/system-clock@0.3.0", WASI_0_3),
        imports("vault", "imports what somebody else might give it", "acme:secrets/vault@1.0.0", MORE),
        // Starting.
        started("loop-in-start", "loops for ever while it starts", start(LOOP), "LimitExceeded"),
        started("trap-in-start", "traps while it starts", start("(unreachable)"), "StartFailed"),
        started(
            "growth-in-start",
            "grows its memory for ever while it starts",
            start("(loop $again (drop (memory.grow (i32.const 16))) (br $again))"),
            "LimitExceeded",
        ),
        started(
            "exit-in-start",
            "exits with success while it starts",
            start("(call $exit (i32.const 0))").wasi("cli/exit", "exit", "exit", "(param i32)"),
            "StartFailed",
        ),
        // Saying what it is.
        asked(
            "loop-in-describe",
            "loops for ever in `describe`",
            router().body("describe", &format!("{LOOP} (unreachable)")),
            "LimitExceeded",
        ),
        asked(
            "trap-in-describe",
            "traps in `describe`",
            router().body("describe", "(unreachable)"),
            "StartFailed",
        ),
        asked(
            "huge-schema",
            "describes its configuration in five megabytes",
            with_megabytes(&Description {
                config_schema: Value::Raw(1 << 20, 5 << 20),
                ..Description::default()
            }),
            "LimitExceeded",
        ),
        asked(
            "many-kinds",
            "describes 100,000 kinds",
            with_megabytes(&Description { kinds: Value::Raw(1 << 20, 100_000), ..Description::default() }),
            "LimitExceeded",
        ),
        asked(
            "many-patterns",
            "describes 100,000 patterns of fields",
            with_megabytes(&Description::default().using(read(), Value::Raw(1 << 20, 100_000))),
            "StartFailed",
        ),
        described(
            "endless-pattern",
            "describes a pattern of fields with 100,000 parts",
            Description::default().using(read(), Value::List(vec![Value::text(&"/*".repeat(100_000))])),
            "StartFailed",
        ),
        described(
            "unknown-verb",
            "describes a verb that does not exist",
            Description::default().using(Value::texts(&["impersonate"]), Value::List(Vec::new())),
            "StartFailed",
        ),
        described(
            "name-for-terminals",
            "has a name that clears the screen",
            Description { name: Value::text("\u{1b}[2J"), ..Description::default() },
            "StartFailed",
        ),
    ]
}

/// A guest with this description, and zeros from the first megabyte on: six of them.
fn with_megabytes(description: &Description) -> Guest {
    let guest = router().answers("describe", &description.clone().value());
    Guest { pages: Some(7 << 4), ..guest }
}

fn nested(depth: u32) -> Vec<u8> {
    let text = (0..depth).fold(String::new(), |inner, _| format!("(component {inner})"));
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn huge_function() -> Vec<u8> {
    let nothing = "(nop)".repeat((1 << 20) + 1);
    wrap(&router().items(&format!("(func {nothing})")).module())
}
