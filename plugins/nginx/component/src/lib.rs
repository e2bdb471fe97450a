//! The NGINX plugin as a component. All of it is in `tidegate-nginx`; this crate only exports it.
#![allow(unsafe_code)] // What the macro declares as exported symbols; there is no other code here.

tidegate_router_sdk::export_router!(tidegate_nginx::Nginx);
