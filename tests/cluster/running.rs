//! A command that goes on until it is stopped, such as one that watches.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use harness::program::run;

/// How long a line may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command and what it prints.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts a command.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Whoever reads may have seen enough.
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line of its standard output.
    ///
    /// Panics if that takes more than a minute; the message holds its standard error.
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap_or_else(|why| {
            self.child.kill().ok();
            panic!("no line ({why}): {}", self.errors())
        })
    }

    /// The next lines.
    pub(crate) fn lines(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// Stops it as Ctrl-C does; the rest is as with [`Self::end`].
    pub(crate) fn interrupt(self) -> (i32, Vec<String>, String) {
        run(Command::new("kill").args(["-INT", &self.child.id().to_string()]));
        self.end()
    }

    /// Types something, for a command whose standard input is a pipe.
    pub(crate) fn type_in(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Its exit code, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = self.child.try_wait().unwrap()?;
        Some(status.code().unwrap())
    }

    /// Waits for its end, and returns its exit code, what else it printed, and its standard error.
    pub(crate) fn end(mut self) -> (i32, Vec<String>, String) {
        let code = self.child.wait().unwrap().code().unwrap();
        let rest = self.lines.iter().collect();
        (code, rest, self.errors())
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
