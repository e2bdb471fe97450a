//! What the tasks tell the person who waits for them. All of it goes to standard error.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

/// Writes headings, notes and progress to standard error.
#[derive(Debug)]
pub(crate) struct Console {
    color: bool,
    /// Standard error is a terminal, so that a progress line may be written over.
    live: bool,
}

impl Console {
    /// A console for this process; `NO_COLOR` with any value switches colours off.
    pub(crate) fn new() -> Self {
        let live = stderr().is_terminal();
        let color = live && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { color, live }
    }

    /// The heading of a stage.
    pub(crate) fn heading(&self, text: &str) {
        self.line("1", "==> ", text);
    }

    /// One line under a heading.
    pub(crate) fn note(&self, text: &str) {
        self.line("2", "    ", text);
    }

    /// Something the reader should act on or know, though the task goes on.
    pub(crate) fn warning(&self, text: &str) {
        self.line("33", "warning: ", text);
    }

    /// Why the task ended, with its causes.
    pub(crate) fn failure(&self, error: &anyhow::Error) {
        self.line("31", "error: ", &format!("{error:#}"));
    }

    /// How far a long step is. On a terminal the next call writes over it.
    pub(crate) fn progress(&self, text: &str) {
        if self.live {
            let mut out = stderr().lock();
            // Progress is a courtesy: a closed standard error must not end the work.
            let _ = write!(out, "\r\x1b[K    {text}");
            let _ = out.flush();
        } else {
            self.note(text);
        }
    }

    /// Removes the line that `progress` left.
    pub(crate) fn end_progress(&self) {
        if self.live {
            let _ = write!(stderr().lock(), "\r\x1b[K");
        }
    }

    /// Seconds between two progress lines: often where they are written over, seldom in a log.
    pub(crate) fn progress_interval(&self) -> Duration {
        Duration::from_secs(if self.live { 1 } else { 20 })
    }

    fn line(&self, style: &str, label: &str, text: &str) {
        let mut out = stderr().lock();
        let _ = if self.color {
            writeln!(out, "\x1b[{style}m{label}{text}\x1b[0m")
        } else {
            writeln!(out, "{label}{text}")
        };
    }
}

/// A duration as people say it: `48 s`, `3 min 07 s`.
pub(crate) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds / 60 {
        0 if seconds < 10 => format!("{:.1} s", duration.as_secs_f64()),
        0 => format!("{seconds} s"),
        minutes => format!("{minutes} min {:02} s", seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_spoken_in_the_largest_unit() {
        let table = [(200, "0.2 s"), (48_600, "48 s"), (187_000, "3 min 07 s"), (3_600_000, "60 min 00 s")];
        for (milliseconds, expected) in table {
            assert_eq!(spoken(Duration::from_millis(milliseconds)), expected);
        }
    }
}
