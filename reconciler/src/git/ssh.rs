//! Git's protocol over SSH: one connection and one command per operation.

pub(super) mod connection;

use std::io::{self, Read, Write};
use std::sync::Arc;

use git2::transport::Service;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

use self::connection::Connection;
use super::error::{TransportError, clean};
use super::remote::Way;
use super::transport::Call;
use super::url::SshAddress;

/// How much of the command's error output is kept, in bytes.
const MAX_STDERR: usize = 8192;

/// How much is collected before it is sent, in bytes: about as much as an SSH packet holds.
const MAX_PENDING: usize = 32 * 1024;

/// A remote command's input and output.
pub(super) struct SshStream {
    call: Arc<Call>,
    address: SshAddress,
    reading: ChannelReadHalf,
    writing: ChannelWriteHalf<Msg>,
    /// What is written but not sent yet.
    pending: Vec<u8>,
    received: Vec<u8>,
    taken: usize,
    stderr: Vec<u8>,
    listing: bool,
    // The connection ends soon after nobody holds it any more.
    _connection: Arc<Connection>,
}

impl SshStream {
    /// Connects, logs in and starts the command of `service`.
    pub(super) fn open(call: Arc<Call>, service: Service) -> Result<Self, TransportError> {
        let limit = call.limit.clone();
        let remote = call.remote.clone();
        let Way::Ssh(way) = remote.way() else {
            return Err(TransportError::Remote("not an SSH remote".to_owned()));
        };
        let command = match service {
            Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
            Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
        };
        let command = format!("{command} {}", quote(&way.address.path));
        let opened = limit.wait(async {
            let (connection, channel) = connection::open(way).await?;
            channel
                .exec(true, command)
                .await
                .map_err(connection::broken(&way.address))?;
            let (reading, writing) = channel.split();
            Ok(Self {
                call,
                address: way.address.clone(),
                reading,
                writing,
                pending: Vec::new(),
                received: Vec::new(),
                taken: 0,
                stderr: Vec::new(),
                listing: true,
                _connection: connection,
            })
        });
        opened.inspect_err(|_| way.kept.forget())
    }

    /// Makes sure that the next operation does not meet a connection that may be dead.
    fn give_up(&self, error: TransportError) -> io::Error {
        if let Way::Ssh(way) = self.call.remote.way() {
            way.kept.forget();
        }
        self.call.fail(error)
    }

    fn fill(&mut self) -> Result<(), TransportError> {
        loop {
            let message = self
                .call
                .limit
                .wait(async { Ok(self.reading.wait().await) })?;
            match message {
                Some(ChannelMsg::Data { data }) if !data.is_empty() => {
                    self.received.clear();
                    self.received.extend_from_slice(&data);
                    self.taken = 0;
                    if self.listing {
                        self.call.note_advertisement(&data);
                    }
                    return Ok(());
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    let room = MAX_STDERR.saturating_sub(self.stderr.len());
                    self.stderr.extend_from_slice(&data[..data.len().min(room)]);
                }
                Some(ChannelMsg::Failure) => {
                    return Err(TransportError::Remote(
                        "it does not run Git for this user".to_owned(),
                    ));
                }
                // Error output may still follow the end of the output, so only the end of the channel counts.
                Some(ChannelMsg::Close) | None => return Err(self.ended()),
                Some(_) => {}
            }
        }
    }

    /// Says why the command ended although more was expected of it.
    fn ended(&self) -> TransportError {
        classify(&clean(&String::from_utf8_lossy(&self.stderr)))
    }
}

/// Sorts what servers print before they hang up.
fn classify(text: &str) -> TransportError {
    let lower = text.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    if says(&[
        "not found",
        "could not be found",
        "does not appear to be a git repository",
        "does not exist",
        "not a git repository",
    ]) {
        TransportError::RepositoryNotFound(text.to_owned())
    } else if says(&[
        "denied",
        "not allowed",
        "unauthorized",
        "insufficient permission",
    ]) {
        TransportError::AuthorizationFailed(text.to_owned())
    } else if text.is_empty() {
        TransportError::Remote("nothing, and closed the connection".to_owned())
    } else {
        TransportError::Remote(text.to_owned())
    }
}

impl Read for SshStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.received.len() {
            self.flush()?;
            self.fill().map_err(|error| self.give_up(error))?;
        }
        let rest = &self.received[self.taken..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

impl Write for SshStream {
    /// Collects what libgit2 writes in pieces of a few bytes: each would be a packet of its own.
    ///
    /// It is sent before the answer is read, or when the stream ends.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= MAX_PENDING {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.listing = false;
        let bytes = std::mem::take(&mut self.pending);
        let sent = self.call.limit.wait(async {
            self.writing
                .data_bytes(bytes)
                .await
                .map_err(connection::broken(&self.address))
        });
        sent.map_err(|error| self.give_up(error))
    }
}

impl Drop for SshStream {
    /// Sends libgit2's parting words, for which no answer comes: without them, servers log a client that hung up.
    fn drop(&mut self) {
        // The operation is over, whatever becomes of them.
        let _ = self.flush();
    }
}

/// Quotes a path for the server's shell.
fn quote(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''").replace('!', r"'\!'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_the_shell() {
        assert_eq!(quote("/srv/a.git"), "'/srv/a.git'");
        assert_eq!(quote("a'; rm -rf /; '"), r"'a'\''; rm -rf /; '\'''");
        assert_eq!(quote("a!b"), r"'a'\!'b'");
    }

    #[test]
    fn last_words_of_servers_are_sorted() {
        let not_found = classify("ERROR: Repository not found.");
        assert_eq!(
            not_found.to_string(),
            "repository not found: ERROR: Repository not found."
        );
        assert!(matches!(
            classify("fatal: '/x' does not appear to be a git repository"),
            TransportError::RepositoryNotFound(_)
        ));
        assert!(matches!(
            classify("ERROR: Permission to a/b.git denied to deploy key"),
            TransportError::AuthorizationFailed(_)
        ));
        assert!(matches!(classify("boom"), TransportError::Remote(_)));
        assert_eq!(
            classify("").to_string(),
            "the server said: nothing, and closed the connection"
        );
    }
}
