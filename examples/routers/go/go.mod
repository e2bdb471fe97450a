// The name that generated code imports its packages by.
module wit_component

go 1.25

// Types and memory of the bindings, of the version that wit-bindgen 0.63.0 generates code for. `cargo xtask guests` takes
// them from that crate, which contains them.
require go.bytecodealliance.org/pkg v0.4.0
