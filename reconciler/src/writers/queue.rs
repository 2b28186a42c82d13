//! When a batch goes out.

use std::time::{Duration, Instant};

/// Tasks that wait for their batch.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Vec<T>,
    /// When the first and the last of them came.
    came: Option<(Instant, Instant)>,
    /// Whether somebody looks after the queue.
    pub(super) attended: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            came: None,
            attended: false,
        }
    }
}

impl<T> Queue<T> {
    pub(super) fn push(&mut self, task: T, now: Instant) {
        let first = self.came.map_or(now, |(first, _)| first);
        self.came = Some((first, now));
        self.waiting.push(task);
    }

    /// Returns how long the batch still waits for company, or nothing when no task is there.
    pub(super) fn wait(
        &self,
        now: Instant,
        quiet: Duration,
        longest: Duration,
    ) -> Option<Duration> {
        let (first, last) = self.came?;
        let due = (last + quiet).min(first + longest);
        Some(due.saturating_duration_since(now))
    }

    /// Takes all that wait.
    pub(super) fn take(&mut self) -> Vec<T> {
        self.came = None;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Queue;

    const QUIET: Duration = Duration::from_secs(2);
    const LONGEST: Duration = Duration::from_secs(15);

    #[test]
    fn a_batch_waits_for_quiet_but_not_forever() {
        let start = Instant::now();
        let at = |tenths: u64| start + Duration::from_millis(100 * tenths);
        let mut queue = Queue::default();
        assert_eq!(queue.wait(start, QUIET, LONGEST), None);
        queue.push(1, at(0));
        assert_eq!(queue.wait(at(0), QUIET, LONGEST), Some(QUIET));
        queue.push(2, at(15));
        assert_eq!(
            queue.wait(at(20), QUIET, LONGEST),
            Some(Duration::from_millis(1500))
        );
        for tenths in (30..=150).step_by(10) {
            queue.push(3, at(tenths));
        }
        assert_eq!(queue.wait(at(150), QUIET, LONGEST), Some(Duration::ZERO));
        assert_eq!(queue.take().len(), 15);
        assert_eq!(queue.wait(at(151), QUIET, LONGEST), None);
        queue.push(4, at(200));
        assert_eq!(queue.wait(at(200), QUIET, LONGEST), Some(QUIET));
    }
}
