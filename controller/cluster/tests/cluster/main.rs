//! The cluster as its users see it.
