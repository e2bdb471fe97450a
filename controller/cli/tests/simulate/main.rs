//! `tidegate simulate` as users run it: the binary, its output, its exit status.
#![forbid(unsafe_code)]

mod bad_arguments;
mod command;
mod examples;
mod guest;
mod output;
mod plugins;
