//! Ends a test that hangs, and says where.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Long enough for all kinds on the slowest machine; none of them takes a second on an ordinary one.
const PATIENCE: Duration = Duration::from_mins(20);

/// Runs something that says what it is at. What hangs fails, with that.
pub(crate) fn watched(work: impl FnOnce(&dyn Fn(&str)) + Send + 'static) {
    let at = Arc::new(Mutex::new(String::new()));
    let (done, ended) = mpsc::channel();
    let told = at.clone();
    let worker = std::thread::spawn(move || {
        work(&|what| what.clone_into(&mut told.lock().unwrap()));
        let _ = done.send(());
    });
    match ended.recv_timeout(PATIENCE) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
        Err(RecvTimeoutError::Timeout) => panic!("hangs at {:?}", at.lock().unwrap()),
    }
}
