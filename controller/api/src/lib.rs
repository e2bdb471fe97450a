//! The vocabulary of the Kubernetes API: resources, requests, errors and watch events, without any I/O
#![forbid(unsafe_code)]
