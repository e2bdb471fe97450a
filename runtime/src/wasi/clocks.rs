//! `wasi:clocks`: time stands still, and every wait is over.

use wasmtime::Result;
use wasmtime::component::{ComponentType, Lift, Lower, Resource};

use super::Wasi;
use super::io::Pollable;

/// A time of the wall clock.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

pub(super) fn define(wasi: &mut Wasi<'_>) -> Result<()> {
    let mut monotonic = wasi.interface("wasi:clocks/monotonic-clock")?;
    // A monotonic clock begins anywhere, and Go's runtime takes 0 for a clock that does not work.
    monotonic.constant::<(), _>("now", || (1_u64,))?;
    monotonic.constant::<(), _>("resolution", || (1_u64,))?;
    monotonic.constant::<(u64,), _>("subscribe-instant", || (Resource::<Pollable>::new_own(0),))?;
    monotonic.constant::<(u64,), _>("subscribe-duration", || (Resource::<Pollable>::new_own(0),))?;

    let mut wall = wasi.interface("wasi:clocks/wall-clock")?;
    wall.constant::<(), _>("now", || (Datetime { seconds: 0, nanoseconds: 0 },))?;
    wall.constant::<(), _>("resolution", || (Datetime { seconds: 0, nanoseconds: 1 },))
}
