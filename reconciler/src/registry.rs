//! The only user of the registry protocol: tag listings, digests, credentials.
//!
//! A [`Client`] holds one set of credentials with its TLS and proxy options. It keeps
//! connections, tokens and what it learnt of registries, so it is made once and used for
//! long. Every call ends within its deadline, with everything or with one
//! [`RegistryError`]: half a listing is never returned.
//!
//! A rustls crypto provider must be installed in the process before a client is built.

use std::sync::Arc;
use std::time::Duration;

use engine::image::{PlainHttp, Repository};
use futures::FutureExt as _;
use reqwest::redirect;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

mod answer;
mod auth_key;
mod challenge;
mod credential_helper;
mod credentials;
mod error;
mod flights;
mod flux;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hosts;
mod link;
mod listing;
mod manifest;
mod proxy;
pub(crate) mod redact;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod user_config;
mod wire;

pub use answer::Answer;
pub use credentials::{Credential, CredentialError, Keychain};
pub use error::{RegistryError, Sent};
pub use flux::InFluxWords;
pub use hosts::{Hosts, Quota};
pub use listing::{Limits, Listing, TagList, Validator};
pub use manifest::Digest;
pub use proxy::{ProxyChoice, ProxyError, ProxyOptions};
pub use tls::{TlsError, TlsOptions};
pub use user_config::UserConfig;
pub use wire::Pace;

use flights::Flights;
use session::Session;
use wire::{Deadline, Wire};

/// How long one connection may take to be made. A host that drops packets is tried again within the deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How many redirects are followed.
const REDIRECT_LIMIT: usize = 10;

/// Everything a client is made of.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// What registries are shown.
    pub keychain: Keychain,
    /// What connections trust and show.
    pub tls: TlsOptions,
    /// How registries are reached.
    pub proxy: ProxyChoice,
    /// Where plain HTTP may be spoken.
    pub plain_http: PlainHttp,
    /// What a listing may grow to.
    pub limits: Limits,
    /// Tries and waits.
    pub pace: Pace,
    /// The traffic to hosts, to be shared by all clients of a program.
    pub hosts: Hosts,
}

impl ClientOptions {
    /// A digest over credentials, TLS, proxy and plain HTTP: what makes a client unfit for another object.
    ///
    /// Equal options may share a client, and a tag list got by one is what the other would get.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.keychain.fingerprint());
        hash.update(self.tls.fingerprint());
        hash.update(self.proxy.fingerprint());
        hash.update([u8::from(self.plain_http == PlainHttp::Allowed)]);
        hash.finalize().into()
    }
}

