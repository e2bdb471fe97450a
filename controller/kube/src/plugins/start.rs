//! Waiting for the gate: who may try to lead, and when a start has failed.

use std::time::Duration;

use tidegate_plugins::Gate;
use tokio::sync::watch;

/// What a process waits for before it has heard of any plugin.
pub(crate) fn closed() -> Gate {
    Gate { waits_for: vec!["plugins: starting".to_owned()], is_strict: false }
}

/// Waits until the gate is open. For ever, if it cannot open any more.
pub(crate) async fn open(mut gate: watch::Receiver<Gate>) {
    if gate.wait_for(|gate| gate.waits_for.is_empty()).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Waits until a plugin without which this process must not start has had its time: answers with what was waited for.
pub(crate) async fn failed(mut gate: watch::Receiver<Gate>, deadline: Duration) -> Vec<String> {
    tokio::time::sleep(deadline).await;
    match gate.wait_for(|gate| gate.is_strict).await {
        Ok(gate) => gate.waits_for.clone(),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_strict_plugins_end_a_start() {
        let (sender, gate) = watch::channel(closed());
        let deadline = Duration::from_millis(20);
        let failing = failed(gate.clone(), deadline);
        assert!(tokio::time::timeout(deadline * 2, failing).await.is_err(), "nothing strict is waited for");
        sender.send_replace(Gate { waits_for: vec!["plugin a/b".to_owned()], is_strict: true });
        assert_eq!(failed(gate.clone(), deadline).await, ["plugin a/b"]);
        sender.send_replace(Gate::default());
        open(gate.clone()).await;
        assert!(tokio::time::timeout(deadline * 2, failed(gate, deadline)).await.is_err());
    }
}
