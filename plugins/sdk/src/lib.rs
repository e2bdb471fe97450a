//! Write a Tidegate router plugin as a few plain functions
#![forbid(unsafe_code)]
