//! Validates a component before anything compiles it, bounds its structure, and lists what it imports and exports.

use std::collections::BTreeSet;

use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::{Types, TypesRef};
use wasmparser::{
    BinaryReaderError, ComponentInstance, Encoding, FuncValidatorAllocations, Instance, Parser, Payload,
    ValidPayload, Validator, WasmFeatures,
};

use crate::limits::{MEMORIES, TABLE_ELEMENTS, TABLES, structure};
use tidegate_artifact::Limits;
use tidegate_artifact::Stage;
use tidegate_artifact::{LoadError, LoadReason};

/// Something that a component imports or exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name: of an interface with its version, as a rule.
    pub name: String,
    /// The functions of an interface, sorted. `None`: it is no interface.
    pub functions: Option<BTreeSet<String>>,
}

/// What a valid component is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// What it needs, in its own order.
    pub imports: Vec<Item>,
    /// What it gives, in its own order.
    pub exports: Vec<Item>,
    /// Core modules, at all levels.
    pub modules: u32,
    /// Functions in them.
    pub functions: u32,
}

/// Validates with exactly the features of the engine that will compile.
///
/// # Errors
/// `Malformed`, `LimitExceeded`.
pub(crate) fn inspect(
    bytes: &[u8],
    features: WasmFeatures,
    limits: &Limits,
) -> Result<Inspection, LoadError> {
    let mut counts = Counts::new(limits);
    let mut names = Names::default();
    let types = walk(bytes, features, &mut counts, &mut names).map_err(|stop| match stop {
        Stop::TooMuch(what) => LoadError::new(
            Stage::Validate,
            LoadReason::LimitExceeded,
            format!("the component {what}"),
            "make it smaller, or ask for the plugin's limits to be raised",
        ),
        Stop::Invalid(error) => malformed(bytes, features, limits, &error),
    })?;
    let types = types.as_ref();
    Ok(Inspection {
        imports: names.imports.into_iter().map(|name| item(types, name, false)).collect(),
        exports: names.exports.into_iter().map(|name| item(types, name, true)).collect(),
        modules: counts.modules,
        functions: counts.functions,
    })
}

fn item(types: TypesRef<'_>, name: String, exported: bool) -> Item {
    let found = if exported {
        types.component_item_for_export(&name)
    } else {
        types.component_item_for_import(&name)
    };
    let functions = match found.map(|item| item.ty) {
        Some(ComponentEntityType::Instance(instance)) => {
            let exports = types.get(instance).map(|instance| &instance.exports);
            let functions = exports
                .into_iter()
                .flatten()
                .filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)))
                .map(|(name, _)| name.clone());
            Some(functions.collect())
        }
        _ => None,
    };
    Item { name, functions }
}

fn malformed(bytes: &[u8], features: WasmFeatures, limits: &Limits, error: &BinaryReaderError) -> LoadError {
    let elsewhere =
        walk(bytes, features | WasmFeatures::all(), &mut Counts::new(limits), &mut Names::default()).is_ok();
    let (what, hint) = if elsewhere {
        (
            "uses a feature of WebAssembly that plugins do not get",
            "build it without that feature (threads, 64-bit memories, garbage collection, exceptions, async): for Rust \
             that is the target wasm32-wasip2 without -C target-feature",
        )
    } else {
        (
            "is not valid",
            "check that the file is not damaged or cut off, and build it again with a current toolchain",
        )
    };
    LoadError::new(
        Stage::Validate,
        LoadReason::Malformed,
        format!("the component {what}: {} (at byte {})", error.message(), error.offset()),
        hint,
    )
}

enum Stop {
    Invalid(BinaryReaderError),
    TooMuch(String),
}

impl From<BinaryReaderError> for Stop {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid(error)
    }
}

/// The names of the outermost component's imports and exports.
#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// How much of everything there is, at all levels.
struct Counts<'a> {
    limits: &'a Limits,
    modules: u32,
    components: u32,
    component_instances: u32,
    core_instances: u32,
    functions: u32,
}

impl<'a> Counts<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self { limits, modules: 0, components: 0, component_instances: 0, core_instances: 0, functions: 0 }
    }
}

