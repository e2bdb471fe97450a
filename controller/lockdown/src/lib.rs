//! Takes from the process what a controller never needs: starting programs, writing files.
#![forbid(unsafe_code)]
