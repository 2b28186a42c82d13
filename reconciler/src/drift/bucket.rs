//! How many patches may go out: so many at once, and then so many a second.

use std::time::Duration;

use tokio::time::Instant;

/// Tokens, of which each patch takes one.
#[derive(Debug)]
pub(super) struct Bucket {
    burst: u32,
    /// The time in which one token comes.
    period: Duration,
    /// When the bucket would be full if nobody took anything any more.
    full_at: Instant,
}

impl Bucket {
    /// A full one, that holds `burst` tokens and gets `rate` of them a second.
    pub(super) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        Self {
            burst,
            period: Duration::from_secs(1) / rate.max(1),
            full_at: now,
        }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> Option<()> {
        if self.ready_at() > now {
            return None;
        }
        self.full_at = self.full_at.max(now) + self.period;
        Some(())
    }

    /// When there is a token.
    pub(super) fn ready_at(&self) -> Instant {
        let room = self.period * self.burst.saturating_sub(1);
        self.full_at.checked_sub(room).unwrap_or(self.full_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, now: Instant) -> usize {
        std::iter::from_fn(|| bucket.take(now)).count()
    }

    #[test]
    fn a_burst_goes_out_at_once_and_the_rest_by_and_by() {
        let start = Instant::now();
        let mut bucket = Bucket::new(20, 50, start);
        assert_eq!(taken(&mut bucket, start), 50);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(49)), 0);
        assert_eq!(bucket.ready_at(), start + Duration::from_millis(50));
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(1)), 20);
    }

    #[test]
    fn it_never_holds_more_than_a_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(20, 50, start);
        let later = start + Duration::from_secs(3600);
        assert_eq!(taken(&mut bucket, later), 50);
        assert_eq!(taken(&mut bucket, later + Duration::from_secs(2)), 40);
    }
}
