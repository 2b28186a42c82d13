//! The authority that replicas share, and its renewal.
//!
//! Everything that has to be known stands in one Secret, which is written under the version it was read at. So any
//! replica may take the next step, and of two that do one wins.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Client};
use tokio::time::sleep;
use tracing::{info, warn};

use super::authority::{Authority, AuthorityError, Issued};
use super::configurations::{Configuration, inject};
use super::{AUTHORITY_LIFE, LEAF_LIFE};
use crate::chain::Chain;
use crate::metrics::Metrics;
use crate::tls::{Leaf, LeafError};

#[cfg(test)]
mod tests;

/// How often Secret and configurations are looked at. By the clock on the wall: a timer stands still in a paused machine.
const ROUND: Duration = Duration::from_secs(10);
/// How long a new authority is trusted before it signs, so that whoever trusts has heard of it.
const ANNOUNCEMENT: Duration = Duration::from_secs(10 * 60);

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const NEXT_CERTIFICATE: &str = "next.crt";
const NEXT_KEY: &str = "next.key";
const PREVIOUS_CERTIFICATE: &str = "previous.crt";
const BUNDLE: &str = "ca-bundle.crt";
const NOT_AFTER: &str = "imgauto.dev/not-after";
const NEXT_NOT_AFTER: &str = "imgauto.dev/next-not-after";
const ANNOUNCED: &str = "imgauto.dev/announced";
const PROMOTED: &str = "imgauto.dev/promoted";

/// The authorities of the replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The one that signs.
    current: Authority,
    /// The one that will sign, and since when it is trusted.
    next: Option<(Authority, Timestamp)>,
    /// The certificate of the one that signed before, and until when it did.
    previous: Option<(String, Timestamp)>,
}

/// What is to be done about the authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Keep,
    /// There is none that can sign: make one.
    Create,
    /// The one that signs gets old: make another one, and have it trusted.
    Announce,
    /// The next one has been trusted for long enough: let it sign.
    Promote,
    /// Nothing that the previous one signed counts any more: trust it no longer.
    Forget,
}

/// Tells the next step.
pub fn plan(state: Option<&State>, now: Timestamp) -> Step {
    let Some(state) = state else {
        return Step::Create;
    };
    let age = |since: Timestamp| now.duration_since(since);
    let left = state.current.not_after.duration_since(now);
    let is_over = |passed: jiff::SignedDuration, limit: Duration| {
        passed.is_positive() && passed.unsigned_abs() >= limit
    };
    match &state.next {
        _ if !left.is_positive() => Step::Create,
        Some((_, since)) if is_over(age(*since), ANNOUNCEMENT) => Step::Promote,
        None if left.unsigned_abs() <= AUTHORITY_LIFE / 3 => Step::Announce,
        _ => match &state.previous {
            Some((_, since)) if is_over(age(*since), LEAF_LIFE) => Step::Forget,
            _ => Step::Keep,
        },
    }
}

impl State {
    fn new(now: Timestamp) -> Result<Self, AuthorityError> {
        Ok(Self {
            current: Authority::new(now)?,
            next: None,
            previous: None,
        })
    }

    /// The state after a step.
    fn after(state: Option<&Self>, step: Step, now: Timestamp) -> Result<Self, AuthorityError> {
        let Some(before) = state.filter(|_| step != Step::Create) else {
            return Self::new(now);
        };
        let mut after = before.clone();
        match step {
            Step::Announce => after.next = Some((Authority::new(now)?, now)),
            Step::Promote => {
                if let Some((next, _)) = after.next.take() {
                    let previous = std::mem::replace(&mut after.current, next);
                    after.previous = Some((previous.certificate, now));
                }
            }
            Step::Forget => after.previous = None,
            Step::Keep | Step::Create => {}
        }
        Ok(after)
    }

    /// All certificates that are trusted, in PEM.
    fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|(next, _)| &next.certificate);
        let previous = self.previous.as_ref().map(|(previous, _)| previous);
        let all = [Some(&self.current.certificate), next, previous];
        all.into_iter().flatten().map(String::as_str).collect()
    }

    fn read(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        let time = |key: &str| {
            let annotations = secret.metadata.annotations.as_ref()?;
            annotations.get(key)?.parse::<Timestamp>().ok()
        };
        let authority = |certificate: &str, key: &str, not_after: &str| {
            Some(Authority {
                certificate: text(certificate)?,
                key: text(key)?,
                not_after: time(not_after)?,
            })
        };
        let current = authority(CERTIFICATE, KEY, NOT_AFTER)?;
        // Whoever has damaged it gets another one.
        current
            .issue(&["probe".to_owned()], Timestamp::now())
            .ok()?;
        Some(Self {
            current,
            next: authority(NEXT_CERTIFICATE, NEXT_KEY, NEXT_NOT_AFTER).zip(time(ANNOUNCED)),
            previous: text(PREVIOUS_CERTIFICATE).zip(time(PROMOTED)),
        })
    }

    fn write(&self, name: &str, version: Option<String>) -> Secret {
        let mut data = BTreeMap::new();
        let mut annotations = BTreeMap::new();
        let mut put = |key: &str, text: &str| {
            data.insert(key.to_owned(), ByteString(text.as_bytes().to_vec()));
        };
        let mut note = |key: &str, time: Timestamp| {
            annotations.insert(key.to_owned(), time.to_string());
        };
        put(CERTIFICATE, &self.current.certificate);
        put(KEY, &self.current.key);
        put(BUNDLE, &self.bundle());
        note(NOT_AFTER, self.current.not_after);
        if let Some((next, since)) = &self.next {
            put(NEXT_CERTIFICATE, &next.certificate);
            put(NEXT_KEY, &next.key);
            note(NEXT_NOT_AFTER, next.not_after);
            note(ANNOUNCED, *since);
        }
        if let Some((previous, since)) = &self.previous {
            put(PREVIOUS_CERTIFICATE, previous);
            note(PROMOTED, *since);
        }
        Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                resource_version: version,
                annotations: Some(annotations),
                ..ObjectMeta::default()
            },
            type_: Some("kubernetes.io/tls".to_owned()),
            data: Some(data),
            ..Secret::default()
        }
    }
}

