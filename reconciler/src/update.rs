//! Plans what one automation writes: finds the markers below its update path and edits what is stale.

mod cache;
mod order;
mod threads;
mod tree;

use std::sync::Arc;

use engine::change::Change;
use engine::marker::{self, FileScan, Reason, Wanted};
use engine::path::clamp;

pub use cache::ScanCache;
pub use order::{Built, Message, Order, OrderError};
use threads::read_all;
use tree::Scanned;

use crate::source::{Entry, EntryKind, GitTree, Source, SourceError};

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

/// Why nothing can be planned.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The files cannot be listed or read.
    #[error("failed to apply policies")]
    Source(#[from] SourceError),
}

/// Which files a plan is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All files with markers.
    Everything,
    /// Those that [concern](marker::concerns) the automation; it is told nothing of markers that are others' business.
    Own,
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
    scope: Scope,
) -> Result<Plan, UpdateError> {
    let keep = |scan: &FileScan| scope == Scope::Everything || marker::concerns(scan, wanted);
    let mut plan = Plan::default();
    let outcomes = match source.as_git_tree() {
        Some(tree) => {
            let found = tree::find(tree, path, cache, keep)?;
            plan.problems = found.problems;
            let base = found.base;
            read_all(source, &found.files, |reader, (file, blob)| {
                let kind = EntryKind::File { id: Some(*blob) };
                let path = file.path.clone();
                let entry = Entry { path, kind };
                let mut read = || reader.read(&entry);
                plan_file(&entry.path, &base, &file.scan, wanted, &mut read)
            })?
        }
        None => {
            let entries = source.entries(path)?;
            plan.problems.extend(entries.iter().filter_map(left_alone));
            let base = base_of(path, &entries);
            let is_candidate = |entry: &&Entry| {
                matches!(entry.kind, EntryKind::File { .. }) && marker::is_manifest(&entry.path)
            };
            let candidates: Vec<&Entry> = entries.iter().filter(is_candidate).collect();
            read_all(source, &candidates, |reader, entry| {
                let Scanned { scan, mut content } = tree::scan(reader, entry, cache)?;
                let Some(scan) = scan.filter(|scan| keep(scan)) else {
                    return Ok(Outcome::default());
                };
                let mut read = || content.take().map_or_else(|| reader.read(entry), Ok);
                plan_file(&entry.path, &base, &scan, wanted, &mut read)
            })?
        }
    };
    for outcome in outcomes {
        plan.marked.extend(outcome.marked);
        plan.problems.extend(outcome.problems);
        plan.elsewhere.extend(outcome.elsewhere);
        plan.files.extend(outcome.edited);
    }
    if scope == Scope::Own {
        plan.elsewhere.clear();
    }
    plan.problems
        .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(plan)
}

/// Lists all files with markers, wherever they lie, ordered as Git has them; what is known already is not read again.
///
/// # Errors
/// When a tree or file cannot be read.
pub fn marked_files(
    source: &GitTree<'_>,
    cache: &ScanCache,
) -> Result<Vec<MarkedFile>, UpdateError> {
    let found = tree::find(source, "", cache, |_| true)?;
    Ok(found.files.into_iter().map(|(file, _)| file).collect())
}

/// What one file gives.
#[derive(Default)]
struct Outcome {
    marked: Option<MarkedFile>,
    problems: Vec<Problem>,
    elsewhere: Vec<Elsewhere>,
    edited: Option<EditedFile>,
}

/// Plans one file; it is read only if something in it changes.
fn plan_file(
    path: &str,
    base: &str,
    scan: &Arc<FileScan>,
    wanted: &Wanted,
    read: &mut dyn FnMut() -> Result<Vec<u8>, SourceError>,
) -> Result<Outcome, SourceError> {
    let file_plan = marker::plan(&relative(path, base), scan, wanted);
    let mut outcome = Outcome::default();
    for fault in &scan.faults {
        outcome
            .problems
            .push(Problem::warning(path, fault.line, fault.message()));
    }
    for unresolved in file_plan.unresolved {
        let problem = Problem::warning(path, unresolved.line, unresolved.reason.to_string());
        match unresolved.reason {
            Reason::OtherNamespace { .. } | Reason::NotSelected(_) => {
                let setter = unresolved.setter;
                outcome.elsewhere.push(Elsewhere { setter, problem });
            }
            _ => outcome.problems.push(problem),
        }
    }
    if !file_plan.edits.is_empty() {
        let before = read()?;
        match marker::apply(&before, &file_plan.edits) {
            Ok(after) => {
                outcome.edited = Some(EditedFile {
                    path: path.to_owned(),
                    before,
                    after,
                    changes: file_plan.changes,
                });
            }
            Err(error) => outcome
                .problems
                .push(Problem::file_warning(path, error.to_string())),
        }
    }
    outcome.marked = Some(MarkedFile {
        path: path.to_owned(),
        scan: Arc::clone(scan),
    });
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
