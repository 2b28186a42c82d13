//! Git's smart HTTP protocol, one request per stream.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use git2::transport::Service;
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use url::Url;

use super::error::{TransportError, clean};
use super::remote::Way;
use super::transport::Call;
use super::url::Address;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// How much of an error's body is read, in bytes.
const MAX_ERROR_BODY: usize = 4096;

/// How long the end of an answer is waited for that nobody needs any more.
const MAX_FAREWELL: Duration = Duration::from_millis(100);

/// One request: what is written before the first read is its body, what is read is the answer's.
pub(super) struct HttpStream {
    call: Arc<Call>,
    service: Service,
    body: Vec<u8>,
    answer: Option<Response>,
    chunk: Vec<u8>,
    taken: usize,
    sent: bool,
}

impl HttpStream {
    pub(super) fn new(call: Arc<Call>, service: Service) -> Self {
        Self {
            call,
            service,
            body: Vec::new(),
            answer: None,
            chunk: Vec::new(),
            taken: 0,
            sent: false,
        }
    }

    fn name(&self) -> &'static str {
        match self.service {
            Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
            Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
        }
    }

    fn lists(&self) -> bool {
        matches!(self.service, Service::UploadPackLs | Service::ReceivePackLs)
    }

    fn send(&mut self) -> Result<Response, TransportError> {
        let call = Arc::clone(&self.call);
        let (Way::Http(client), Address::Http(base)) = (call.remote.way(), call.remote.address())
        else {
            return Err(TransportError::Remote("not an HTTP remote".to_owned()));
        };
        let base = call.moved_to().unwrap_or_else(|| base.clone());
        if self.lists() {
            call.limit.wait(self.list(client, base))
        } else {
            let body = std::mem::take(&mut self.body);
            call.limit.wait(self.post(client, &base, body))
        }
    }

    async fn list(&self, client: &reqwest::Client, base: Url) -> Result<Response, TransportError> {
        let suffix = "/info/refs";
        let mut url = below(&base, suffix);
        url.query_pairs_mut().append_pair("service", self.name());
        for _ in 0..=MAX_REDIRECTS {
            let request = client.get(url.clone()).header(ACCEPT, "*/*");
            let answer = request.send().await.map_err(unreachable)?;
            let Some(next) = redirect(&url, &answer)? else {
                let expected = format!("application/x-{}-advertisement", self.name());
                let answer = accept(answer, &expected).await?;
                if let Some(path) = url.path().strip_suffix(suffix) {
                    let mut moved = base;
                    moved.set_path(path);
                    self.call.note_moved(moved);
                }
                return Ok(answer);
            };
            url = next;
        }
        Err(TransportError::RedirectLoop)
    }

    async fn post(
        &self,
        client: &reqwest::Client,
        base: &Url,
        body: Vec<u8>,
    ) -> Result<Response, TransportError> {
        let name = self.name();
        let expected = format!("application/x-{name}-result");
        let request = client
            .post(below(base, &format!("/{name}")))
            .header(CONTENT_TYPE, format!("application/x-{name}-request"))
            .header(ACCEPT, &expected)
            .body(body);
        let answer = request.send().await.map_err(unreachable)?;
        if let Some(to) = answer.status().is_redirection().then(|| location(&answer)) {
            return Err(TransportError::Redirect(to.unwrap_or_default()));
        }
        accept(answer, &expected).await
    }

    fn fill(&mut self) -> Result<(), TransportError> {
        if !self.sent {
            self.sent = true;
            let answer = self.send()?;
            self.answer = Some(answer);
        }
        let Some(response) = &mut self.answer else {
            return Ok(());
        };
        let chunk = self
            .call
            .limit
            .wait(async { response.chunk().await.map_err(unreachable) })?;
        self.taken = 0;
        self.chunk.clear();
        match chunk {
            Some(bytes) => self.chunk.extend_from_slice(&bytes),
            None => self.answer = None,
        }
        if self.lists() {
            self.call.note_advertisement(&self.chunk);
        }
        Ok(())
    }
}

impl Read for HttpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.chunk.len() {
            self.fill().map_err(|error| self.call.fail(error))?;
            if self.chunk.is_empty() && self.answer.is_none() {
                return Ok(0);
            }
        }
        let rest = &self.chunk[self.taken..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

impl Drop for HttpStream {
    /// Reads the end of the answer, which libgit2 does not ask for once it has seen all that matters.
    ///
    /// Only then is the connection used again; the next request would pay for a new one, with TLS and all.
    fn drop(&mut self) {
        let Some(mut answer) = self.answer.take() else {
            return;
        };
        let rest = async { while let Ok(Some(_)) = answer.chunk().await {} };
        // The operation is over: a server that has more to say loses its connection, nothing else.
        let _ = self.call.limit.wait(async {
            let _ = tokio::time::timeout(MAX_FAREWELL, rest).await;
            Ok(())
        });
    }
}

impl Write for HttpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn below(base: &Url, suffix: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{suffix}", base.path().trim_end_matches('/')));
    url
}

fn unreachable(error: reqwest::Error) -> TransportError {
    TransportError::Http(error.without_url())
}

fn location(answer: &Response) -> Option<String> {
    let text = answer.headers().get(LOCATION)?.to_str().ok()?;
    let to = answer.url().join(text).ok()?;
    // Neither user info nor a query may be shown.
    Some(format!(
        "{}{}",
        to.origin().ascii_serialization(),
        to.path()
    ))
}

/// Returns where a redirect leads, if it is one and stays on the same scheme, host and port.
fn redirect(from: &Url, answer: &Response) -> Result<Option<Url>, TransportError> {
    if !answer.status().is_redirection() {
        return Ok(None);
    }
    let next = answer
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| from.join(text).ok());
    match next {
        Some(next) if next.origin() == from.origin() => Ok(Some(next)),
        _ => Err(TransportError::Redirect(
            location(answer).unwrap_or_default(),
        )),
    }
}

/// Lets only Git's own answers through.
async fn accept(mut answer: Response, expected: &str) -> Result<Response, TransportError> {
    let content_type = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        })
        .unwrap_or_default();
    let status = answer.status();
    if status == StatusCode::OK {
        return if content_type == expected {
            Ok(answer)
        } else {
            Err(TransportError::NotGit {
                content_type: clean(&content_type),
                expected: expected.to_owned(),
            })
        };
    }
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    // A page of markup says nothing a status line would want to hold.
    while !content_type.contains("html") && body.len() < MAX_ERROR_BODY {
        match answer.chunk().await {
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            Ok(None) | Err(_) => break,
        }
    }
    let text = clean(&String::from_utf8_lossy(&body));
    Err(match status {
        StatusCode::UNAUTHORIZED => TransportError::AuthenticationRequired(text),
        StatusCode::FORBIDDEN => TransportError::AuthorizationFailed(text),
        StatusCode::NOT_FOUND => TransportError::RepositoryNotFound(text),
        other => TransportError::Status {
            status: other.as_u16(),
            text,
            retry_after,
        },
    })
}
