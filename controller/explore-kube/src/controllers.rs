//! The controllers: each the whole stack in a task, which ends when it is dropped.

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use tidegate_explore::Outside;
use tidegate_kube::{Api, Clock, Election, InUse, Stack};
use tidegate_shell::{Decide, Plugins, Settings};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many there can be.
pub(crate) const CONTROLLERS: usize = 2;

/// The namespace of the lease.
const NAMESPACE: &str = "default";

/// One controller; it can end at any time, and another begins in its place.
pub(crate) struct Controller {
    number: usize,
    address: SocketAddr,
    clock: Clock,
    decide: Decide,
    running: Option<Running>,
}

struct Running {
    task: JoinHandle<()>,
    plugins: watch::Sender<Plugins>,
    in_use: watch::Receiver<Option<InUse>>,
}

impl Controller {
    pub(crate) fn new(number: usize, address: SocketAddr, clock: Clock, decide: Decide) -> Self {
        Self { number, address, clock, decide, running: None }
    }

    /// It begins, unless it runs.
    pub(crate) fn begin(&mut self, plugins: &Outside) -> Result<(), String> {
        if self.running.is_some() {
            return Ok(());
        }
        let api = self.api()?;
        let (plugins, known_plugins) = watch::channel(plugins.plugins(&InUse::new()));
        let (in_use, known_in_use) = watch::channel(None);
        let stack = Stack {
            api,
            settings: Settings::new(self.decide),
            election: Election { namespace: Some(NAMESPACE.into()), ..Election::default() },
            identity: format!("controller-{}", self.number),
            clock: self.clock.clone(),
            plugins: known_plugins,
            in_use,
        };
        let task = tokio::spawn(async move {
            // It ends only with its task.
            let _ = stack.run().await;
        });
        self.running = Some(Running { task, plugins, in_use: known_in_use });
        Ok(())
    }

    fn api(&self) -> Result<Api, String> {
        let uri =
            format!("http://{}", self.address).parse::<http::Uri>().map_err(|error| error.to_string())?;
        let mut config = kube::Config::new(uri);
        config.default_retry = false;
        config.connect_timeout = Some(Duration::from_secs(4));
        let agent = HeaderValue::from_str(&format!("controller-{}", self.number));
        config.headers.push((USER_AGENT, agent.map_err(|error| error.to_string())?));
        kube::Client::try_from(config).map(Api::new).map_err(|error| error.to_string())
    }

    /// It ends, in the middle of whatever it does.
    pub(crate) fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.task.abort();
        }
    }

    /// Whether it has ended though nobody has ended it.
    pub(crate) fn has_failed(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.task.is_finished())
    }

    /// It learns which plugins there are.
    pub(crate) fn tell(&self, outside: &Outside) {
        if let Some(running) = &self.running {
            let in_use = running.in_use.borrow().clone().unwrap_or_default();
            running.plugins.send_replace(outside.plugins(&in_use));
        }
    }

    /// Waits until it says that it uses other versions of plugins.
    pub(crate) async fn uses_others(&mut self) {
        if let Some(running) = &mut self.running
            && running.in_use.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.end();
    }
}
