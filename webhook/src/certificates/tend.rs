//! Keeping the authority, the certificate that is served and the trust of the API server current.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::authority::{AuthorityError, Issued};
use super::configurations::{Configuration, Injected, MANAGER, inject};
use super::secret::{State, Step, plan};
use super::{Authority, Lifetimes};
use crate::chain::Chain;
use crate::metrics::Metrics;
use crate::reach::Reach;
use crate::tls::{Leaf, LeafError};

/// How long a round may take: a connection that died without a word must not hold up the next.
const ROUND_LIMIT: Duration = Duration::from_secs(10);
/// How often a round is begun anew because another replica was faster.
const ATTEMPTS: usize = 8;

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
    /// How long certificates live.
    pub lives: Lifetimes,
}

/// A moment, by two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The clock on the wall, which certificates go by. It may jump.
    pub wall: Timestamp,
    /// A clock that only goes forward. It may stand still in a paused machine.
    pub steady: Instant,
}

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self {
            wall: Timestamp::now(),
            steady: Instant::now(),
        }
    }
}

/// Why a round failed. The next one may not.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The API server does not answer or does not allow it.
    #[error("the Secret of the authority cannot be read or written")]
    Secret(#[source] kube::Error),
    /// No certificate can be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// What was made cannot be served.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// Others write the Secret all the time, or it cannot be made.
    #[error("the Secret of the authority cannot be written: others were faster {ATTEMPTS} times")]
    Contended,
}

/// What one replica knows of the authority, and what it serves.
pub struct Tending {
    client: Client,
    secrets: Api<Secret>,
    issuer: Issuer,
    leaf: Leaf,
    metrics: Metrics,
    reach: Reach,
    /// What was known in the last round: a Secret that is deleted comes back as it was.
    known: Option<State>,
    /// The authority that signed what is served, and until when that counts.
    served: Option<(String, Timestamp)>,
    /// The next authority, and since when it has been seen to be trusted everywhere.
    announced: Option<(String, Instant)>,
}

impl Tending {
    /// Knows nothing yet.
    pub fn new(client: Client, issuer: Issuer, leaf: Leaf, metrics: Metrics, reach: Reach) -> Self {
        Self {
            secrets: Api::namespaced(client.clone(), &issuer.namespace),
            client,
            issuer,
            leaf,
            metrics,
            reach,
            known: None,
            served: None,
            announced: None,
        }
    }

