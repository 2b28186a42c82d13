use git2::Oid;
use jiff::tz::Offset;

use super::super::*;
use super::fixture::{Fixture, author, git, last_tag, on_main};

struct Bench {
    fixture: Fixture,
    mirror: Mirror,
    parent: Oid,
}

impl Bench {
    fn new() -> Self {
        let fixture = Fixture::with_repository();
        let mut mirror = fixture.mirror();
        let fetched = mirror.fetch(&fixture.remote(), &on_main(), &last_tag);
        let parent = fetched.unwrap().start;
        Self {
            fixture,
            mirror,
            parent,
        }
    }

    fn commit(
        &self,
        edits: &[(&str, &str)],
        change: impl FnOnce(&mut Draft),
    ) -> Result<Oid, GitError> {
        let mut draft = Draft {
            author: author(),
            message: "update".to_owned(),
        };
        change(&mut draft);
        let edits: Vec<Edit> = edits
            .iter()
            .map(|(path, content)| Edit {
                path: (*path).to_owned(),
                content: content.as_bytes().to_vec(),
            })
            .collect();
        self.mirror.commit(&NewCommit {
            parent: self.parent,
            edits: &edits,
            author: &draft.author,
            message: &draft.message,
            signer: None,
        })
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.fixture.path("mirror"), arguments)
    }
}

struct Draft {
    author: Author,
    message: String,
}

#[test]
fn only_edited_files_change_and_modes_stay() {
    let bench = Bench::new();
    let edits = [
        ("clusters/run.sh", "#!/bin/sh\ntrue\n"),
        ("clusters/a/deploy.yaml", "image: app:2\n"),
        ("clusters/new/file.yaml", "new\n"),
    ];
    let id = bench.commit(&edits, |_| {}).unwrap().to_string();
    let parent = bench.parent.to_string();
    let changed = bench.git(&["diff-tree", "-r", "--no-commit-id", &id]);
    let mut modes: Vec<String> = changed
        .lines()
        .map(|line| {
            let (meta, path) = line.split_once('\t').unwrap();
            let meta: Vec<&str> = meta.split(' ').collect();
            format!("{} {} {path}", meta[0], meta[1])
        })
        .collect();
    modes.sort();
    assert_eq!(
        modes,
        [
            ":000000 100644 clusters/new/file.yaml",
            ":100644 100644 clusters/a/deploy.yaml",
            ":100755 100755 clusters/run.sh",
        ]
    );
    assert_eq!(bench.git(&["rev-parse", &format!("{id}^")]), parent);
    bench.git(&["fsck", "--strict", &id]);
}

#[test]
fn few_objects_become_files_and_many_one_pack() {
    let bench = Bench::new();
    let packs = || {
        let count = bench.git(&["count-objects", "-v"]);
        let line = count.lines().find_map(|line| line.strip_prefix("packs: "));
        line.unwrap().parse::<usize>().unwrap()
    };
    let before = packs();
    let few = bench.commit(&[("clusters/a/deploy.yaml", "2")], |_| {});
    bench.git(&["fsck", "--strict", &few.unwrap().to_string()]);
    assert_eq!(packs(), before);

    let edits: Vec<(String, String)> = (0..120)
        .map(|index| (format!("apps/a{index}/b.yaml"), format!("{index}\n")))
        .collect();
    let edits: Vec<(&str, &str)> = edits
        .iter()
        .map(|(path, content)| (path.as_str(), content.as_str()))
        .collect();
    let id = bench.commit(&edits, |_| {}).unwrap();
    assert_eq!(packs(), before + 1);
    let many = id.to_string();
    bench.git(&["fsck", "--strict", &many]);
    let changed = bench.git(&["diff-tree", "-r", "--name-only", "--no-commit-id", &many]);
    assert_eq!(changed.lines().count(), 120);
    let file = bench.git(&["cat-file", "blob", &format!("{many}:apps/a77/b.yaml")]);
    assert_eq!(file, "77");
    // The handle that made it sees it too.
    assert_eq!(bench.mirror.files(id, "apps").unwrap().files.len(), 120);
}