fn more(count: &mut u32, by: u32, most: u32, what: &str) -> Result<(), Stop> {
    *count = count.saturating_add(by);
    if *count > most {
        return Err(Stop::TooMuch(format!("has more than {most} {what}")));
    }
    Ok(())
}

fn walk(
    bytes: &[u8],
    features: WasmFeatures,
    counts: &mut Counts<'_>,
    names: &mut Names,
) -> Result<Types, Stop> {
    let mut validator = Validator::new_with_features(features);
    let mut allocations = FuncValidatorAllocations::default();
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut depth = 0_usize;
    let mut types = None;
    for payload in parser.parse_all(bytes) {
        let payload = payload?;
        count(&payload, depth, counts, names)?;
        match validator.payload(&payload)? {
            ValidPayload::Ok => {}
            ValidPayload::Parser(_) => {
                depth += 1;
                if depth > structure::DEPTH {
                    return Err(Stop::TooMuch(format!(
                        "is nested more than {} levels deep",
                        structure::DEPTH
                    )));
                }
            }
            ValidPayload::Func(function, body) => {
                let length = body.range().len();
                if length > structure::FUNCTION_BYTES {
                    return Err(Stop::TooMuch(format!("has a function of {length} bytes")));
                }
                let mut function = function.into_validator(std::mem::take(&mut allocations));
                function.validate(&body)?;
                allocations = function.into_allocations();
            }
            ValidPayload::End(found) => {
                depth = depth.saturating_sub(1);
                types = Some(found);
            }
        }
    }
    // The parser ends with the end of the outermost component, or with an error.
    types.ok_or_else(|| Stop::TooMuch("has no end".into()))
}

fn count(
    payload: &Payload<'_>,
    depth: usize,
    counts: &mut Counts<'_>,
    names: &mut Names,
) -> Result<(), Stop> {
    match payload {
        Payload::Version { encoding: Encoding::Module, .. } => {
            more(&mut counts.modules, 1, structure::MODULES, "core modules")?;
        }
        Payload::Version { encoding: Encoding::Component, .. } => {
            more(&mut counts.components, 1, structure::COMPONENTS, "components inside")?;
        }
        Payload::FunctionSection(functions) => {
            more(&mut counts.functions, functions.count(), structure::FUNCTIONS, "functions")?;
        }
        Payload::InstanceSection(instances) => {
            for instance in instances.clone() {
                if let Instance::Instantiate { .. } = instance? {
                    more(
                        &mut counts.core_instances,
                        1,
                        structure::CORE_INSTANCES,
                        "instances of core modules",
                    )?;
                }
            }
        }
        Payload::ComponentInstanceSection(instances) => {
            for instance in instances.clone() {
                if let ComponentInstance::Instantiate { .. } = instance? {
                    let most = structure::COMPONENT_INSTANCES;
                    more(&mut counts.component_instances, 1, most, "instances of components")?;
                }
            }
        }
        Payload::MemorySection(memories) => {
            more(&mut 0, memories.count(), MEMORIES, "memories")?;
            for memory in memories.clone() {
                let bytes = memory?.initial.saturating_mul(64 << 10);
                if bytes > u64::try_from(counts.limits.memory_bytes).unwrap_or(u64::MAX) {
                    return Err(Stop::TooMuch(format!(
                        "starts with a memory of {bytes} bytes, and {} are allowed",
                        counts.limits.memory_bytes
                    )));
                }
            }
        }
        Payload::TableSection(tables) => {
            more(&mut 0, tables.count(), TABLES, "tables")?;
            for table in tables.clone() {
                let elements = table?.ty.initial;
                if elements > u64::try_from(TABLE_ELEMENTS).unwrap_or(u64::MAX) {
                    return Err(Stop::TooMuch(format!(
                        "starts with a table of {elements} elements, and {TABLE_ELEMENTS} are allowed"
                    )));
                }
            }
        }
        Payload::ComponentImportSection(imports) if depth == 0 => {
            for import in imports.clone() {
                names.imports.push(import?.name.name.to_owned());
            }
        }
        Payload::ComponentExportSection(exports) if depth == 0 => {
            for export in exports.clone() {
                names.exports.push(export?.name.name.to_owned());
            }
        }
        _ => {}
    }
    Ok(())
}
