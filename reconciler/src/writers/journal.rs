//! Which commit was made for whom, written down before it is pushed.
//!
//! A process that dies between a push and the status that tells of it finds its commit here again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use git2::Oid;

/// Automations remembered at most; the file stays small.
const MOST: usize = 10_000;

/// The newest commit made for each automation, by the automation's id.
pub(super) struct Journal {
    path: PathBuf,
    made: BTreeMap<String, Oid>,
}

impl Journal {
    /// Reads the journal of the mirror in `directory`; one that cannot be read is empty.
    pub(super) fn open(directory: &Path) -> Self {
        let path = directory.with_extension("made");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let line = |line: &str| {
            let (id, commit) = line.split_once(' ')?;
            Some((id.to_owned(), Oid::from_str(commit).ok()?))
        };
        let made = text.lines().filter_map(line).collect();
        Self { path, made }
    }

    /// Returns the newest commit made for `id`, pushed or not.
    pub(super) fn made(&self, id: &str) -> Option<Oid> {
        self.made.get(id).copied()
    }

    /// Adds commits and writes all of it down.
    pub(super) fn record(
        &mut self,
        commits: impl IntoIterator<Item = (String, Oid)>,
    ) -> io::Result<()> {
        let before = self.made.clone();
        self.made.extend(commits);
        if self.made == before {
            return Ok(());
        }
        while self.made.len() > MOST {
            self.made.pop_first();
        }
        let text: String = self
            .made
            .iter()
            .map(|(id, commit)| format!("{id} {commit}\n"))
            .collect();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use git2::Oid;

    use super::Journal;

    #[test]
    fn what_was_made_is_known_to_the_next_process() {
        let root = tempfile::tempdir().unwrap();
        let mirror = root.path().join("0123");
        let (first, second) = (
            Oid::from_bytes(&[1; 20]).unwrap(),
            Oid::from_bytes(&[2; 20]).unwrap(),
        );
        let mut journal = Journal::open(&mirror);
        assert_eq!(journal.made("a"), None);
        journal
            .record([("a".to_owned(), first), ("b".to_owned(), first)])
            .unwrap();
        journal.record([("a".to_owned(), second)]).unwrap();
        let next = Journal::open(&mirror);
        assert_eq!(
            (next.made("a"), next.made("b")),
            (Some(second), Some(first))
        );
    }

    #[test]
    fn a_broken_journal_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let mirror = root.path().join("0123");
        std::fs::write(mirror.with_extension("made"), "a\nb nonsense\n\u{0}").unwrap();
        assert_eq!(Journal::open(&mirror).made("b"), None);
    }
}
