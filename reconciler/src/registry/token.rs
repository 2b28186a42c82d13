//! Tokens for bearer challenges: fetched once, kept while they last, never guessed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::time::Instant;

use super::credentials::Credential;
use super::error::{RegistryError, Sent};
use super::flights::Flights;
use super::wire::{Authorization, Deadline, Reply, Request, Wire};

/// The name this client gives itself at token servers.
const CLIENT_ID: &str = "imgauto";

/// The longest answer of a token server, in bytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// What a token lasts when its server does not say, as the token protocol has it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// A token is not used in the last part of its life: a sixth of it, at most this.
const LARGEST_MARGIN: Duration = Duration::from_secs(30);

/// What a token is good for, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenKey {
    /// The registry that asks for the token.
    pub(super) registry: String,
    /// The token server.
    pub(super) realm: Url,
    /// What the token server calls the registry.
    pub(super) service: Option<String>,
    /// What may be done, one or more scopes.
    pub(super) scopes: Vec<String>,
    /// Whose token it is; `None` for anybody's.
    pub(super) fingerprint: Option<[u8; 32]>,
}

/// A token at hand.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) value: SecretString,
    usable_until: Instant,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The tokens of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens {
    kept: Arc<Mutex<HashMap<TokenKey, Token>>>,
    flights: Arc<Flights<TokenKey, Token>>,
}

impl Tokens {
    /// Returns a kept token that is still good for a while.
    pub(super) fn kept(&self, key: &TokenKey) -> Option<Token> {
        self.lock()
            .get(key)
            .filter(|token| token.usable_until > Instant::now())
            .cloned()
    }

    /// Forgets a token the registry refused, unless it has been replaced already.
    pub(super) fn forget(&self, key: &TokenKey, refused: &Token) {
        let mut kept = self.lock();
        let value = refused.value.expose_secret();
        if kept
            .get(key)
            .is_some_and(|token| token.value.expose_secret() == value)
        {
            kept.remove(key);
        }
    }

    /// Fetches a token and keeps it. Callers who want the same one share the request.
    pub(super) async fn fetch(
        &self,
        wire: &Wire,
        key: &TokenKey,
        credential: Option<&Credential>,
        deadline: Deadline,
    ) -> Result<Token, RegistryError> {
        let request = Sent::new(&Method::GET, &key.realm);
        let start = || {
            let (tokens, wire, key) = (self.clone(), wire.clone(), key.clone());
            let credential = credential.cloned();
            async move {
                let token = fetch(&wire, &key, credential.as_ref(), deadline).await?;
                tokens.keep(key, token.clone());
                Ok(token)
            }
            .boxed()
        };
        self.flights
            .share(key.clone(), deadline, request, start)
            .await
    }

    fn keep(&self, key: TokenKey, token: Token) {
        let now = Instant::now();
        let mut kept = self.lock();
        kept.retain(|_, token| token.usable_until > now);
        kept.insert(key, token);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenKey, Token>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the token server, by the OAuth2 flow if there is an identity token.
async fn fetch(
    wire: &Wire,
    key: &TokenKey,
    credential: Option<&Credential>,
    deadline: Deadline,
) -> Result<Token, RegistryError> {
    let asked = Instant::now();
    let identity = credential.and_then(|credential| credential.identity_token.as_ref());
    if let Some(identity) = identity {
        let reply = wire.send(&refresh_request(key, identity), deadline).await?;
        if reply.status != StatusCode::NOT_FOUND {
            return read_token(reply, asked);
        }
    }
    let login = credential.and_then(|credential| credential.login.as_ref());
    let authorization = match (login, identity) {
        (Some((username, password)), None) => Some(Authorization::basic(username, password)),
        (Some((username, password)), Some(_)) if !password.expose_secret().is_empty() => {
            Some(Authorization::basic(username, password))
        }
        // Token servers without the OAuth2 flow take the identity token in place of a password.
        (Some((username, _)), Some(identity)) => Some(Authorization::basic(username, identity)),
        (None, Some(identity)) => Some(Authorization::basic("<token>", identity)),
        (None, None) => None,
    };
    let mut url = key.realm.clone();
    let service = key.service.as_deref().map(|service| ("service", service));
    let scopes = key.scopes.iter().map(|scope| ("scope", scope.as_str()));
    url.query_pairs_mut().extend_pairs(scopes.chain(service));
    let mut request = Request::new(Method::GET, url, ANSWER_LIMIT);
    request.authorization = authorization;
    read_token(wire.send(&request, deadline).await?, asked)
}

/// The OAuth2 request that trades an identity token for an access token.
fn refresh_request(key: &TokenKey, identity: &SecretString) -> Request {
    let scopes = key.scopes.join(" ");
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token");
    form.append_pair("client_id", CLIENT_ID);
    form.append_pair("service", key.service.as_deref().unwrap_or_default());
    form.append_pair("scope", &scopes);
    form.append_pair("refresh_token", identity.expose_secret());
    let mut request = Request::new(Method::POST, key.realm.clone(), ANSWER_LIMIT);
    request.form = Some(SecretString::from(form.finish()));
    request.form_secrets = vec![identity.clone()];
    request
}

/// Reads the answer. Nothing of a success is ever repeated in an error: it holds secrets.
fn read_token(reply: Reply, asked: Instant) -> Result<Token, RegistryError> {
    // That the token server has no such page says nothing about the repository.
    let reply = reply.into_success().map_err(|fault| match fault {
        RegistryError::NotFound(answer) => RegistryError::Refused(answer),
        other => other,
    })?;
    let garbage = |what: &str| {
        let what = what.to_owned();
        RegistryError::Garbage {
            request: reply.request.clone(),
            what,
        }
    };
    let answer: Value = serde_json::from_slice(&reply.body)
        .map_err(|_| garbage("the token server gave no JSON"))?;
    let text = |name: &str| {
        answer
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let value = text("token").or_else(|| text("access_token"));
    let value = value.ok_or_else(|| garbage("no token in the token server's answer"))?;
    let lifetime = match answer.get("expires_in") {
        Some(Value::Number(seconds)) => seconds.as_f64(),
        Some(Value::String(seconds)) => seconds.parse().ok(),
        _ => None,
    };
    let lifetime =
        lifetime.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    let lifetime = lifetime.unwrap_or(DEFAULT_LIFETIME);
    let usable = lifetime.saturating_sub((lifetime / 6).min(LARGEST_MARGIN));
    let usable_until = asked.checked_add(usable).unwrap_or(asked);
    Ok(Token {
        value: SecretString::from(value),
        usable_until,
    })
}