    /// Takes round after round, for ever.
    pub async fn tend(mut self) {
        let period = self.issuer.lives.round();
        loop {
            let limit = self.limit(Timestamp::now());
            match timeout(limit, self.round(Moment::now())).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(error = %Chain(&error), "certificates cannot be tended"),
                Err(_) if limit < ROUND_LIMIT => continue,
                Err(_) => warn!("the API server does not answer who tends certificates"),
            }
            sleep(period).await;
        }
    }

    /// How long a round may take: not longer than until what is served has to be exchanged, which the next one begins
    /// with.
    fn limit(&self, now: Timestamp) -> Duration {
        let end = self.served.as_ref().map(|(_, end)| *end);
        let left = end.and_then(|end| Duration::try_from(end.duration_since(now)).ok());
        let left = left.and_then(|left| left.checked_sub(self.issuer.lives.leaf / 3));
        left.filter(|left| !left.is_zero())
            .map_or(ROUND_LIMIT, |left| left.min(ROUND_LIMIT))
    }

    /// Looks at everything, and does what is due.
    ///
    /// # Errors
    ///
    /// When the Secret cannot be read or written, or no certificate can be made. What was served stays.
    pub async fn round(&mut self, now: Moment) -> Result<(), RoundError> {
        // What is served must not get old because the API server does not answer.
        if let Some(known) = self.known.clone() {
            self.serve(&known.current, now.wall)?;
        }
        let state = self.state(now).await?;
        // Trust comes first: what is served next may be signed by somebody who was not trusted before.
        self.announce(&state, now.steady).await;
        self.serve(&state.current, now.wall)?;
        self.known = Some(state);
        Ok(())
    }

    /// What was known after the last round.
    pub fn known(&self) -> Option<&State> {
        self.known.as_ref()
    }

    /// Reads the Secret and takes the step that is due.
    async fn state(&self, now: Moment) -> Result<State, RoundError> {
        let (name, lives) = (&self.issuer.secret, &self.issuer.lives);
        for _ in 0..ATTEMPTS {
            let found = self.secrets.get_opt(name).await;
            let found = found.map_err(RoundError::Secret)?;
            let read = found.as_ref().and_then(State::read);
            // If somebody has deleted or damaged it: those who trust have not forgotten.
            let state = read.clone().or_else(|| self.known.clone());
            let state = state.or_else(|| found.as_ref().and_then(State::salvage));
            let step = plan(
                state.as_ref(),
                now.wall,
                self.trusted_for(state.as_ref(), now),
                lives,
            );
            if let (Step::Keep, Some(read)) = (step, read) {
                return Ok(read);
            }
            let after = State::after(state.as_ref(), step, now.wall, lives)?;
            let params = PostParams {
                field_manager: Some(MANAGER.to_owned()),
                ..PostParams::default()
            };
            let is_there = found.is_some();
            let secret = after.write(name, found);
            let written = match is_there {
                false => self.secrets.create(&params, &secret).await,
                true => self.secrets.replace(name, &params, &secret).await,
            };
            match written {
                Ok(_) => {
                    info!(?step, "the authority of the webhook was written");
                    return Ok(after);
                }
                // Another replica was faster; what it wrote counts.
                Err(kube::Error::Api(status))
                    if status.is_conflict()
                        || status.is_already_exists()
                        || (is_there && status.is_not_found()) => {}
                Err(error) => return Err(RoundError::Secret(error)),
            }
        }
        Err(RoundError::Contended)
    }

    /// How long the next authority has been trusted.
    fn trusted_for(&self, state: Option<&State>, now: Moment) -> Option<Duration> {
        let next = state?.next.as_ref()?;
        let (_, since) = self
            .announced
            .as_ref()
            .filter(|(announced, _)| *announced == next.certificate)?;
        Some(now.steady.saturating_duration_since(*since))
    }

    /// Has everybody who calls trust the authorities.
    async fn announce(&mut self, state: &State, now: Instant) {
        let bundle = state.bundle();
        let (mut is_written, mut is_failed) = (false, false);
        for configuration in &self.issuer.configurations {
            match inject(&self.client, configuration, &bundle).await {
                Ok(injected) => is_written |= injected == Injected::Written,
                Err(error) => {
                    is_failed = true;
                    warn!(configuration = configuration.name, error = %Chain(&error), "trust cannot be written");
                }
            }
        }
        let next = state.next.as_ref().map(|next| &next.certificate);
        let is_known = self.announced.as_ref().map(|(announced, _)| announced) == next;
        if is_failed {
            self.announced = None;
        } else {
            self.reach.trusted(&bundle, self.issuer.names.first());
            if is_written || !is_known {
                self.announced = next.map(|next| (next.clone(), now));
            }
        }
    }

    /// Serves a certificate that the authority signs, if another one has to be served.
    fn serve(&mut self, authority: &Authority, now: Timestamp) -> Result<(), RoundError> {
        if !self.is_due(authority, now) {
            return Ok(());
        }
        let (names, lives) = (&self.issuer.names, &self.issuer.lives);
        let Issued {
            certificate, key, ..
        } = authority.issue(names, now, lives)?;
        let end = self.leaf.serve(certificate.as_bytes(), key.as_bytes())?;
        self.metrics.leaf(end.as_second());
        self.reach.served(&authority.certificate);
        self.served = Some((authority.certificate.clone(), end));
        info!(until = %end, "another certificate is served");
        Ok(())
    }

    /// Whether another certificate has to be served: after two thirds of its life, or if another authority signs now.
    fn is_due(&self, authority: &Authority, now: Timestamp) -> bool {
        let Some((signer, end)) = &self.served else {
            return true;
        };
        let left = end.duration_since(now);
        *signer != authority.certificate
            || !left.is_positive()
            || left.unsigned_abs() <= self.issuer.lives.leaf / 3
    }
}
