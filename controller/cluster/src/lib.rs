//! An in-memory Kubernetes cluster: API server, ReplicaSet controller, pods and a gateway, in virtual time
#![forbid(unsafe_code)]
