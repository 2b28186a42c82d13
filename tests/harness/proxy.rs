//! A forward proxy for HTTP, and for everything else through `CONNECT`.

use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::TcpStream;

use crate::serve::Listening;

/// A proxy on loopback that counts what goes through it.
pub struct HttpProxy {
    listening: Listening,
    shared: Arc<Shared>,
}

struct Shared {
    credentials: Option<String>,
    targets: Mutex<Vec<String>>,
}

impl HttpProxy {
    /// Starts a proxy for everybody.
    pub fn start() -> Self {
        Self::launch(None)
    }

    /// Starts a proxy that answers 407 to all who do not show this user name and password.
    pub fn with_password(user: &str, password: &str) -> Self {
        let pair = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
        Self::launch(Some(format!("Basic {pair}")))
    }

    /// The address of the proxy, without credentials.
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address())
    }

    /// Where the requests that were let through went, as `host:port`, in order.
    pub fn targets(&self) -> Vec<String> {
        self.shared
            .targets
            .lock()
            .expect("no holder panics")
            .clone()
    }

    fn launch(credentials: Option<String>) -> Self {
        let shared = Arc::new(Shared {
            credentials,
            targets: Mutex::default(),
        });
        let state = Arc::clone(&shared);
        let listening = Listening::start(move |stream| {
            let state = Arc::clone(&state);
            async move {
                // A side that goes away ends the other; there is nobody to tell.
                forward(stream, &state).await.ok();
            }
        });
        Self { listening, shared }
    }
}

/// The first lines of a request to a proxy.
struct Head {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
}

/// Serves one request; the answer to a plain one ends the connection, so that the next one is seen too.
async fn forward(client: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let head = Head::read(&mut client).await?;
    if shared.credentials.is_some()
        && shared.credentials.as_deref() != head.header("proxy-authorization")
    {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\n\
            Proxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return client.write_all(refusal.as_bytes()).await;
    }
    let (host, path) = head.split();
    shared
        .targets
        .lock()
        .expect("no holder panics")
        .push(host.clone());
    let Ok(mut server) = TcpStream::connect(&host).await else {
        let refusal = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return client.write_all(refusal.as_bytes()).await;
    };
    if head.method == "CONNECT" {
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await?;
    } else {
        server.write_all(head.rewritten(&path).as_bytes()).await?;
    }
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

impl Head {
    async fn read(client: &mut BufReader<TcpStream>) -> io::Result<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if client.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let mut lines = lines.iter();
        let mut words = lines
            .next()
            .map(|line| line.split(' '))
            .ok_or(io::ErrorKind::InvalidData)?;
        let mut word = || {
            words
                .next()
                .map(str::to_owned)
                .ok_or(io::ErrorKind::InvalidData)
        };
        let (method, target) = (word()?, word()?);
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Ok(Self {
            method,
            target,
            headers,
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The host with its port, and the path that the host is asked for.
    fn split(&self) -> (String, String) {
        let Some(rest) = self.target.strip_prefix("http://") else {
            return (self.target.clone(), String::new());
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        (
            host,
            if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
        )
    }

    /// The request as the server gets it.
    fn rewritten(&self, path: &str) -> String {
        let kept = self
            .headers
            .iter()
            .filter(|(name, _)| !name.starts_with("proxy-") && name != "connection");
        let headers: String = kept
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!(
            "{} {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n",
            self.method
        )
    }
}
