//! Standard output. What goes wrong with it is kept until the end: what was found matters more.

use std::io::Write;

use anyhow::Context;

/// Standard output.
#[derive(Default)]
pub(crate) struct Out {
    failure: Option<std::io::Error>,
}

impl Out {
    pub(crate) fn text(&mut self, text: &str) {
        if self.failure.is_none() {
            let mut out = anstream::stdout().lock();
            self.failure = out.write_all(text.as_bytes()).and_then(|()| out.flush()).err();
        }
    }

    /// A line of JSON.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.text(&format!("{text}\n")),
            Err(error) => self.failure = Some(error.into()),
        }
    }

    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self.failure {
            // Whoever reads has seen enough, for example `head`.
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(error).context("cannot write to standard output")
            }
            _ => Ok(()),
        }
    }
}
