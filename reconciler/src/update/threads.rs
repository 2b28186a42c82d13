//! Reading many files side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::source::{Reader, Source, SourceError};

/// Fewer files than this are not worth a thread.
const WORTH_A_THREAD: usize = 64;

/// Applies `read` to every item, on as many threads as there are cores; results come in the order of the items.
pub(super) fn read_all<I: Sync, T: Send>(
    source: &dyn Source,
    items: &[I],
    read: impl Fn(&mut dyn Reader, &I) -> Result<T, SourceError> + Sync,
) -> Result<Vec<T>, SourceError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(items.len() / WORTH_A_THREAD).max(1);
    let mut readers = Vec::with_capacity(threads);
    for _ in 0..threads {
        readers.push(source.reader()?);
    }
    let next = AtomicUsize::new(0);
    let work = |mut reader: Box<dyn Reader + Send + '_>| {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return Ok(done);
            };
            done.push((index, read(reader.as_mut(), item)?));
        }
    };
    let parts: Vec<Result<Vec<(usize, T)>, SourceError>> = thread::scope(|scope| {
        let last = readers.pop();
        let running: Vec<_> = readers
            .into_iter()
            .map(|reader| scope.spawn(|| work(reader)))
            .collect();
        let mut parts: Vec<_> = last.into_iter().map(work).collect();
        parts.extend(running.into_iter().map(|thread| match thread.join() {
            Ok(part) => part,
            Err(panic) => std::panic::resume_unwind(panic),
        }));
        parts
    });
    let mut outcomes = Vec::with_capacity(items.len());
    for part in parts {
        outcomes.extend(part?);
    }
    outcomes.sort_unstable_by_key(|(index, _)| *index);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}
