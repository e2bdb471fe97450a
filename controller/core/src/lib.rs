//! The rollout state machine: decide(world, now) -> decision, a pure function
#![forbid(unsafe_code)]
