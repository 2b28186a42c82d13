//! Talks to one registry after another with the right scheme, credential and token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::image::{PlainHttp, Repository, Scheme};
use futures::future::{Either, select};
use reqwest::{Method, StatusCode, Url};

use super::challenge::{self, Challenge};
use super::credentials::{Credential, Keychain};
use super::error::{RegistryError, Sent};
use super::hosts::Quota;
use super::token::{Token, TokenKey, Tokens};
use super::wire::{Authorization, Deadline, Reply, Request, Wire};

/// The longest answer to the ping that is read, in bytes.
const PING_LIMIT: usize = 64 << 10;

/// How many challenges are answered for one request, so that a registry with ever new ones comes to an end.
const ANSWERS: usize = 3;

/// What a client knows: how to send, what to show, and what it has learnt of registries.
#[derive(Debug)]
pub(super) struct Session {
    wire: Wire,
    keychain: Keychain,
    plain_http: PlainHttp,
    tokens: Tokens,
    learnt: Mutex<HashMap<String, Learnt>>,
}

/// What is known of one registry. Forgetting it costs a request and nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct Learnt {
    /// Scheme in which the registry answered the ping.
    scheme: Option<&'static str>,
    challenge: Option<Challenge>,
    /// Held by whoever pings.
    pinging: Arc<tokio::sync::Mutex<()>>,
    /// Page size the registry accepts.
    pub(super) page_size: Option<super::listing::PageSize>,
    pub(super) quota: Option<Quota>,
    /// Which of its credentials works, by repository, where it is not the first one.
    working: HashMap<String, usize>,
}

/// The proof that goes with a request.
struct Proof {
    authorization: Authorization,
    origin: Origin,
}

/// Where a proof comes from, which decides what its refusal means.
enum Origin {
    /// User name and password.
    Login,
    /// A token the registry takes as it is.
    Ready,
    /// A token fetched earlier, which may have gone stale.
    Kept(Box<TokenKey>, Token),
    /// A token fetched for this very call.
    Fetched(Box<TokenKey>),
}

/// Whether a challenge asks for something else than the proof that was refused.
fn is_answerable(refused: Option<&Origin>, challenge: &Challenge) -> bool {
    match (refused, challenge) {
        (None | Some(Origin::Kept(..)), _) | (Some(Origin::Login), Challenge::Bearer { .. }) => {
            true
        }
        (
            Some(Origin::Fetched(key)),
            Challenge::Bearer {
                realm,
                service,
                scope,
            },
        ) => {
            let wider = scope
                .as_ref()
                .is_some_and(|scope| !key.scopes.contains(scope));
            wider || *realm != key.realm || *service != key.service
        }
        _ => false,
    }
}

impl Session {
    /// A session that has learnt nothing yet.
    pub(super) fn new(wire: Wire, keychain: Keychain, plain_http: PlainHttp) -> Self {
        let (tokens, learnt) = (Tokens::default(), Mutex::default());
        Self {
            wire,
            keychain,
            plain_http,
            tokens,
            learnt,
        }
    }

    /// Sends a request about a repository with each of its credentials until one suffices.
    ///
    /// A credential that worked before is tried first. When all are refused, the
    /// error is that of the most specific one.
    pub(super) async fn send(
        &self,
        repository: &Repository,
        request: &mut Request,
        deadline: Deadline,
    ) -> Result<Reply, RegistryError> {
        let credentials = self
            .keychain
            .matching(repository.registry(), repository.repository());
        let working = self.learn(repository, |learnt| {
            learnt.working.get(repository.repository()).copied()
        });
        let mut order: Vec<usize> = (0..credentials.len().max(1)).collect();
        order.sort_by_key(|at| (Some(*at) != working, *at));
        let mut refusals = Vec::new();
        for at in order {
            let credential = credentials.get(at).copied();
            match self
                .send_as(repository, request, credential, deadline)
                .await
            {
                Ok(reply) => {
                    self.remember_working(repository, at);
                    return Ok(reply);
                }
                Err(fault) if fault.is_about_credentials() => refusals.push((at, fault)),
                Err(fault) => return Err(fault),
            }
        }
        let first = refusals.into_iter().min_by_key(|(at, _)| *at);
        Err(first
            .expect("there is always one try, and it was refused")
            .1)
    }

