//! Plans what one automation writes: finds the markers below its update path and edits what is stale.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use engine::change::Change;
use engine::marker::{self, FileScan, Reason, Wanted};
use engine::path::clamp;

use crate::source::{Entry, EntryKind, Reader, Source, SourceError};

#[cfg(test)]
mod tests;

/// What an automation would write, and what it could not use.
#[derive(Debug, Default)]
pub struct Plan {
    /// The files to replace, ordered by path.
    pub files: Vec<EditedFile>,
    /// The files with markers, whether or not a value is stale, ordered by path.
    pub marked: Vec<MarkedFile>,
    /// Markers and files that could not be used, ordered by file and line.
    pub problems: Vec<Problem>,
    /// Markers that this automation has nothing to do with, ordered by file and line: a problem unless another
    /// automation looks after them.
    pub elsewhere: Vec<Elsewhere>,
}

/// A marker whose policy belongs to another namespace, or is left out by the selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The marker's value.
    pub setter: String,
    /// Where it stands, and why it is left alone.
    pub problem: Problem,
}

impl Plan {
    /// All changes, in the order of files and positions; the input of the commit message.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let changes = self.files.iter().flat_map(|file| &file.changes);
        changes.cloned().collect()
    }
}

/// A file with its new content.
#[derive(Debug)]
pub struct EditedFile {
    /// Path relative to the root of the source.
    pub path: String,
    /// The bytes before.
    pub before: Vec<u8>,
    /// The bytes after.
    pub after: Vec<u8>,
    /// What changed in it; `file` is relative to the update path.
    pub changes: Vec<Change>,
}

/// A file with markers.
#[derive(Clone, Debug)]
pub struct MarkedFile {
    /// Path relative to the root of the source.
    pub path: String,
    /// Its markers, as they were before the edit.
    pub scan: Arc<FileScan>,
}

/// Something a user should know, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Problem {
    /// Whether something failed, or was left alone.
    pub severity: Severity,
    /// The file, relative to the root of the source; absent when no file is to blame.
    pub file: Option<String>,
    /// 1-based line; absent when the whole file is meant.
    pub line: Option<usize>,
    /// What is wrong, and what to do about it.
    pub reason: String,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that was asked for could not be done.
    Error,
    /// Something was left alone that looks as if it was meant.
    Warning,
}

impl Problem {
    /// Something failed because of a line.
    #[must_use]
    pub fn error(file: &str, line: usize, reason: impl Into<String>) -> Self {
        Self::new(Severity::Error, Some(file), Some(line), reason.into())
    }

    /// A line was left alone.
    #[must_use]
    pub fn warning(file: &str, line: usize, reason: impl Into<String>) -> Self {
        Self::new(Severity::Warning, Some(file), Some(line), reason.into())
    }

    /// A whole file was left alone.
    #[must_use]
    pub fn file_warning(file: &str, reason: impl Into<String>) -> Self {
        Self::new(Severity::Warning, Some(file), None, reason.into())
    }

    /// Something failed, and no file is to blame.
    #[must_use]
    pub fn nowhere(reason: impl Into<String>) -> Self {
        Self::new(Severity::Error, None, None, reason.into())
    }

    /// The same, where nothing failed because of it.
    #[must_use]
    pub fn lenient(self) -> Self {
        let severity = Severity::Warning;
        Self { severity, ..self }
    }

    fn new(severity: Severity, file: Option<&str>, line: Option<usize>, reason: String) -> Self {
        Self {
            severity,
            file: file.map(str::to_owned),
            line,
            reason,
        }
    }
}

/// What is known of blobs that were read before: a blob that did not change is never read again.
#[derive(Debug, Default)]
pub struct ScanCache {
    scans: Mutex<HashMap<git2::Oid, Option<Arc<FileScan>>>>,
}

/// Blobs that are remembered at most; beyond that the cache starts anew.
const CACHED_BLOBS: usize = 1 << 18;

impl ScanCache {
    fn get(&self, key: git2::Oid) -> Option<Option<Arc<FileScan>>> {
        let scans = self.scans.lock().unwrap_or_else(PoisonError::into_inner);
        scans.get(&key).cloned()
    }

    fn put(&self, key: git2::Oid, scan: Option<Arc<FileScan>>) {
        let mut scans = self.scans.lock().unwrap_or_else(PoisonError::into_inner);
        if scans.len() >= CACHED_BLOBS {
            scans.clear();
        }
        scans.insert(key, scan);
    }
}

/// Why nothing can be planned.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The files cannot be listed or read.
    #[error("failed to apply policies")]
    Source(#[from] SourceError),
}

/// Plans the update of everything below `path`.
///
/// Files are read side by side; the result does not depend on how many threads do it.
///
/// # Errors
/// When `path` does not exist or a file cannot be read. A file that cannot be used is a problem in the plan, not an error.
pub fn plan(
    source: &dyn Source,
    path: &str,
    wanted: &Wanted,
    cache: &ScanCache,
) -> Result<Plan, UpdateError> {
    let entries = source.entries(path)?;
    let mut plan = Plan::default();
    plan.problems.extend(entries.iter().filter_map(left_alone));
    let candidates: Vec<&Entry> = entries
        .iter()
        .filter(|entry| {
            matches!(entry.kind, EntryKind::File { .. }) && marker::is_manifest(&entry.path)
        })
        .collect();
    let base = base_of(path, &entries);
    for outcome in read_all(source, &candidates, |reader, entry| {
        read_one(reader, entry, &base, wanted, cache)
    })? {
        plan.marked.extend(outcome.marked);
        plan.problems.extend(outcome.problems);
        plan.elsewhere.extend(outcome.elsewhere);
        plan.files.extend(outcome.edited);
    }
    plan.problems
        .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(plan)
}

