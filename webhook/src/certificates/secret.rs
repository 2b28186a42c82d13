//! The authorities that replicas share, as they stand in a Secret, and the steps of their renewal.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::Lifetimes;
use super::authority::{Authority, AuthorityError};

#[cfg(test)]
mod tests;

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const NEXT_CERTIFICATE: &str = "next.crt";
const NEXT_KEY: &str = "next.key";
const PREVIOUS_CERTIFICATE: &str = "previous.crt";
const BUNDLE: &str = "ca-bundle.crt";
const NOT_AFTER: &str = "imgauto.dev/not-after";
const PROMOTED: &str = "imgauto.dev/promoted";

/// The authorities of the replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The one that signs.
    pub current: Authority,
    /// The one that will sign, and is trusted already.
    pub next: Option<Authority>,
    /// The certificate of the one that signed before, and until when it did.
    pub previous: Option<(String, Timestamp)>,
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

/// Tells the next step; `trusted_for` is how long the next authority has been seen to be trusted by whoever calls.
pub fn plan(
    state: Option<&State>,
    now: Timestamp,
    trusted_for: Option<Duration>,
    lives: &Lifetimes,
) -> Step {
    let Some(state) = state else {
        return Step::Create;
    };
    let left = state.current.not_after.duration_since(now);
    let is_over = !left.is_positive();
    let is_old = left <= signed(lives.authority / 3);
    match &state.next {
        Some(_) if is_over || trusted_for >= Some(lives.announcement) => return Step::Promote,
        None if is_over => return Step::Create,
        None if is_old => return Step::Announce,
        _ => {}
    }
    match &state.previous {
        Some((_, since)) if now.duration_since(*since) >= signed(lives.leaf) => Step::Forget,
        _ => Step::Keep,
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

impl State {
    /// The state after a step.
    ///
    /// # Errors
    ///
    /// When an authority is to be made and there is no randomness.
    pub fn after(
        state: Option<&Self>,
        step: Step,
        now: Timestamp,
        lives: &Lifetimes,
    ) -> Result<Self, AuthorityError> {
        let Some(before) = state else {
            return Ok(Self {
                current: Authority::new(now, lives)?,
                next: None,
                previous: None,
            });
        };
        let mut after = before.clone();
        match step {
            Step::Announce => after.next = Some(Authority::new(now, lives)?),
            Step::Promote => {
                if let Some(next) = after.next.take() {
                    after.replace(next, now);
                }
            }
            // The one before is over by this clock, and perhaps not by that of who calls.
            Step::Create => after.replace(Authority::new(now, lives)?, now),
            Step::Forget => after.previous = None,
            Step::Keep => {}
        }
        Ok(after)
    }

    fn replace(&mut self, next: Authority, now: Timestamp) {
        let previous = std::mem::replace(&mut self.current, next);
        self.previous = Some((previous.certificate, now));
    }

    /// All certificates that are trusted, in PEM.
    pub fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|next| &next.certificate);
        let previous = self.previous.as_ref().map(|(previous, _)| previous);
        let all = [Some(&self.current.certificate), next, previous];
        all.into_iter().flatten().map(String::as_str).collect()
    }

    /// Reads the state from a Secret that holds it as it was written; of any other one it is `None`.
    pub fn read(secret: &Secret) -> Option<Self> {
        let state = Self::salvage(secret)?;
        let is_whole = secret.data.as_ref() == Some(&state.data());
        is_whole.then_some(state)
    }

    /// Reads what can be used of a Secret that somebody has changed; `None` if that is nothing.
    pub fn salvage(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        let authority = |certificate, key| Authority::read(text(certificate)?, text(key)?).ok();
        let promoted = || {
            let annotations = secret.metadata.annotations.as_ref()?;
            annotations.get(PROMOTED)?.parse::<Timestamp>().ok()
        };
        Some(Self {
            current: authority(CERTIFICATE, KEY)?,
            next: authority(NEXT_CERTIFICATE, NEXT_KEY),
            previous: text(PREVIOUS_CERTIFICATE).zip(promoted()),
        })
    }

    fn data(&self) -> BTreeMap<String, ByteString> {
        let bundle = self.bundle();
        let next = self.next.as_ref();
        let previous = self.previous.as_ref();
        let all = [
            (CERTIFICATE, Some(&self.current.certificate)),
            (KEY, Some(&self.current.key)),
            (BUNDLE, Some(&bundle)),
            (NEXT_CERTIFICATE, next.map(|next| &next.certificate)),
            (NEXT_KEY, next.map(|next| &next.key)),
            (PREVIOUS_CERTIFICATE, previous.map(|(previous, _)| previous)),
        ];
        let there = all.into_iter().filter_map(|(key, text)| Some((key, text?)));
        there
            .map(|(key, text)| (key.to_owned(), ByteString(text.as_bytes().to_vec())))
            .collect()
    }

    /// The Secret of this name with the state; of the one that is there, all else stays as it is.
    pub fn write(&self, name: &str, before: Option<Secret>) -> Secret {
        let mut secret = before.unwrap_or_else(|| Secret {
            type_: Some("kubernetes.io/tls".to_owned()),
            ..Secret::default()
        });
        secret.metadata.name = Some(name.to_owned());
        secret.metadata.managed_fields = None;
        secret.data = Some(self.data());
        let annotations = secret.metadata.annotations.get_or_insert_default();
        let end = self.current.not_after.to_string();
        annotations.insert(NOT_AFTER.to_owned(), end);
        match &self.previous {
            Some((_, since)) => annotations.insert(PROMOTED.to_owned(), since.to_string()),
            None => annotations.remove(PROMOTED),
        };
        secret
    }
}
