//! What is known about hosts, whoever talks to them: how many requests are under way,
//! and until when a host asked to be left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Url;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many hosts are remembered before idle ones are forgotten.
const HOSTS_LIMIT: usize = 1024;

/// The longest wait a host can ask for, so that a wrong number does not silence it for good.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The traffic to hosts. Clones share it; give the same one to all clients of a program.
#[derive(Clone, Debug)]
pub struct Hosts {
    known: Arc<Mutex<HashMap<String, Arc<Host>>>>,
    parallel: usize,
}

impl Hosts {
    /// Allows `parallel` requests to be under way to one host at a time, at least one.
    pub fn new(parallel: usize) -> Self {
        Self {
            known: Arc::default(),
            parallel: parallel.max(1),
        }
    }

    /// The traffic to the host and port of `url`.
    pub(super) fn host(&self, url: &Url) -> Arc<Host> {
        let name = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or(0)
        );
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= HOSTS_LIMIT && !known.contains_key(&name) {
            known.retain(|_, host| Arc::strong_count(host) > 1 || host.pause().is_some());
        }
        let fresh = || Host {
            permits: Arc::new(Semaphore::new(self.parallel)),
            paused_until: Mutex::new(None),
        };
        Arc::clone(known.entry(name).or_insert_with(|| Arc::new(fresh())))
    }
}

impl Default for Hosts {
    fn default() -> Self {
        Self::new(8)
    }
}

/// The traffic to one host.
#[derive(Debug)]
pub(super) struct Host {
    permits: Arc<Semaphore>,
    paused_until: Mutex<Option<Instant>>,
}

impl Host {
    /// Waits for a free place among the requests to this host.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed, so there is always a permit in the end.
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// How long the host asks to be left alone still.
    pub(super) fn pause(&self) -> Option<Duration> {
        let left = self
            .paused_until()
            .map(|until| until.saturating_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero())
    }

    /// Leaves the host alone for `wait` from now on; never shortens a pause.
    pub(super) fn leave_alone(&self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_PAUSE);
        let mut paused = self.paused_until();
        *paused = Some(paused.map_or(until, |old| old.max(until)));
    }

    fn paused_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads `Retry-After`: seconds, or a date, which is compared with the answer's own `Date`.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let wanted = text(RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| rfc2822::parse(text).ok().map(|date| date.timestamp());
    let sent = text(DATE).and_then(date).unwrap_or(now);
    let wait = date(wanted)?.duration_since(sent);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// What a registry says about the requests it still grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Requests granted per window.
    pub limit: Option<u64>,
    /// Requests left in this window.
    pub remaining: Option<u64>,
    /// Length of the window.
    pub window: Option<Duration>,
}

impl Quota {
    /// Reads `ratelimit-*` (as Docker Hub: `100;w=21600`) or `x-ratelimit-*`; `None` without either.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let read = |name: &str| {
            let names = [format!("ratelimit-{name}"), format!("x-ratelimit-{name}")];
            let text = names
                .iter()
                .find_map(|name| headers.get(name)?.to_str().ok())?;
            // Some list several policies, the first of which is the one in force.
            let text = text.split(',').next().unwrap_or_default();
            let (count, parameters) = text.split_once(';').unwrap_or((text, ""));
            let window = parameters
                .split(';')
                .find_map(|one| one.trim().strip_prefix("w=")?.parse().ok());
            Some((count.trim().parse().ok()?, window.map(Duration::from_secs)))
        };
        let (limit, remaining) = (read("limit"), read("remaining"));
        let window = [limit, remaining]
            .into_iter()
            .flatten()
            .find_map(|(_, window)| window);
        let known = limit.is_some() || remaining.is_some();
        known.then(|| Self {
            limit: limit.map(|(n, _)| n),
            remaining: remaining.map(|(n, _)| n),
            window,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let seconds = |pairs: &[_]| retry_after(&headers(pairs), now).map(|wait| wait.as_secs());
        assert_eq!(seconds(&[("retry-after", "7")]), Some(7));
        assert_eq!(seconds(&[("retry-after", " 0 ")]), Some(0));
        assert_eq!(
            seconds(&[("retry-after", "Sun, 01 Mar 2026 12:01:30 GMT")]),
            Some(90)
        );
        assert_eq!(
            seconds(&[("retry-after", "Sun, 01 Mar 2026 11:00:00 GMT")]),
            Some(0)
        );
        let by_their_clock = [
            ("retry-after", "Sun, 01 Mar 2026 12:01:30 GMT"),
            ("date", "Sun, 01 Mar 2026 12:01:20 GMT"),
        ];
        assert_eq!(seconds(&by_their_clock), Some(10));
        assert_eq!(seconds(&[("retry-after", "soon")]), None);
        assert_eq!(seconds(&[]), None);
    }

    #[test]
    fn quotas_are_read_in_both_spellings() {
        let hub = headers(&[
            ("ratelimit-limit", "100;w=21600"),
            ("ratelimit-remaining", "76;w=21600"),
        ]);
        let window = Some(Duration::from_secs(21_600));
        assert_eq!(
            Quota::read(&hub),
            Some(Quota {
                limit: Some(100),
                remaining: Some(76),
                window
            })
        );
        let other = headers(&[("x-ratelimit-limit", "60"), ("x-ratelimit-remaining", "0")]);
        assert_eq!(
            Quota::read(&other),
            Some(Quota {
                limit: Some(60),
                remaining: Some(0),
                window: None
            })
        );
        let several = headers(&[("ratelimit-limit", "10, 10;w=1, 50;w=60")]);
        assert_eq!(
            Quota::read(&several),
            Some(Quota {
                limit: Some(10),
                ..Quota::default()
            })
        );
        assert_eq!(Quota::read(&headers(&[("ratelimit-limit", "many")])), None);
        assert_eq!(Quota::read(&HeaderMap::new()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_never_shortened_and_ends() {
        let hosts = Hosts::default();
        let url = Url::parse("https://r.io/v2/").unwrap();
        hosts.host(&url).leave_alone(Duration::from_secs(60));
        hosts.host(&url).leave_alone(Duration::from_secs(5));
        let same = Url::parse("https://r.io:443/token").unwrap();
        assert_eq!(hosts.host(&same).pause(), Some(Duration::from_secs(60)));
        assert_eq!(
            hosts
                .host(&Url::parse("https://r.io:444/").unwrap())
                .pause(),
            None
        );
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(hosts.host(&url).pause(), None);
        hosts.host(&url).leave_alone(Duration::MAX);
        assert_eq!(hosts.host(&url).pause(), Some(LONGEST_PAUSE));
    }
}
