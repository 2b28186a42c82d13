//! Asks the user's Git credential helpers for a login.

use std::io::Write as _;
use std::process::{Command, Stdio};

use secrecy::SecretString;

/// Returns user name and password for an HTTP URL, as `git credential fill` knows them; none when it does not.
///
/// Nobody is asked on the terminal.
pub(crate) fn login(url: &str) -> Option<(String, SecretString)> {
    let mut child = Command::new("git")
        .args(["credential", "fill"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "")
        .env("SSH_ASKPASS", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child
        .stdin
        .take()?
        .write_all(format!("url={url}\n\n").as_bytes())
        .ok()?;
    let answer = child.wait_with_output().ok()?;
    if !answer.status.success() {
        return None;
    }
    read(&String::from_utf8(answer.stdout).ok()?)
}

fn read(answer: &str) -> Option<(String, SecretString)> {
    let value = |key: &str| {
        let lines = answer.lines();
        lines
            .filter_map(|line| line.split_once('='))
            .find(|(name, _)| *name == key)
    };
    let (username, password) = (value("username")?.1, value("password")?.1);
    Some((username.to_owned(), SecretString::from(password)))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::read;

    #[test]
    fn an_answer_of_a_credential_helper_is_read() {
        let (name, password) =
            read("protocol=https\nhost=example.org\nusername=ada\npassword=a=b\n").unwrap();
        assert_eq!((name.as_str(), password.expose_secret()), ("ada", "a=b"));
        assert!(read("protocol=https\nhost=example.org\nusername=ada\n").is_none());
    }
}
