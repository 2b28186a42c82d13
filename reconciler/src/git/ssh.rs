//! Git's protocol over SSH: one connection and one command per operation.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use git2::transport::Service;
use russh::client::{self, Handle, Msg};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

use super::error::{TransportError, clean};
use super::known_hosts::{KnownHosts, Verdict};
use super::remote::{SshWay, Way};
use super::settings::{Identity, Ssh};
use super::transport::Call;
use super::tunnel;

/// How much of the command's error output is kept, in bytes.
const MAX_STDERR: usize = 8192;

/// A remote command's input and output.
pub(super) struct SshStream {
    call: Arc<Call>,
    host: String,
    reading: ChannelReadHalf,
    writing: ChannelWriteHalf<Msg>,
    received: Vec<u8>,
    taken: usize,
    stderr: Vec<u8>,
    listing: bool,
    // The connection ends when its handle is dropped.
    _connection: Handle<HostCheck>,
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
        let host = format!("{}:{}", way.address.host, way.address.port);
        limit.wait(async {
            let mut connection = connect(way).await?;
            log_in(&mut connection, &host, &way.access).await?;
            let broken = |source| TransportError::Ssh {
                host: host.clone(),
                source,
            };
            let channel = connection.channel_open_session().await.map_err(broken)?;
            channel.exec(true, command).await.map_err(broken)?;
            let (reading, writing) = channel.split();
            Ok(Self {
                call,
                host: host.clone(),
                reading,
                writing,
                received: Vec::new(),
                taken: 0,
                stderr: Vec::new(),
                listing: true,
                _connection: connection,
            })
        })
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
            self.fill().map_err(|error| self.call.fail(error))?;
        }
        let rest = &self.received[self.taken..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

impl Write for SshStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.listing = false;
        let sent = self.call.limit.wait(async {
            self.writing
                .data_bytes(bytes.to_vec())
                .await
                .map_err(|source| TransportError::Ssh {
                    host: self.host.clone(),
                    source,
                })
        });
        sent.map_err(|error| self.call.fail(error))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Quotes a path for the server's shell.
fn quote(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''").replace('!', r"'\!'"))
}

/// Accepts the host keys that are known and keeps the reason when it does not.
struct HostCheck {
    host: String,
    port: u16,
    known: KnownHosts,
    refusal: Arc<OnceLock<TransportError>>,
}

impl client::Handler for HostCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let key = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => Cow::Borrowed(key),
            PublicKeyOrCertificate::Certificate(certificate) => {
                Cow::Owned(PublicKey::new(certificate.public_key().clone(), ""))
            }
        };
        let host = format!("{}:{}", self.host, self.port);
        let fingerprint = format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
        let refusal = match self.known.check(&self.host, self.port, &key) {
            Verdict::Known => return Ok(true),
            Verdict::Unknown => TransportError::HostUnknown { host, fingerprint },
            Verdict::Changed | Verdict::Revoked => {
                TransportError::HostChanged { host, fingerprint }
            }
        };
        // The first refusal is the one to tell.
        let _ = self.refusal.set(refusal);
        Ok(false)
    }
}

async fn connect(way: &SshWay) -> Result<Handle<HostCheck>, TransportError> {
    let SshWay {
        address,
        access,
        proxy,
    } = way;
    let socket = tunnel::connect(&address.host, address.port, proxy.as_ref()).await?;
    let mut config = client::Config {
        keepalive_interval: Some(Duration::from_secs(15)),
        nodelay: true,
        ..client::Config::default()
    };
    let algorithms = access.known_hosts.algorithms(&address.host, address.port);
    if !algorithms.is_empty() {
        config.preferred.key = Cow::Owned(algorithms);
    }
    let refusal = Arc::new(OnceLock::new());
    let check = HostCheck {
        host: address.host.clone(),
        port: address.port,
        known: access.known_hosts.clone(),
        refusal: Arc::clone(&refusal),
    };
    match client::connect_stream(Arc::new(config), socket, check).await {
        Ok(connection) => Ok(connection),
        Err(source) => Err(match Arc::try_unwrap(refusal).map(OnceLock::into_inner) {
            Ok(Some(refusal)) => refusal,
            _ => TransportError::Ssh {
                host: format!("{}:{}", address.host, address.port),
                source,
            },
        }),
    }
}

