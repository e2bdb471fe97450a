//! Running other programs.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::console::{Console, spoken};

/// Lines of output that a failure shows.
const TAIL: usize = 40;

/// Runs a command that talks to the user itself.
pub(crate) fn visibly(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| could_not_start(&shown))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// Runs a command quietly and answers with what it wrote to standard output. Its standard error is shown only in the
/// error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| could_not_start(&shown))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let mut tail: Vec<_> = text.lines().rev().take(TAIL).collect();
        tail.reverse();
        bail!("`{shown}` failed ({}):\n{}", output.status, tail.join("\n"));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote what is not UTF-8"))
}

/// Runs a command whose standard error talks to the user and whose standard output is for us.
pub(crate) fn listen(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| could_not_start(&shown))?;
    if !output.status.success() {
        bail!("`{shown}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote what is not UTF-8"))
}

/// Whether a program is there and answers.
pub(crate) fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a command that takes long and says little of use. `describe` makes the progress text from the number of lines
/// that it has written to standard error and the newest of them; a failure shows the last of them.
pub(crate) fn with_progress(
    console: &Console,
    command: &mut Command,
    describe: impl Fn(usize, &str) -> String,
) -> Result<()> {
    let shown = shown(command);
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| could_not_start(&shown))?;
    let errors = child.stderr.take().context("standard error was not captured")?;
    let (sender, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });

    let mut count = 0;
    let mut tail = VecDeque::with_capacity(TAIL);
    let mut next = Instant::now() + console.progress_interval();
    loop {
        match lines.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                count += 1;
                if tail.len() == TAIL {
                    tail.pop_front();
                }
                tail.push_back(line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if Instant::now() >= next {
            let newest = tail.back().map_or("", String::as_str);
            console.progress(&format!("{} ({})", describe(count, newest), spoken(started.elapsed())));
            next = Instant::now() + console.progress_interval();
        }
    }
    console.end_progress();
    let status = child.wait().with_context(|| format!("waiting for `{shown}`"))?;
    // The channel is closed, so the thread is at its end.
    let _ = reader.join();
    if !status.success() {
        let tail: Vec<_> = tail.into();
        bail!("`{shown}` failed ({status}):\n{}", tail.join("\n"));
    }
    Ok(())
}

fn could_not_start(shown: &str) -> String {
    format!("`{shown}` could not be started")
}

/// The command as one would type it, cut where it gets long.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    if text.chars().count() > 160 {
        text = text.chars().take(157).chain("...".chars()).collect();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn capture_answers_with_standard_output() {
        assert_eq!(capture(&mut shell("echo out; echo err >&2")).unwrap(), "out\n");
    }

    #[test]
    fn a_failure_shows_the_end_of_what_was_said() {
        let error =
            capture(&mut shell("for i in $(seq 100); do echo line $i >&2; done; exit 3")).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("line 100") && !text.contains("line 60\n"), "{text}");
        let error = with_progress(&Console::new(), &mut shell("echo sad >&2; exit 3"), |_, _| String::new());
        assert!(format!("{:#}", error.unwrap_err()).contains("sad"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = visibly(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(format!("{error:#}").contains("no-such-program-here"));
    }

    #[test]
    fn only_success_works() {
        assert!(works(&mut shell("exit 0")));
        assert!(!works(&mut shell("exit 1")));
        assert!(!works(&mut Command::new("no-such-program-here")));
    }
}
