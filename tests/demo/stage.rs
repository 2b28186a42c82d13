//! A shell on show: prints each command as it is typed, and lets it print what it prints.

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitStatus;

use harness::program::shell;
use tempfile::TempDir;

/// An empty home, and the folder in it where commands run.
pub(crate) struct Stage {
    home: TempDir,
    folder: PathBuf,
}

/// A command that did not end as it should.
#[derive(Debug)]
pub(crate) struct Failed {
    line: String,
    status: ExitStatus,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let home = TempDir::with_prefix("imgauto-demo-").expect("the temporary folder is writable");
        let folder = home.path().to_path_buf();
        Self { home, folder }
    }

    /// Goes into a folder.
    pub(crate) fn enter(&mut self, folder: &str) {
        say(&format!("$ cd {folder}\n"));
        self.folder.push(folder);
    }

    /// Runs a line that has to succeed.
    pub(crate) fn run(&self, line: &str) -> Result<(), Failed> {
        self.answer(line, 0)
    }

    /// Runs a line that has to end with a code.
    pub(crate) fn answer(&self, line: &str, code: i32) -> Result<(), Failed> {
        say(&format!("$ {line}\n"));
        let mut shell = shell(self.home.path(), line);
        let status = shell
            .current_dir(&self.folder)
            .env("GIT_PAGER", "cat")
            .status();
        let status = status.expect("every system has a shell");
        if status.code() == Some(code) {
            return Ok(());
        }
        let line = line.to_owned();
        Err(Failed { line, status })
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the demo ends here: {} from `{}`",
            self.status, self.line
        )
    }
}

/// Says what comes next.
pub(crate) fn chapter(title: &str) {
    say(&format!("\n# {title}\n"));
}

/// Prints at once, so that commands and their output stand in order.
pub(crate) fn say(text: &str) {
    let mut stdout = std::io::stdout();
    // A reader that has gone away, such as `head`, ends the demo at its next command.
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .ok();
}