    /// Sends a request with one credential, answering challenges.
    async fn send_as(
        &self,
        repository: &Repository,
        request: &mut Request,
        credential: Option<&Credential>,
        deadline: Deadline,
    ) -> Result<Reply, RegistryError> {
        if !is_at_home(repository, &request.url) {
            return self.wire.send(request, deadline).await?.into_success();
        }
        let known = self.learn(repository, |learnt| learnt.challenge.clone());
        let usual = format!("repository:{}:pull", repository.repository());
        let mut scopes = vec![usual.clone()];
        let mut proof = match known {
            Some(challenge) => {
                self.prove(
                    repository, request, &challenge, &scopes, credential, deadline,
                )
                .await?
            }
            None => credential.and_then(ready_proof),
        };
        let mut answers_left = ANSWERS;
        loop {
            request.authorization = proof.as_ref().map(|proof| proof.authorization.clone());
            let reply = self.wire.send(request, deadline).await?;
            self.note_quota(repository, &reply);
            // Behind a redirect, another registry's challenge is none of our credentials' business.
            let ours = reply.url.origin() == request.url.origin();
            let challenge = challenge::pick(&reply.headers, &reply.url).filter(|_| ours);
            let (StatusCode::UNAUTHORIZED, Some(challenge)) = (reply.status, challenge) else {
                return reply.into_success();
            };
            self.learn(repository, |learnt| {
                learnt.challenge = Some(challenge.clone());
            });
            let refused = proof.take().map(|proof| proof.origin);
            if let Some(Origin::Kept(key, token)) = &refused {
                self.tokens.forget(key, token);
            }
            if answers_left == 0 || !is_answerable(refused.as_ref(), &challenge) {
                return reply.into_success();
            }
            answers_left -= 1;
            if let (
                Some(Origin::Fetched(_)),
                Challenge::Bearer {
                    scope: Some(scope), ..
                },
            ) = (&refused, &challenge)
            {
                scopes = vec![usual.clone(), scope.clone()];
                scopes.dedup();
            }
            proof = self
                .prove(
                    repository, request, &challenge, &scopes, credential, deadline,
                )
                .await?;
            if proof.is_none() {
                return reply.into_success();
            }
        }
    }

    /// Answers a challenge with a kept token, a fetched one, or the login. `None` if there is nothing to show.
    async fn prove(
        &self,
        repository: &Repository,
        request: &Request,
        challenge: &Challenge,
        scopes: &[String],
        credential: Option<&Credential>,
        deadline: Deadline,
    ) -> Result<Option<Proof>, RegistryError> {
        let (realm, service) = match challenge {
            Challenge::Basic => return Ok(credential.and_then(login_proof)),
            Challenge::Bearer { realm, service, .. } => (realm, service),
        };
        if let Some(proof) = credential.and_then(ready_proof) {
            return Ok(Some(proof));
        }
        let plain =
            realm.scheme() != "https" && repository.scheme(self.plain_http) == Scheme::Https;
        if !matches!(realm.scheme(), "http" | "https") || (plain && credential.is_some()) {
            let realm = super::redact::url(realm);
            return Err(RegistryError::PlainTextRealm {
                request: request.sent(),
                realm,
            });
        }
        let key = TokenKey {
            registry: repository.registry().to_owned(),
            realm: realm.clone(),
            service: service.clone(),
            scopes: scopes.to_vec(),
            fingerprint: credential.map(Credential::fingerprint),
        };
        if let Some(token) = self.tokens.kept(&key) {
            let authorization = Authorization::bearer(&token.value);
            return Ok(Some(Proof {
                authorization,
                origin: Origin::Kept(Box::new(key), token),
            }));
        }
        let token = self
            .tokens
            .fetch(&self.wire, &key, credential, deadline)
            .await?;
        let authorization = Authorization::bearer(&token.value);
        Ok(Some(Proof {
            authorization,
            origin: Origin::Fetched(Box::new(key)),
        }))
    }

