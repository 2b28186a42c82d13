//! Docker's credential helpers: programs that know the user's credentials.
//!
//! Only [`super::user_config`] uses this, for runs on a user's machine. Server
//! programs read Secrets and start no programs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::credentials::Credential;

/// More than any answer of a helper is long, in bytes.
const ANSWER_LIMIT: u64 = 1 << 20;

/// Why a helper gave no answer. Nothing it printed is repeated, it may hold secrets.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error("credential helper name \"{0}\" is not a plain program name")]
    Name(String),
    #[error("{0} is not in PATH")]
    Absent(String),
    #[error("cannot run {program}: {fault}")]
    Start {
        program: String,
        fault: std::io::Error,
    },
    #[error("{program} failed for {server} with {status}")]
    Failed {
        program: String,
        server: String,
        status: std::process::ExitStatus,
    },
    #[error("{program} gave no answer for {server} within {} s", after.as_secs_f32())]
    Silent {
        program: String,
        server: String,
        after: Duration,
    },
    #[error("{program} gave an answer for {server} that is not what helpers print")]
    Garbage { program: String, server: String },
}

/// What helpers print.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks `docker-credential-<helper>` for the credential of `server`.
///
/// Returns `None` when the helper knows none. The program is looked up in
/// `search_path` only, and killed when `patience` is over.
pub(super) async fn ask(
    helper: &str,
    server: &str,
    search_path: &[PathBuf],
    patience: Duration,
) -> Result<Option<Credential>, HelperError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if helper.is_empty() || !helper.chars().all(plain) {
        return Err(HelperError::Name(helper.to_owned()));
    }
    let program = format!("docker-credential-{helper}{}", std::env::consts::EXE_SUFFIX);
    let found = search_path
        .iter()
        .map(|folder| folder.join(&program))
        .find(|path| path.is_file());
    let path = found.ok_or_else(|| HelperError::Absent(program.clone()))?;
    let answer = tokio::time::timeout(patience, run(&path, server)).await;
    let Ok(answer) = answer else {
        return Err(HelperError::Silent {
            program,
            server: server.to_owned(),
            after: patience,
        });
    };
    let (output, status) = answer.map_err(|fault| HelperError::Start {
        program: program.clone(),
        fault,
    })?;
    if !status.success() {
        let text = String::from_utf8_lossy(&output);
        if text.trim_start().starts_with("credentials not found") {
            return Ok(None);
        }
        return Err(HelperError::Failed {
            program,
            server: server.to_owned(),
            status,
        });
    }
    let answer: Answer = serde_json::from_slice(&output).map_err(|_| HelperError::Garbage {
        program,
        server: server.to_owned(),
    })?;
    Ok(match (answer.username.as_str(), answer.secret) {
        (_, secret) if secret.is_empty() => None,
        ("<token>", secret) => Some(Credential::identity_token(secret)),
        (username, secret) => Some(Credential::login(username, secret)),
    })
}

/// Writes the server's name to the program's standard input and returns what it printed.
async fn run(path: &Path, server: &str) -> std::io::Result<(Vec<u8>, std::process::ExitStatus)> {
    let mut child: Child = Command::new(path)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input shows in its answer.
        input.write_all(server.as_bytes()).await.ok();
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(ANSWER_LIMIT).read_to_end(&mut output).await?;
    }
    Ok((output, child.wait().await?))
}