/// The client cannot be built: certificate, key or proxy is refused by the HTTP library.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the registry client")]
pub struct ClientError(#[source] reqwest::Error);

/// Asks registries. Clones share everything.
#[derive(Clone, Debug)]
pub struct Client {
    session: Arc<Session>,
    limits: Limits,
    flights: Arc<UnderWay>,
}

/// What callers may share while it is being asked for.
#[derive(Debug, Default)]
struct UnderWay {
    lists: Flights<Repository, TagList>,
    listings: Flights<(Repository, Validator), Listing>,
    digests: Flights<(Repository, String), Digest>,
}

impl Client {
    /// Builds a client.
    ///
    /// # Errors
    ///
    /// When the HTTP library refuses the TLS or proxy options.
    ///
    /// # Panics
    ///
    /// When no rustls crypto provider is installed.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let http = http_client(&options).map_err(ClientError)?;
        let wire = Wire {
            http,
            hosts: options.hosts,
            pace: Arc::new(options.pace),
        };
        let session = Session::new(wire, options.keychain, options.plain_http);
        Ok(Self {
            session: Arc::new(session),
            limits: options.limits,
            flights: Arc::default(),
        })
    }

    /// Lists all tags of a repository.
    ///
    /// Callers who list the same repository at the same time share the requests.
    ///
    /// # Errors
    ///
    /// When any page of the listing cannot be had before `deadline`.
    pub async fn list_tags(
        &self,
        repository: &Repository,
        deadline: Instant,
    ) -> Result<TagList, RegistryError> {
        let deadline = Deadline::new(deadline);
        let request = self.session.described(repository, "tags/list")?;
        let start = || {
            let (session, limits, repository) =
                (Arc::clone(&self.session), self.limits, repository.clone());
            async move {
                let listed = listing::list(&session, &limits, &repository, deadline).await;
                listed.inspect_err(|fault| session.note_fault(&repository, fault))
            }
            .boxed()
        };
        self.flights
            .lists
            .share(repository.clone(), deadline, request, start)
            .await
    }

    /// Lists all tags of a repository unless they are those of an earlier listing.
    ///
    /// `previous` is the validator that listing came with.
    ///
    /// # Errors
    ///
    /// When any page of the listing cannot be had before `deadline`.
    pub async fn list_tags_since(
        &self,
        repository: &Repository,
        previous: &Validator,
        deadline: Instant,
    ) -> Result<Listing, RegistryError> {
        let deadline = Deadline::new(deadline);
        let request = self.session.described(repository, "tags/list")?;
        let key = (repository.clone(), previous.clone());
        let start = || {
            let (session, limits) = (Arc::clone(&self.session), self.limits);
            let (repository, previous) = key.clone();
            async move {
                let listed =
                    listing::list_since(&session, &limits, &repository, &previous, deadline).await;
                listed.inspect_err(|fault| session.note_fault(&repository, fault))
            }
            .boxed()
        };
        self.flights
            .listings
            .share(key.clone(), deadline, request, start)
            .await
    }

    /// Returns the digest of what a tag points at: of the index where there is one.
    ///
    /// Callers who ask for the same tag at the same time share the request.
    ///
    /// # Errors
    ///
    /// When the tag does not exist or its digest cannot be had before `deadline`.
    pub async fn digest(
        &self,
        repository: &Repository,
        tag: &str,
        deadline: Instant,
    ) -> Result<Digest, RegistryError> {
        let deadline = Deadline::new(deadline);
        let request = self
            .session
            .described(repository, &format!("manifests/{tag}"))?;
        let key = (repository.clone(), tag.to_owned());
        let start = || {
            let session = Arc::clone(&self.session);
            let (repository, tag) = key.clone();
            async move {
                let digest = manifest::digest(&session, &repository, &tag, deadline).await;
                digest.inspect_err(|fault| session.note_fault(&repository, fault))
            }
            .boxed()
        };
        self.flights
            .digests
            .share(key.clone(), deadline, request, start)
            .await
    }

    /// What a registry last said about the requests it still grants.
    pub fn quota(&self, repository: &Repository) -> Option<Quota> {
        self.session.learn(repository, |learnt| learnt.quota)
    }
}

fn http_client(options: &ClientOptions) -> reqwest::Result<reqwest::Client> {
    let built = http_builder(options)?.build();
    // A machine without any authority can speak plain HTTP still, and tell whom it does not trust.
    built.or_else(|fault| {
        let trusting_nobody = http_builder(options)?.tls_certs_only([]).build();
        trusting_nobody.map_err(|_| fault)
    })
}

/// Configures the HTTP client: redirects stay off plain HTTP, everything else is up to the options.
fn http_builder(options: &ClientOptions) -> reqwest::Result<reqwest::ClientBuilder> {
    let follow = redirect::Policy::custom(|attempt| {
        let was_secure = attempt
            .previous()
            .last()
            .is_some_and(|url| url.scheme() == "https");
        if was_secure && attempt.url().scheme() != "https" {
            let target = redact::url(attempt.url());
            attempt.error(format!("from https to {target}"))
        } else if attempt.previous().len() > REDIRECT_LIMIT {
            attempt.error(format!("more than {REDIRECT_LIMIT} in a row"))
        } else {
            attempt.follow()
        }
    });
    let builder = reqwest::Client::builder()
        .user_agent(concat!("imgauto/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .referer(false)
        .redirect(follow);
    let builder = options.tls.apply(builder)?;
    options.proxy.apply(builder)
}
