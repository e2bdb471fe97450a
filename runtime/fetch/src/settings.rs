//! How patient a fetcher is.

use std::time::Duration;

/// How patient a fetcher is, and how it introduces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSettings {
    /// Everything together must be over after this time: all tries, redirects, waiting, and the bytes. 60 s: 4 MiB at
    /// 70 kB/s.
    pub deadline: Duration,
    /// A name must be resolved, a connection made, and TLS agreed on within this time: 10 s, which is three tries of TCP.
    pub connect: Duration,
    /// The other side may say nothing for this long: 15 s.
    pub idle: Duration,
    /// How often what may pass by itself is tried again: 3 times. The waits are 250 ms to 500 ms, and double each time,
    /// unless the server says how long to wait.
    pub retries: u32,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count, for requests that do not name a proxy.
    pub environment_proxy: bool,
    /// The header `User-Agent`.
    pub user_agent: String,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(15),
            retries: 3,
            environment_proxy: true,
            user_agent: concat!("tidegate/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
