//! With Argo Rollouts itself: its CLI against us, and its controller before and after us.

mod cli;
