//! Caps that hold for every plugin, whatever its own limits are.

/// Elements of the largest table, in every allocation strategy. JavaScript and C# guests need up to 100,000.
pub(crate) const TABLE_ELEMENTS: usize = 100_000;

/// Bytes that the host keeps for one table element: a pointer.
pub(crate) const TABLE_ELEMENT_BYTES: usize = 8;

/// Linear memories of one component. Guests have one; composed ones a few.
pub(crate) const MEMORIES: u32 = 4;

/// Tables of one component.
pub(crate) const TABLES: u32 = 32;

/// Core instances of one sandbox. Guests have three or four; composed ones some dozens.
pub(crate) const INSTANCES: usize = 256;

/// Caps on the structure of a component, which bound what validating and compiling it can cost. Those that exist in
/// practice stay far below: a guest with an interpreter has 20,000 functions, the largest 300 kB.
pub(crate) mod structure {
    /// Components inside components.
    pub(crate) const DEPTH: usize = 6;
    /// Core modules, at all levels.
    pub(crate) const MODULES: u32 = 128;
    /// Components, at all levels.
    pub(crate) const COMPONENTS: u32 = 64;
    /// Instantiations of components, at all levels. They multiply with each level.
    pub(crate) const COMPONENT_INSTANCES: u32 = 24;
    /// Instantiations of core modules, at all levels.
    pub(crate) const CORE_INSTANCES: u32 = 128;
    /// Functions, in all modules.
    pub(crate) const FUNCTIONS: u32 = 100_000;
    /// Bytes of one function's body: compiling takes more than proportional time.
    pub(crate) const FUNCTION_BYTES: usize = 1 << 20;
}
