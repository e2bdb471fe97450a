//! A router plugin in the making: a core module in text that answers rightly unless it is told otherwise.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::component::{ROUTER, WASI, component, encode, wrap};
use crate::value::Value;

/// A router plugin in the making. Its functions answer with nothing, rightly, unless they are given a body.
#[derive(Clone, Default)]
pub struct Guest {
    /// Lines of its world besides the router: what it imports, what else it exports.
    pub world: String,
    /// WIT packages for those lines, besides WASI.
    pub packages: String,
    /// Core imports, in text.
    pub imports: String,
    /// Further core definitions, in text.
    pub items: String,
    /// Bodies of its functions, in text. They leave the address of the answer on the stack.
    pub bodies: BTreeMap<&'static str, String>,
    /// How its memory is given away to the host, in text: what stands for `$at`, given `$align` and `$size`.
    pub realloc: Option<String>,
    /// The first memory, in pages of 64 KiB.
    pub pages: Option<u32>,
    /// What lies in it from [`DATA`] on.
    pub data: Vec<u8>,
}

/// Where there are zeros for an answer that says "all right, nothing to do".
pub const NOTHING: u32 = 256;

/// Where [`Guest::data`] begins; memory from there to its end is given away.
pub const DATA: u32 = 65536;

/// Gives away memory from the end of the data on, and never takes any back.
const REALLOC: &str = "
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (block $enough
      (loop $more
        (br_if $enough (i32.le_u (global.get $next) (i32.shl (memory.size $memory) (i32.const 16))))
        (drop (memory.grow $memory (i32.const 1)))
        (br $more)))
    (local.get $at)";

impl Guest {
    /// One that does nothing wrong, and nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A body for `describe`, `check`, `locate`, `route` or `release`.
    #[must_use]
    pub fn body(mut self, function: &'static str, body: &str) -> Self {
        self.bodies.insert(function, body.to_owned());
        self
    }

    /// A body for `route`.
    #[must_use]
    pub fn route(self, body: &str) -> Self {
        self.body("route", body)
    }

    /// What one of those functions answers, always.
    #[must_use]
    pub fn answers(mut self, function: &'static str, value: &Value) -> Self {
        let at = value.place(DATA, &mut self.data);
        self.body(function, &format!("(i32.const {at})"))
    }

    /// Imports a function of WASI as `$name`. `signature` is its core type.
    #[must_use]
    pub fn wasi(mut self, interface: &str, function: &str, name: &str, signature: &str) -> Self {
        let interface = format!("wasi:{interface}@0.2.6");
        let line = format!("import {interface};\n");
        if !self.world.contains(&line) {
            self.world.push_str(&line);
        }
        // Writing to a text cannot fail.
        let _ = writeln!(self.imports, "(import \"{interface}\" \"{function}\" (func ${name} {signature}))");
        self
    }

    /// Further core definitions.
    #[must_use]
    pub fn items(mut self, items: &str) -> Self {
        self.items.push_str(items);
        self
    }

    /// Writes `text` to standard error (a function `$say_N` for each N).
    #[must_use]
    pub fn says(self, number: u32, text: &str) -> Self {
        let at = 8192 + 256 * number;
        let guest = if number == 0 {
            self.items("(global $err (mut i32) (i32.const 0))")
                .wasi(
                    "io/streams",
                    "[method]output-stream.blocking-write-and-flush",
                    "write",
                    "(param i32 i32 i32 i32)",
                )
                .wasi("cli/stderr", "get-stderr", "stderr", "(result i32)")
        } else {
            self
        };
        guest.items(&format!(
            "(data (i32.const {at}) \"{}\")
             (func $say_{number}
               (if (i32.eqz (global.get $err)) (then (global.set $err (call $stderr))))
               (call $write (global.get $err) (i32.const {at}) (i32.const {}) (i32.const 512)))",
            escaped(text.as_bytes()),
            text.len()
        ))
    }

    /// The core module, in text.
    pub fn text(&self) -> String {
        let signatures = [
            ("describe", ""),
            ("check", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)"),
            ("locate", "(param $in i32)"),
            ("route", "(param $in i32)"),
            ("release", "(param $in i32)"),
        ];
        let functions: String = signatures
            .iter()
            .map(|(name, parameters)| {
                let nothing = format!("(i32.const {})", if *name == "describe" { 64 } else { NOTHING });
                let body = self.bodies.get(name).unwrap_or(&nothing);
                format!("(func (export \"{ROUTER}#{name}\") {parameters} (result i32) {body})\n")
            })
            .collect();
        let end = DATA + u32::try_from(self.data.len()).unwrap();
        let data = match self.data.as_slice() {
            [] => String::new(),
            data => format!("(data (i32.const {DATA}) \"{}\")", escaped(data)),
        };
        format!(
            r#"(module
                {imports}
                (memory $memory (export "memory") {pages})
                (global $next (mut i32) (i32.const {end}))
                (func $realloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
                  (local $at i32)
                  {realloc})
                (data (i32.const 8) "guest") (data (i32.const 16) "0.1.0") (data (i32.const 24) "{{}}")
                ;; The description: name, version, features, kinds, two schemas, annotations.
                (data (i32.const 64)
                  "\08\00\00\00\05\00\00\00" "\10\00\00\00\05\00\00\00" "\00\00\00\00\00\00\00\00"
                  "\00\00\00\00\00\00\00\00" "\18\00\00\00\02\00\00\00" "\18\00\00\00\02\00\00\00"
                  "\00\00\00\00\00\00\00\00")
                {data}
                {items}
                {functions})"#,
            imports = self.imports,
            pages = self.pages.unwrap_or(1).max(end.div_ceil(64 << 10)),
            realloc = self.realloc.as_deref().unwrap_or(REALLOC),
            items = self.items,
        )
    }

    /// The core module.
    ///
    /// # Panics
    /// When the text is not right.
    pub fn module(&self) -> Vec<u8> {
        module(&self.text())
    }

    /// The component.
    ///
    /// # Panics
    /// When its parts do not fit.
    pub fn build(&self) -> Vec<u8> {
        component(&self.module(), &format!("{}\nexport {ROUTER};", self.world), &self.packages)
    }

    /// The component, with another version of WASI.
    ///
    /// # Panics
    /// When its parts do not fit.
    pub fn build_with(&self, version: &str) -> Vec<u8> {
        let other = |text: &str| text.replace("0.2.6", version);
        let packages = other(&format!("{}\n{WASI}", self.packages));
        encode(&module(&other(&self.text())), &format!("{}\nexport {ROUTER};", other(&self.world)), &packages)
    }

    /// The module as the only part of a component, for what the encoder itself would refuse.
    ///
    /// # Panics
    /// When the text is not right.
    pub fn build_unchecked(&self) -> Vec<u8> {
        wrap(&self.module())
    }
}

/// Reads a module's text.
fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(3 * bytes.len());
    for byte in bytes {
        // Writing to a text cannot fail.
        let _ = write!(text, "\\{byte:02x}");
    }
    text
}