#[test]
fn message_and_person_are_used_as_they_are() {
    let bench = Bench::new();
    let edit = [("README", "x")];
    let id = bench.commit(&edit, |draft| {
        draft.message = "  line\n\nno break at the end ".to_owned();
        draft.author.zone = Offset::constant(-3);
    });
    let raw = git2_raw(&bench, id.unwrap());
    assert!(
        raw.ends_with("\n\n  line\n\nno break at the end "),
        "{raw:?}"
    );
    let who = "fluxcdbot <fluxcdbot@users.noreply.github.com> 1795593600 -0300\n";
    assert!(
        raw.contains(&format!("author {who}committer {who}\n")),
        "{raw:?}"
    );
}

#[test]
fn row_134_an_empty_author_name_is_used() {
    let bench = Bench::new();
    let id = bench.commit(&[("README", "x")], |draft| draft.author.name.clear());
    let id = id.unwrap().to_string();
    assert_eq!(
        bench.git(&["log", "-1", "--format=[%an] %ae", &id]),
        "[] fluxcdbot@users.noreply.github.com"
    );
    bench.git(&["fsck", "--strict", &id]);
}

#[test]
fn texts_that_would_break_a_commit_are_refused() {
    let bench = Bench::new();
    let refused = |change: fn(&mut Draft)| {
        let error = bench.commit(&[("README", "x")], change).unwrap_err();
        assert!(matches!(error, GitError::CommitText { .. }), "{error:?}");
        error.to_string()
    };
    assert_eq!(
        refused(|draft| draft.author.name = "a <b>".to_owned()),
        "author name \"a <b>\" cannot be used in a commit: it must not contain '<', '>', line breaks or NUL"
    );
    refused(|draft| draft.author.email = "a\nparent x".to_owned());
    refused(|draft| draft.message = "a\0b".to_owned());
}

#[test]
fn links_modules_and_directories_are_no_files() {
    let bench = Bench::new();
    for path in ["clusters/a/link", "clusters/module", "clusters/a"] {
        let error = bench.commit(&[(path, "x")], |_| {}).unwrap_err();
        assert!(matches!(error, GitError::NotAFile(_)), "{path}: {error:?}");
    }
}

#[test]
fn a_commit_that_changes_nothing_is_not_made() {
    let bench = Bench::new();
    let error = bench.commit(&[("README", "hello\n")], |_| {}).unwrap_err();
    assert!(matches!(error, GitError::NothingToCommit));
}

#[test]
fn the_signer_gets_the_commit_and_its_answer_is_put_in() {
    let bench = Bench::new();
    let edits = [Edit {
        path: "README".to_owned(),
        content: b"x".to_vec(),
    }];
    let commit = |signer: &Signer<'_>| {
        bench.mirror.commit(&NewCommit {
            parent: bench.parent,
            edits: &edits,
            author: &author(),
            message: "signed",
            signer: Some(signer),
        })
    };
    let seen = std::cell::RefCell::new(Vec::new());
    let id = commit(&|buffer| {
        seen.borrow_mut().extend_from_slice(buffer);
        Ok("-----BEGIN X-----\n\nabc\n-----END X-----\n".to_owned())
    });
    let id = id.unwrap();
    let (signature, signed) = {
        let repository = git2::Repository::open_bare(bench.fixture.path("mirror")).unwrap();
        let (signature, signed) = repository.extract_signature(&id, None).unwrap();
        (signature.to_vec(), signed.to_vec())
    };
    assert_eq!(signature, b"-----BEGIN X-----\n\nabc\n-----END X-----");
    assert_eq!(signed, seen.into_inner());
    bench.git(&["fsck", "--strict", &id.to_string()]);
    let error = commit(&|_| Err("no key".into())).unwrap_err();
    assert!(matches!(error, GitError::Sign(_)));
}

fn git2_raw(bench: &Bench, id: Oid) -> String {
    let repository = git2::Repository::open_bare(bench.fixture.path("mirror")).unwrap();
    let odb = repository.odb().unwrap();
    let object = odb.read(id).unwrap();
    String::from_utf8(object.data().to_vec()).unwrap()
}
