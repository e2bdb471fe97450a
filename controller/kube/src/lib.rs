//! Drives the shell with a real Kubernetes API server: watches, writes, lease, probes and metrics
#![forbid(unsafe_code)]