async fn log_in(
    connection: &mut Handle<HostCheck>,
    host: &str,
    access: &Ssh,
) -> Result<(), TransportError> {
    let mut tried = Vec::new();
    for identity in &access.identities {
        let accepted = match identity {
            Identity::Key(key) => {
                tried.push(key.algorithm().to_string());
                let mut accepted = false;
                for hash in hashes(connection, host, &key.algorithm()).await? {
                    let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
                    let answer = connection.authenticate_publickey(access.user.as_str(), key);
                    accepted |= answer.await.map_err(broken(host))?.success();
                    if accepted {
                        break;
                    }
                }
                accepted
            }
            Identity::Agent(socket) => {
                let login = Login {
                    host,
                    user: &access.user,
                };
                ask_agent(connection, &login, socket, &mut tried).await?
            }
        };
        if accepted {
            return Ok(());
        }
    }
    Err(TransportError::KeyRefused {
        host: host.to_owned(),
        user: access.user.clone(),
        keys: match tried.is_empty() {
            true => "no key".to_owned(),
            false => tried.join(", "),
        },
    })
}

fn broken(host: &str) -> impl Fn(russh::Error) -> TransportError {
    move |source| TransportError::Ssh {
        host: host.to_owned(),
        source,
    }
}

/// Returns the signature hashes to try for a key; only RSA has a choice.
async fn hashes(
    connection: &Handle<HostCheck>,
    host: &str,
    algorithm: &Algorithm,
) -> Result<Vec<Option<HashAlg>>, TransportError> {
    if !matches!(algorithm, Algorithm::Rsa { .. }) {
        return Ok(vec![None]);
    }
    let best = connection
        .best_supported_rsa_hash()
        .await
        .map_err(broken(host))?;
    Ok(match best {
        Some(hash) => vec![hash],
        // The server does not say what it takes.
        None => vec![Some(HashAlg::Sha256), None],
    })
}

struct Login<'a> {
    host: &'a str,
    user: &'a str,
}

/// Tries every plain key the agent holds.
async fn ask_agent(
    connection: &mut Handle<HostCheck>,
    login: &Login<'_>,
    socket: &Path,
    tried: &mut Vec<String>,
) -> Result<bool, TransportError> {
    let failed = |source| TransportError::Agent {
        socket: socket.display().to_string(),
        source,
    };
    let mut agent = AgentClient::connect_uds(socket).await.map_err(failed)?;
    for identity in agent.request_identities().await.map_err(failed)? {
        let AgentIdentity::PublicKey { key, .. } = identity else {
            continue;
        };
        tried.push(format!("{} of the agent", key.algorithm()));
        for hash in hashes(connection, login.host, &key.algorithm()).await? {
            let answer = connection
                .authenticate_publickey_with(login.user, key.clone(), hash, &mut agent)
                .await;
            // An agent that declines to sign with one key may sign with the next.
            if answer.is_ok_and(|answer| answer.success()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::url::SshAddress;
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

    #[tokio::test]
    async fn nobody_listening_is_told() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let way = SshWay {
            address: SshAddress {
                user: None,
                host: "127.0.0.1".to_owned(),
                port,
                path: "/a".to_owned(),
            },
            access: Ssh {
                user: "git".to_owned(),
                identities: Vec::new(),
                known_hosts: KnownHosts::default(),
            },
            proxy: None,
        };
        let error = connect(&way).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("cannot connect to 127.0.0.1:{port}")
        );
    }
}
