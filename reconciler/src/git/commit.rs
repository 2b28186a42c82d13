//! Making commits in the object store: no index, no work tree.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, ObjectType, Oid};
use jiff::Timestamp;
use jiff::tz::Offset;

use super::repository::{BoxError, GitError, Repository, failed};

/// More new objects than this go into a pack. The limit is that of Git's own `transfer.unpackLimit`: below it, packs
/// would only become too many.
const MOST_LOOSE: usize = 100;

/// A priority above those of libgit2's own stores, so that objects are written to memory.
const FIRST: i32 = 1000;

/// Signs a commit: takes the commit as Git would hash it without a signature, returns the armored signature.
pub type Signer<'a> = dyn Fn(&[u8]) -> Result<String, BoxError> + 'a;

/// A file's new content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// The whole content.
    pub content: Vec<u8>,
}

/// Who a commit is by; author and committer are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// May be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// When.
    pub time: Timestamp,
    /// The time zone the time is shown in; its seconds are dropped.
    pub zone: Offset,
}

/// A commit to be made.
pub struct NewCommit<'a> {
    /// The commit it follows.
    pub parent: Oid,
    /// What changes, at most one edit per path.
    pub edits: &'a [Edit],
    /// Who and when.
    pub author: &'a Author,
    /// Used as it is: not trimmed, no line break added.
    pub message: &'a str,
    /// Signs it, if given.
    pub signer: Option<&'a Signer<'a>>,
}

impl Repository {
    /// Makes a commit; no ref moves.
    ///
    /// Files keep their modes; those that did not exist become regular files.
    ///
    /// # Errors
    ///
    /// When nothing changes, an edit is for something that is no file, a text cannot stand in a commit, or signing fails.
    pub fn commit(&self, new: &NewCommit<'_>) -> Result<Oid, GitError> {
        let base = self.tree_of(new.parent)?;
        let draft = Draft::open(&self.inner)?;
        let tree = draft.edited_tree(&base, new.edits)?;
        if tree == base.id() {
            return Err(GitError::NothingToCommit);
        }
        let person = person(new.author)?;
        if new.message.contains('\0') {
            return Err(forbidden("commit message", new.message, "NUL"));
        }
        let header = format!(
            "tree {tree}\nparent {}\nauthor {person}\ncommitter {person}\n",
            new.parent
        );
        let signature = match new.signer {
            None => String::new(),
            Some(sign) => {
                let unsigned = format!("{header}\n{}", new.message);
                let armored = sign(unsigned.as_bytes()).map_err(GitError::Sign)?;
                // Continuation lines begin with a blank.
                format!("gpgsig {}\n", armored.trim_end().replace('\n', "\n "))
            }
        };
        let buffer = format!("{header}{signature}\n{}", new.message);
        let commit = draft.commit(buffer.as_bytes())?;
        draft.keep(&self.inner, commit, new)?;
        Ok(commit)
    }
}

/// Objects of a commit that are not in the repository yet.
///
/// They are made in memory and reach the disk together: hundreds of files in the object store, one for each blob and
/// tree, cost more than all the rest of the commit.
struct Draft {
    /// A second handle on the repository, whose new objects stay in memory.
    scratch: git2::Repository,
}

impl Draft {
    fn open(repository: &git2::Repository) -> Result<Self, GitError> {
        let open = || {
            let scratch = git2::Repository::open(repository.path())?;
            scratch.odb()?.add_new_mempack_backend(FIRST)?;
            Ok(scratch)
        };
        let scratch = open().map_err(failed("open the repository again"))?;
        Ok(Self { scratch })
    }

    fn edited_tree(&self, base: &git2::Tree<'_>, edits: &[Edit]) -> Result<Oid, GitError> {
        let mut update = TreeUpdateBuilder::new();
        for edit in edits {
            let mode = match base.get_path(edit.path.as_ref()) {
                Ok(entry) if entry.kind() != Some(ObjectType::Blob) => {
                    return Err(GitError::NotAFile(edit.path.clone()));
                }
                Ok(entry) => match entry.filemode() {
                    mode if mode & 0o170_000 == 0o120_000 => {
                        return Err(GitError::NotAFile(edit.path.clone()));
                    }
                    mode if mode & 0o111 != 0 => FileMode::BlobExecutable,
                    _ => FileMode::Blob,
                },
                Err(_) => FileMode::Blob,
            };
            let blob = self
                .scratch
                .blob(&edit.content)
                .map_err(failed(format!("write {}", edit.path)))?;
            update.upsert(edit.path.as_str(), blob, mode);
        }
        update
            .create_updated(&self.scratch, base)
            .map_err(failed("write the tree"))
    }

    fn commit(&self, content: &[u8]) -> Result<Oid, GitError> {
        self.scratch
            .odb()
            .and_then(|odb| odb.write(ObjectType::Commit, content))
            .map_err(failed("write the commit"))
    }

    /// Writes all of it to the repository: few objects as files, many as a pack.
    fn keep(
        &self,
        repository: &git2::Repository,
        commit: Oid,
        new: &NewCommit<'_>,
    ) -> Result<(), GitError> {
        let write = || {
            let objects = self.objects(commit, new)?;
            let (from, to) = (self.scratch.odb()?, repository.odb()?);
            if objects.len() <= MOST_LOOSE {
                for id in objects {
                    let object = from.read(id)?;
                    to.write(object.kind(), object.data())?;
                }
                return Ok(());
            }
            let mut builder = self.scratch.packbuilder()?;
            // As many threads as there are cores.
            builder.set_threads(0);
            for id in objects {
                builder.insert_object(id, None)?;
            }
            let mut pack = git2::Buf::new();
            builder.write_buf(&mut pack)?;
            let mut writer = to.packwriter()?;
            writer
                .write_all(&pack)
                .map_err(|error| git2::Error::from_str(&error.to_string()))?;
            writer.commit().map(drop)
        };
        write().map_err(failed("store the commit"))
    }

    /// The commit, its trees on the way to an edit, and the edited blobs.
    fn objects(&self, commit: Oid, new: &NewCommit<'_>) -> Result<Vec<Oid>, git2::Error> {
        let root = self.scratch.find_commit(commit)?.tree()?;
        let mut ids = vec![commit, root.id()];
        let mut folders = BTreeSet::new();
        for edit in new.edits {
            let path = Path::new(&edit.path);
            ids.push(root.get_path(path)?.id());
            folders.extend(path.ancestors().skip(1));
        }
        for folder in folders {
            if folder != Path::new("") {
                ids.push(root.get_path(folder)?.id());
            }
        }
        Ok(ids)
    }
}

/// Writes a person as commits hold it; libgit2 would refuse an empty name, which Flux uses.
fn person(author: &Author) -> Result<String, GitError> {
    let mut text = String::new();
    for (field, value) in [
        ("author name", &author.name),
        ("author email", &author.email),
    ] {
        if value.contains(['<', '>', '\n', '\0']) {
            return Err(forbidden(field, value, "'<', '>', line breaks or NUL"));
        }
    }
    let minutes = author.zone.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{} <{}> {} {sign}{:02}{:02}",
        author.name,
        author.email,
        author.time.as_second(),
        minutes / 60,
        minutes % 60
    );
    Ok(text)
}

fn forbidden(field: &'static str, text: &str, forbidden: &'static str) -> GitError {
    GitError::CommitText {
        field,
        text: text.to_owned(),
        forbidden,
    }
}
