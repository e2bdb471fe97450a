//! What a condition may cost.

/// The longest condition, in bytes.
pub const SOURCE_BYTES: usize = 16 * 1024;
/// The most levels of nesting, in the text and in what it is parsed into: the evaluator recurses over it.
pub const DEPTH: usize = 100;
/// The most levels of a result; as many as the JSON decoder admits.
pub const RESULT_DEPTH: usize = 128;
/// The most steps of one evaluation: expressions evaluated, elements visited, and kilobytes of text searched.
pub const STEPS: u64 = 1_000_000;
/// The most that one evaluation may build: elements of lists and maps, and bytes of text.
pub const CELLS: u64 = 1_000_000;
/// The largest compiled pattern, in bytes.
pub const PATTERN_BYTES: usize = 256 * 1024;
