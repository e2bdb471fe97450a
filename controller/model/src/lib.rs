//! The Rollout resource and the objects around it, as Argo Rollouts users write them
#![forbid(unsafe_code)]