/// Who signs, for which names, and who is told.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The namespace of the Secret.
    pub namespace: String,
    /// The name of the Secret.
    pub secret: String,
    /// The names that the API server calls this server by.
    pub names: Vec<String>,
    /// The webhook configurations whose trust is kept current.
    pub configurations: Vec<Configuration>,
}

/// Why a round failed. The next one may not.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the Secret of the authority cannot be read or written")]
    Secret(#[source] kube::Error),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Leaf(#[from] LeafError),
}

/// Keeps the authority, the certificate that is served and the trust of the API server current, for ever.
pub async fn tend(client: Client, issuer: Issuer, leaf: Leaf, metrics: Metrics) {
    let mut tending = Tending {
        secrets: Api::namespaced(client.clone(), &issuer.namespace),
        client,
        issuer,
        leaf,
        metrics,
        known: None,
        served: None,
    };
    loop {
        if let Err(error) = tending.round(Timestamp::now()).await {
            warn!(error = %Chain(&error), "certificates cannot be tended");
        }
        sleep(ROUND).await;
    }
}

struct Tending {
    client: Client,
    secrets: Api<Secret>,
    issuer: Issuer,
    leaf: Leaf,
    metrics: Metrics,
    /// What was known in the last round: a Secret that is deleted comes back as it was.
    known: Option<State>,
    /// The authority that signed what is served, and until when that counts.
    served: Option<(String, Timestamp)>,
}

impl Tending {
    async fn round(&mut self, now: Timestamp) -> Result<(), RoundError> {
        let state = self.state(now).await?;
        // Trust comes first: what is served next may be signed by somebody who was not trusted before.
        for configuration in &self.issuer.configurations {
            let bundle = state.bundle();
            if let Err(error) = inject(&self.client, configuration, &bundle).await {
                warn!(configuration = configuration.name, error = %Chain(&error), "trust cannot be written");
            }
        }
        if self.is_due(&state, now) {
            let authority = state.current.clone();
            let names = self.issuer.names.clone();
            let Issued {
                certificate,
                key,
                not_after,
            } = authority.issue(&names, now)?;
            self.leaf.serve(certificate.as_bytes(), key.as_bytes())?;
            self.metrics.leaf(not_after.as_second());
            self.served = Some((authority.certificate, not_after));
            info!(until = %not_after, "another certificate is served");
        }
        self.known = Some(state);
        Ok(())
    }

    /// Whether another certificate has to be served: after two thirds of its life, or if another authority signs now.
    fn is_due(&self, state: &State, now: Timestamp) -> bool {
        let Some((authority, not_after)) = &self.served else {
            return true;
        };
        let left = not_after.duration_since(now);
        *authority != state.current.certificate
            || !left.is_positive()
            || left.unsigned_abs() <= LEAF_LIFE / 3
    }

    /// Reads the Secret and takes the steps that are due.
    async fn state(&self, now: Timestamp) -> Result<State, RoundError> {
        loop {
            let name = &self.issuer.secret;
            let secret = self
                .secrets
                .get_opt(name)
                .await
                .map_err(RoundError::Secret)?;
            let read = secret.as_ref().and_then(State::read);
            let kept = match &read {
                // Somebody has deleted or damaged it; those who trust have not forgotten.
                None => self.known.clone(),
                Some(_) => None,
            };
            let step = plan(read.as_ref().or(kept.as_ref()), now);
            if let (Step::Keep, Some(state)) = (step, &read) {
                return Ok(state.clone());
            }
            let after = State::after(read.as_ref().or(kept.as_ref()), step, now)?;
            let version = secret.and_then(|secret| secret.metadata.resource_version);
            let params = PostParams {
                field_manager: Some("imgauto-certificates".to_owned()),
                ..PostParams::default()
            };
            let written = after.write(name, version.clone());
            let written = match version {
                None => self.secrets.create(&params, &written).await,
                Some(_) => self.secrets.replace(name, &params, &written).await,
            };
            match written {
                Ok(_) => {
                    info!(?step, "the authority of the webhook has changed");
                    return Ok(after);
                }
                // Another replica was faster; what it wrote counts.
                Err(kube::Error::Api(status))
                    if status.is_conflict()
                        || status.is_already_exists()
                        || status.is_not_found() => {}
                Err(error) => return Err(RoundError::Secret(error)),
            }
        }
    }
}