/// What one file gives.
#[derive(Default)]
struct Outcome {
    marked: Option<MarkedFile>,
    problems: Vec<Problem>,
    elsewhere: Vec<Elsewhere>,
    edited: Option<EditedFile>,
}

/// Applies `read` to every entry, on as many threads as there are cores; outcomes come in the order of the entries.
fn read_all(
    source: &dyn Source,
    entries: &[&Entry],
    read: impl Fn(&mut dyn Reader, &Entry) -> Result<Outcome, SourceError> + Sync,
) -> Result<Vec<Outcome>, SourceError> {
    /// Fewer files than this are not worth a thread.
    const WORTH_A_THREAD: usize = 64;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(entries.len() / WORTH_A_THREAD).max(1);
    let mut readers = Vec::with_capacity(threads);
    for _ in 0..threads {
        readers.push(source.reader()?);
    }
    let next = AtomicUsize::new(0);
    let work = |mut reader: Box<dyn Reader + Send + '_>| {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = entries.get(index) else {
                return Ok(done);
            };
            done.push((index, read(reader.as_mut(), entry)?));
        }
    };
    let parts: Vec<Result<Vec<(usize, Outcome)>, SourceError>> = thread::scope(|scope| {
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
    let mut outcomes = Vec::with_capacity(entries.len());
    for part in parts {
        outcomes.extend(part?);
    }
    outcomes.sort_unstable_by_key(|(index, _)| *index);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

fn read_one(
    reader: &mut dyn Reader,
    entry: &Entry,
    base: &str,
    wanted: &Wanted,
    cache: &ScanCache,
) -> Result<Outcome, SourceError> {
    let key = match entry.kind {
        EntryKind::File { id } => id,
        _ => None,
    };
    let mut content = None;
    let scan = match key.and_then(|key| cache.get(key)) {
        Some(known) => known,
        None => {
            let bytes = reader.read(entry)?;
            let scan = marker::mentions_marker(&bytes).then(|| Arc::new(marker::scan(&bytes)));
            if let Some(key) = key {
                cache.put(key, scan.clone());
            }
            content = Some(bytes);
            scan
        }
    };
    let Some(scan) = scan else {
        return Ok(Outcome::default());
    };
    let file_plan = marker::plan(&relative(&entry.path, base), &scan, wanted);
    let mut outcome = Outcome::default();
    for fault in &scan.faults {
        outcome
            .problems
            .push(Problem::warning(&entry.path, fault.line, fault.message()));
    }
    for unresolved in file_plan.unresolved {
        let problem = Problem::warning(&entry.path, unresolved.line, unresolved.reason.to_string());
        match unresolved.reason {
            Reason::OtherNamespace { .. } | Reason::NotSelected(_) => {
                let setter = unresolved.setter;
                outcome.elsewhere.push(Elsewhere { setter, problem });
            }
            _ => outcome.problems.push(problem),
        }
    }
    if !file_plan.edits.is_empty() {
        let before = match content {
            Some(content) => content,
            None => reader.read(entry)?,
        };
        match marker::apply(&before, &file_plan.edits) {
            Ok(after) => {
                outcome.edited = Some(EditedFile {
                    path: entry.path.clone(),
                    before,
                    after,
                    changes: file_plan.changes,
                });
            }
            Err(error) => outcome
                .problems
                .push(Problem::file_warning(&entry.path, error.to_string())),
        }
    }
    let path = entry.path.clone();
    outcome.marked = Some(MarkedFile { path, scan });
    Ok(outcome)
}

/// The clean form of an update path, as a prefix of the paths below it; empty when it names one file.
fn base_of(path: &str, entries: &[Entry]) -> String {
    let clean = clamp(path);
    match entries {
        [only] if only.path == clean => clean
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned(),
        _ => clean,
    }
}

fn relative(path: &str, base: &str) -> String {
    let below = path
        .strip_prefix(base)
        .map(|below| below.trim_start_matches('/'));
    below.unwrap_or(path).to_owned()
}

/// Says of links and the like why they are left alone, where that is not obvious.
fn left_alone(entry: &Entry) -> Option<Problem> {
    if !marker::is_manifest(&entry.path) {
        return None;
    }
    match &entry.kind {
        EntryKind::Link { target } if leaves_root(&entry.path, target) => {
            Some(Problem::file_warning(
                &entry.path,
                format!(
                    "is a symbolic link out of the repository, to {target}; it is not followed"
                ),
            ))
        }
        EntryKind::Foreign => Some(Problem::file_warning(
            &entry.path,
            "has a name that is not UTF-8, so it is left alone: rename it",
        )),
        // A link within the repository leads to a file that is found by its own name.
        EntryKind::Link { .. } | EntryKind::File { .. } => None,
    }
}

/// Whether a link at `path` leads out of the root, by its text alone.
fn leaves_root(path: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let mut depth = path.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}
