//! Opening SSH connections, and keeping them for the next operation.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use russh::Channel;
use russh::client::{self, Handle, Msg};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};

use super::super::error::TransportError;
use super::super::known_hosts::{KnownHosts, Verdict};
use super::super::remote::SshWay;
use super::super::settings::Identity;
use super::super::tunnel;
use super::super::url::SshAddress;

/// How long a connection is kept that nobody uses: a push follows its fetch within seconds.
const IDLE: Duration = Duration::from_secs(10);

/// A connection that is logged in; it ends when it is dropped.
pub(in super::super) type Connection = Handle<HostCheck>;

/// The connection that was used last, for the next operation.
#[derive(Clone, Default)]
pub(in super::super) struct Kept(Arc<Mutex<Option<Arc<Connection>>>>);

impl Kept {
    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the connection; operations that use it go on.
    pub(in super::super) fn forget(&self) {
        *self.slot() = None;
    }

    /// Keeps a new connection until nobody has used it for a while.
    fn keep(&self, connection: &Arc<Connection>) {
        *self.slot() = Some(Arc::clone(connection));
        let (slot, connection) = (Arc::downgrade(&self.0), Arc::downgrade(connection));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                let (Some(slot), Some(mine)) = (slot.upgrade(), connection.upgrade()) else {
                    return;
                };
                let kept = Self(slot);
                let mut current = kept.slot();
                // Ours, and the one in the slot; more means that an operation is running.
                let idle = Arc::strong_count(&mine) <= 2;
                match current.as_ref() {
                    Some(current) if !Arc::ptr_eq(current, &mine) => return,
                    Some(_) if !idle => {}
                    _ => {
                        *current = None;
                        return;
                    }
                }
            }
        });
    }
}

/// Opens a channel on the connection that is kept, or on a new one.
pub(in super::super) async fn open(
    way: &SshWay,
) -> Result<(Arc<Connection>, Channel<Msg>), TransportError> {
    let kept = way.kept.slot().clone();
    if let Some(connection) = kept.filter(|connection| !connection.is_closed())
        && let Ok(channel) = connection.channel_open_session().await
    {
        return Ok((connection, channel));
    }
    let mut connection = connect(way).await?;
    log_in(&mut connection, way).await?;
    let channel = connection
        .channel_open_session()
        .await
        .map_err(broken(&way.address))?;
    let connection = Arc::new(connection);
    way.kept.keep(&connection);
    Ok((connection, channel))
}

/// Accepts the host keys that are known and keeps the reason when it does not.
pub(in super::super) struct HostCheck {
    address: SshAddress,
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
        let host = self.address.host_and_port();
        let fingerprint = format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
        let refusal = match self
            .known
            .check(&self.address.host, self.address.port, &key)
        {
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

async fn connect(way: &SshWay) -> Result<Connection, TransportError> {
    let SshWay {
        address,
        access,
        proxy,
        ..
    } = way;
    let socket = tunnel::connect(&address.host, address.port, proxy.as_ref()).await?;
    let mut config = client::Config {
        keepalive_interval: Some(Duration::from_secs(15)),
        ..client::Config::default()
    };
    let algorithms = access.known_hosts.algorithms(&address.host, address.port);
    if !algorithms.is_empty() {
        config.preferred.key = Cow::Owned(algorithms);
    }
    let refusal = Arc::new(OnceLock::new());
    let check = HostCheck {
        address: address.clone(),
        known: access.known_hosts.clone(),
        refusal: Arc::clone(&refusal),
    };
    match client::connect_stream(Arc::new(config), socket, check).await {
        Ok(connection) => Ok(connection),
        Err(source) => Err(match Arc::try_unwrap(refusal).map(OnceLock::into_inner) {
            Ok(Some(refusal)) => refusal,
            _ => broken(address)(source),
        }),
    }
}

async fn log_in(connection: &mut Connection, way: &SshWay) -> Result<(), TransportError> {
    let SshWay {
        address, access, ..
    } = way;
    let mut tried = Vec::new();
    let mut agent_failure = None;
    for identity in &access.identities {
        let accepted = match identity {
            Identity::Key(key) => {
                tried.push(key.algorithm().to_string());
                let mut accepted = false;
                for hash in hashes(connection, address, &key.algorithm()).await? {
                    let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
                    let answer = connection.authenticate_publickey(access.user.as_str(), key);
                    accepted |= answer.await.map_err(broken(address))?.success();
                    if accepted {
                        break;
                    }
                }
                accepted
            }
            Identity::Agent(socket) => match ask_agent(connection, way, socket, &mut tried).await {
                Err(failure @ TransportError::Agent { .. }) => {
                    agent_failure = Some(failure);
                    false
                }
                other => other?,
            },
        };
        if accepted {
            return Ok(());
        }
    }
    match agent_failure {
        // An agent that does not answer is only to blame when there was nothing else to try.
        Some(failure) if tried.is_empty() => Err(failure),
        _ => Err(TransportError::KeyRefused {
            host: address.host_and_port(),
            user: access.user.clone(),
            keys: match tried.is_empty() {
                true => "no key".to_owned(),
                false => tried.join(", "),
            },
        }),
    }
}

/// Puts the server's name to what broke.
pub(in super::super) fn broken(address: &SshAddress) -> impl Fn(russh::Error) -> TransportError {
    let host = address.host_and_port();
    move |source| TransportError::Ssh {
        host: host.clone(),
        source,
    }
}

/// Returns the signature hashes to try for a key; only RSA has a choice.
async fn hashes(
    connection: &Connection,
    address: &SshAddress,
    algorithm: &Algorithm,
) -> Result<Vec<Option<HashAlg>>, TransportError> {
    if !matches!(algorithm, Algorithm::Rsa { .. }) {
        return Ok(vec![None]);
    }
    let best = connection
        .best_supported_rsa_hash()
        .await
        .map_err(broken(address))?;
    Ok(match best {
        Some(hash) => vec![hash],
        // The server does not say what it takes.
        None => vec![Some(HashAlg::Sha256), None],
    })
}

/// Tries every plain key the agent holds.
async fn ask_agent(
    connection: &mut Connection,
    way: &SshWay,
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
        for hash in hashes(connection, &way.address, &key.algorithm()).await? {
            let answer = connection
                .authenticate_publickey_with(
                    way.access.user.as_str(),
                    key.clone(),
                    hash,
                    &mut agent,
                )
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
    use super::super::super::settings::Ssh;
    use super::*;

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
            kept: Kept::default(),
        };
        let error = open(&way).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("cannot connect to 127.0.0.1:{port}")
        );
    }
}
