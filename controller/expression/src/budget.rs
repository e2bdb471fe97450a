//! What an evaluation may still cost.

use crate::error::Fault;
use crate::limits;

/// Steps and memory that are left.
pub(crate) struct Budget {
    steps: u64,
    cells: u64,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self { steps: limits::STEPS, cells: limits::CELLS }
    }

    /// One expression evaluated, or one element visited.
    pub(crate) fn step(&mut self) -> Result<(), Fault> {
        self.steps(1)
    }

    pub(crate) fn steps(&mut self, steps: u64) -> Result<(), Fault> {
        self.steps = self.steps.checked_sub(steps).ok_or(Fault::Steps)?;
        Ok(())
    }

    /// A text that is looked through.
    pub(crate) fn search(&mut self, text: &str) -> Result<(), Fault> {
        self.steps(1 + text.len() as u64 / 1024)
    }

    /// Elements or bytes that are built; takes as many steps.
    pub(crate) fn build(&mut self, cells: usize) -> Result<(), Fault> {
        self.cells = self.cells.checked_sub(cells as u64).ok_or(Fault::Memory)?;
        Ok(())
    }
}
