use engine::change::LatestRef;
use engine::marker::{Policy, Wanted};

use crate::git::tests::fixture::{Fixture, git, git_with_input, on_main};
use crate::source::{Entry, GitTree, Reader, Source, SourceError};
use crate::update::{Plan, ScanCache, Scope, plan};

/// The same files without what is known of trees.
struct Listed<'a>(GitTree<'a>);

impl Source for Listed<'_> {
    fn entries(&self, path: &str) -> Result<Vec<Entry>, SourceError> {
        self.0.entries(path)
    }

    fn reader(&self) -> Result<Box<dyn Reader + Send + '_>, SourceError> {
        self.0.reader()
    }
}

fn wanted(namespace: &str) -> Wanted {
    let latest = LatestRef {
        name: "app".into(),
        tag: "2.0.0".into(),
        digest: None,
    };
    Wanted {
        namespace: namespace.into(),
        policies: [("app".into(), Policy::Latest(latest))].into(),
        ..Wanted::default()
    }
}

/// Files of every kind, in folders that share trees, with names that sort differently as files and as folders.
fn repository() -> Fixture {
    let fixture = Fixture::with_repository();
    let mut script = String::from(
        "commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 4\nmore\nfrom refs/heads/main^0\n",
    );
    let mut add = |mode: &str, path: &str, text: &str| {
        let header = format!("M {mode} inline {path}\ndata {}\n", text.len());
        script.push_str(&format!("{header}{text}\n"));
    };
    let marked = "image: app:1.0.0 # {\"$imagepolicy\": \"one:app\"}\n";
    let other = "image: app:1.0.0 # {\"$imagepolicy\": \"two:app\"}\n";
    for folder in ["a", "a.b", "a/b", "c/deep/er", "d"] {
        add("100644", &format!("{folder}/x.yaml"), marked);
        add("100755", &format!("{folder}/y.yml"), other);
        add("100644", &format!("{folder}/plain.yaml"), "a: 1\n");
        add("100644", &format!("{folder}/notes.txt"), marked);
    }
    add(
        "100644",
        "broken.yaml",
        "a: b # auto {\"$imagepolicy\": \"one:app\"}\n",
    );
    add("120000", "c/out.yaml", "../../etc/passwd");
    add("120000", "c/in.yaml", "deep/er/x.yaml");
    git_with_input(&fixture.bare(), &["fast-import", "--quiet"], &script);
    fixture
}

fn shown(plan: &Plan) -> String {
    let files: Vec<_> = plan
        .files
        .iter()
        .map(|file| (&file.path, &file.changes))
        .collect();
    let marked: Vec<_> = plan.marked.iter().map(|file| &file.path).collect();
    format!(
        "{files:#?}{marked:#?}{:#?}{:#?}",
        plan.problems, plan.elsewhere
    )
}

#[test]
fn known_trees_change_nothing_but_the_work() {
    let fixture = repository();
    let mut mirror = fixture.mirror();
    let start = mirror
        .fetch(&fixture.remote(), &on_main(), &|_, _| Ok(Vec::new()))
        .unwrap()
        .start;
    let cache = ScanCache::default();
    for path in [
        "",
        "a",
        "a/b",
        "./c/",
        "d/x.yaml",
        "d/notes.txt",
        "broken.yaml",
    ] {
        for namespace in ["one", "two"] {
            for scope in [Scope::Everything, Scope::Own] {
                let wanted = wanted(namespace);
                let listed = Listed(GitTree::new(&mirror, start));
                let fresh = ScanCache::default();
                let expected = plan(&listed, path, &wanted, &fresh, scope).unwrap();
                for _ in 0..2 {
                    let tree = GitTree::new(&mirror, start);
                    let planned = plan(&tree, path, &wanted, &cache, scope).unwrap();
                    assert_eq!(
                        shown(&planned),
                        shown(&expected),
                        "{path} {namespace} {scope:?}"
                    );
                }
            }
        }
    }
    let everything = plan(
        &GitTree::new(&mirror, start),
        "",
        &wanted("one"),
        &cache,
        Scope::Everything,
    )
    .unwrap();
    assert_eq!(everything.files.len(), 5);
    assert_eq!(everything.problems.len(), 2, "{:?}", everything.problems);
}

#[test]
fn a_commit_costs_the_trees_it_changed() {
    let fixture = repository();
    let mut mirror = fixture.mirror();
    let remote = fixture.remote();
    let tags = |_: &str, _: &[&str]| Ok(Vec::new());
    let start = mirror.fetch(&remote, &on_main(), &tags).unwrap().start;
    let cache = ScanCache::default();
    let planned = |mirror: &crate::git::Mirror, commit| {
        plan(
            &GitTree::new(mirror, commit),
            "",
            &wanted("one"),
            &cache,
            Scope::Own,
        )
        .unwrap()
    };
    assert_eq!(planned(&mirror, start).files.len(), 5);
    let trees = git(
        &fixture.bare(),
        &["rev-parse", "main^{tree}", "main:d", "main:c/deep"],
    );
    let id = |text: &str| git2::Oid::from_str(text).unwrap();
    for tree in trees.lines() {
        assert!(cache.folder(id(tree)).is_some());
    }
    crate::git::tests::fixture::somebody_commits(&fixture.bare(), "main", "z.txt");
    let next = mirror.fetch(&remote, &on_main(), &tags).unwrap().start;
    assert!(
        cache
            .folder(id(&git(&fixture.bare(), &["rev-parse", "main^{tree}"])))
            .is_none()
    );
    assert_eq!(planned(&mirror, next).files.len(), 5);
}

#[test]
fn a_path_that_is_not_there_is_missing() {
    let fixture = repository();
    let mut mirror = fixture.mirror();
    let start = mirror
        .fetch(&fixture.remote(), &on_main(), &|_, _| Ok(Vec::new()))
        .unwrap()
        .start;
    let tree = GitTree::new(&mirror, start);
    let cache = ScanCache::default();
    let error = plan(&tree, "none", &wanted("one"), &cache, Scope::Own).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "update path 'none' does not exist");
}