    /// Makes the URL of a path of a repository, such as `tags/list`.
    ///
    /// The first call for a registry pings it: that finds out the scheme where both are
    /// allowed, and what the registry wants to be shown. A registry may hide a private
    /// repository from whoever shows nothing, so asking for the repository does not do.
    pub(super) async fn url(
        &self,
        repository: &Repository,
        path: &str,
        deadline: Deadline,
    ) -> Result<Url, RegistryError> {
        let scheme = match self.learn(repository, |learnt| learnt.scheme) {
            Some(scheme) => scheme,
            None => self.reach(repository, deadline).await?,
        };
        below(repository, &base_url(repository, scheme)?, path)
    }

    /// Names a request before it is known which scheme it will be sent by.
    pub(super) fn described(
        &self,
        repository: &Repository,
        path: &str,
    ) -> Result<Sent, RegistryError> {
        let scheme = self
            .learn(repository, |learnt| learnt.scheme)
            .unwrap_or("https");
        let url = below(repository, &base_url(repository, scheme)?, path)?;
        Ok(Sent::new(&Method::GET, &url))
    }

    /// Pings a registry once, whoever asks, and keeps what its answer tells. Returns the scheme.
    async fn reach(
        &self,
        repository: &Repository,
        deadline: Deadline,
    ) -> Result<&'static str, RegistryError> {
        let https = base_url(repository, "https")?;
        let turn = self.learn(repository, |learnt| Arc::clone(&learnt.pinging));
        let late = |_| deadline.exceeded(Sent::new(&Method::GET, &https));
        let _turn = tokio::time::timeout_at(deadline.at, turn.lock())
            .await
            .map_err(late)?;
        if let Some(scheme) = self.learn(repository, |learnt| learnt.scheme) {
            return Ok(scheme);
        }
        let (reply, base) = match repository.scheme(self.plain_http) {
            Scheme::Https => self.ping(https.clone(), deadline).await?,
            Scheme::Http => {
                self.race(https.clone(), base_url(repository, "http")?, deadline)
                    .await?
            }
        };
        let at_home = is_at_home(repository, &reply.url);
        // A plain HTTP server may only send callers over to HTTPS.
        let spoken = if at_home { &reply.url } else { &base };
        let scheme = if spoken.scheme() == "http" {
            "http"
        } else {
            "https"
        };
        self.note_quota(repository, &reply);
        self.learn(repository, |learnt| {
            learnt.scheme = Some(scheme);
            learnt.challenge = challenge::pick(&reply.headers, &reply.url).filter(|_| at_home);
        });
        Ok(scheme)
    }

    /// Pings over HTTPS, and over plain HTTP if that fails or takes long. The first answer wins.
    ///
    /// Where neither answers, the error holds what both met.
    async fn race(
        &self,
        https: Url,
        http: Url,
        deadline: Deadline,
    ) -> Result<(Reply, Url), RegistryError> {
        let neither = |https: RegistryError, http: RegistryError| match (https, http) {
            // Time was what was missing, or the host wants none of us, whatever the other one met.
            (late @ (RegistryError::Timeout { .. } | RegistryError::Paused { .. }), _)
            | (_, late @ (RegistryError::Timeout { .. } | RegistryError::Paused { .. })) => late,
            (https, http) => RegistryError::Unreachable {
                https: Box::new(https),
                http: Box::new(http),
            },
        };
        let mut secure = std::pin::pin!(self.ping(https, deadline));
        let early = tokio::time::timeout(self.wire.pace.plain_http_delay, &mut secure).await;
        let mut plain = std::pin::pin!(self.ping(http, deadline));
        match early {
            Ok(Ok(answered)) => Ok(answered),
            Ok(Err(https)) => plain.await.map_err(|http| neither(https, http)),
            Err(_) => match select(&mut secure, &mut plain).await {
                Either::Left((Err(https), plain)) => {
                    plain.await.map_err(|http| neither(https, http))
                }
                Either::Right((Err(http), secure)) => {
                    secure.await.map_err(|https| neither(https, http))
                }
                Either::Left((answered, _)) | Either::Right((answered, _)) => answered,
            },
        }
    }

    /// Asks for the root of the protocol. Whoever speaks it agrees, or asks who is there.
    async fn ping(&self, base: Url, deadline: Deadline) -> Result<(Reply, Url), RegistryError> {
        let request = Request::new(Method::GET, base, PING_LIMIT);
        let mut reply = self.wire.send(&request, deadline).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            reply = reply.into_success()?;
        }
        Ok((reply, request.url))
    }

    /// Reads or changes what is known of a repository's registry.
    pub(super) fn learn<T>(
        &self,
        repository: &Repository,
        change: impl FnOnce(&mut Learnt) -> T,
    ) -> T {
        let mut learnt = self.lock();
        change(learnt.entry(repository.registry().to_owned()).or_default())
    }

    /// Makes the next call ping again when the registry cannot be reached any more.
    pub(super) fn note_fault(&self, repository: &Repository, fault: &RegistryError) {
        let unreachable = matches!(
            fault,
            RegistryError::ConnectionRefused { .. }
                | RegistryError::Network { .. }
                | RegistryError::Unreachable { .. }
                | RegistryError::Tls { .. }
        );
        if unreachable {
            self.learn(repository, |learnt| learnt.scheme = None);
        }
    }

    fn remember_working(&self, repository: &Repository, at: usize) {
        let name = repository.repository();
        self.learn(repository, |learnt| match at {
            0 => learnt.working.remove(name),
            at => learnt.working.insert(name.to_owned(), at),
        });
    }

    fn note_quota(&self, repository: &Repository, reply: &Reply) {
        if let Some(quota) = Quota::read(&reply.headers) {
            self.learn(repository, |learnt| learnt.quota = Some(quota));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Learnt>> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The URL of a registry's `/v2/`.
fn base_url(repository: &Repository, scheme: &str) -> Result<Url, RegistryError> {
    let url = Url::parse(&format!("{scheme}://{}/v2/", repository.registry()));
    url.map_err(|_| RegistryError::Address {
        name: repository.to_string(),
    })
}

/// Whether a URL is the registry's own. Pages of a listing that was redirected are not.
fn is_at_home(repository: &Repository, url: &Url) -> bool {
    base_url(repository, url.scheme()).is_ok_and(|home| home.origin() == url.origin())
}

/// The URL of a path of a repository.
fn below(repository: &Repository, base: &Url, path: &str) -> Result<Url, RegistryError> {
    // The URL of such a path would be another one.
    let strange = repository
        .repository()
        .split('/')
        .any(|part| matches!(part, "" | "." | ".."));
    let url = base
        .join(&format!("{}/{path}", repository.repository()))
        .ok();
    url.filter(|_| !strange)
        .ok_or_else(|| RegistryError::Address {
            name: repository.to_string(),
        })
}

fn ready_proof(credential: &Credential) -> Option<Proof> {
    let token = credential.registry_token.as_ref()?;
    Some(Proof {
        authorization: Authorization::bearer(token),
        origin: Origin::Ready,
    })
}

fn login_proof(credential: &Credential) -> Option<Proof> {
    let (username, password) = credential.login.as_ref()?;
    Some(Proof {
        authorization: Authorization::basic(username, password),
        origin: Origin::Login,
    })
}
