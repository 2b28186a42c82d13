//! The Git repositories of one play: what a scenario does to them, and what comes to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use harness::git_server::{GitAuth, GitServerOptions};
use harness::program::{clean, run};
use harness::{Forge, GitServer, Repository};
use serde_json::{Map, Value, json};

use super::format::{Commit, GitSettings};
use super::replaced::Replacements;

/// Where the hook puts the push options that arrived, below a repository.
const OPTIONS: &str = "options-that-arrived";

/// A Git server with the repositories of one play, in a folder named after its namespace.
pub(crate) struct Repositories {
    forge: Forge,
    server: GitServer,
    folder: String,
    known: BTreeMap<String, Known>,
    /// The time of the next commit, in seconds.
    clock: u64,
}

/// What is known of a repository: what came later came from a controller.
struct Known {
    repository: Repository,
    refs: BTreeMap<String, String>,
    commits: BTreeSet<String>,
}

impl Repositories {
    pub(crate) fn start(folder: &str) -> Self {
        let forge = Forge::new();
        let server = GitServer::start(&forge, GitServerOptions::default());
        Self {
            forge,
            server,
            folder: folder.to_owned(),
            known: BTreeMap::new(),
            clock: 1_767_225_600,
        }
    }

    /// The server's address.
    pub(crate) fn url(&self) -> String {
        self.server.url("").trim_end_matches('/').to_owned()
    }

    /// Creates a repository, or changes what it asks for.
    pub(crate) fn set(&mut self, settings: &GitSettings) {
        let repository = self.known(&settings.repo).repository.clone();
        let auth = match (&settings.user, &settings.token) {
            (Some(user), _) => {
                let (username, password) = user.split_once(':').expect("a user has a password");
                GitAuth::Basic {
                    username: username.to_owned(),
                    password: password.to_owned(),
                }
            }
            (None, Some(token)) => GitAuth::Bearer(token.clone()),
            (None, None) => GitAuth::Anonymous,
        };
        self.server.lock(&self.name(&settings.repo), auth);
        let advertised = settings.push_options.to_string();
        let options = ["config", "receive.advertisePushOptions", &advertised];
        run(git(repository.path()).args(options));
        hook(&repository, settings.reject.as_deref());
    }

    /// Does what a scenario does to a repository; returns the new commit's id, if there is one.
    pub(crate) fn commit(&mut self, commit: &Commit) -> Option<String> {
        let path = self.known(&commit.repo).repository.path().to_owned();
        if let Some(branch) = &commit.delete_branch {
            let name = format!("refs/heads/{branch}");
            run(git(&path).args(["update-ref", "-d", &name]));
            self.known(&commit.repo).refs.remove(&name);
        }
        let files = commit.files.as_ref()?;
        let parent = refs(&path).remove(&format!(
            "refs/heads/{}",
            commit.from.as_ref().unwrap_or(&commit.branch)
        ));
        self.clock += 1;
        let name = format!("refs/heads/{}", commit.branch);
        let head = format!(
            "commit {name}\ncommitter Somebody <somebody@example.org> {} +0000\ndata {}\n{}\n",
            self.clock,
            commit.message.len(),
            commit.message
        );
        let from = parent.map(|id| format!("from {id}\n")).unwrap_or_default();
        let files = files
            .iter()
            .fold(String::new(), |mut changes, (path, content)| {
                let change = match content {
                    Some(content) => write!(
                        changes,
                        "M 100644 inline {path}\ndata {}\n{content}\n",
                        content.len()
                    ),
                    None => writeln!(changes, "D {path}"),
                };
                change.expect("a string takes everything");
                changes
            });
        // A branch that starts from another one may be there already.
        let force = commit.from.as_ref().map(|_| "--force");
        import(&path, force, &format!("{head}{from}{files}"));
        let id = refs(&path).remove(&name).expect("the branch is there now");
        let known = self.known(&commit.repo);
        known.refs.insert(name, id.clone());
        known.commits.insert(id.clone());
        if let Some(tag) = &commit.tag {
            let name = format!("refs/tags/{tag}");
            run(git(&path).args(["update-ref", &name, &id]));
            self.known(&commit.repo).refs.insert(name, id.clone());
        }
        Some(id)
    }

    /// What came to the repositories since the last time.
    pub(crate) fn record(&mut self, replacements: &mut Replacements) -> Map<String, Value> {
        let mut record = Map::new();
        for (repo, known) in &mut self.known {
            let news = known.news(replacements);
            if !news.is_empty() {
                record.insert(repo.clone(), Value::Object(news));
            }
        }
        record
    }

    /// A repository's path below the server's address.
    fn name(&self, repo: &str) -> String {
        format!("{}/{repo}.git", self.folder)
    }

    /// A repository, which is made if it is not there.
    fn known(&mut self, repo: &str) -> &mut Known {
        let name = self.name(repo);
        let create = || {
            let repository = self.forge.create(&name);
            let options = ["config", "receive.advertisePushOptions", "false"];
            run(git(repository.path()).args(options));
            hook(&repository, None);
            Known {
                repository,
                refs: BTreeMap::new(),
                commits: BTreeSet::new(),
            }
        };
        self.known.entry(repo.to_owned()).or_insert_with(create)
    }
}

impl Known {
    fn news(&mut self, replacements: &mut Replacements) -> Map<String, Value> {
        let path = self.repository.path();
        let now = refs(path);
        let mut changed = Map::new();
        for (name, id) in &now {
            if self.refs.get(name) != Some(id) {
                changed.insert(name.clone(), replacements.commit(id).into());
            }
        }
        for name in self.refs.keys().filter(|name| !now.contains_key(*name)) {
            changed.insert(name.clone(), Value::Null);
        }
        self.refs = now;
        let mut commits = Vec::new();
        let listing = run(git(path).args(["rev-list", "--topo-order", "--reverse", "--all"]));
        for id in listing.lines() {
            if self.commits.insert(id.to_owned()) {
                commits.push(describe(path, id, replacements));
            }
        }
        let options = std::fs::read_to_string(path.join(OPTIONS)).unwrap_or_default();
        std::fs::remove_file(path.join(OPTIONS)).ok();
        let mut news = Map::new();
        if !changed.is_empty() {
            news.insert("refs".into(), changed.into());
        }
        if !commits.is_empty() {
            news.insert("commits".into(), commits.into());
        }
        if !options.is_empty() {
            news.insert("push-options".into(), options.lines().collect());
        }
        news
    }
}

/// A commit as a record holds it.
fn describe(path: &Path, id: &str, replacements: &mut Replacements) -> Value {
    let text = run(git(path).args(["cat-file", "commit", id]));
    let diff = ["diff-tree", "-p", "-U1", "--root", "--no-commit-id", id];
    let diff = run(git(path).args(diff));
    let lines = diff.lines().filter(|line| !line.starts_with("index "));
    let lines: Vec<_> = lines.map(|line| replacements.text(line)).collect();
    let (head, message) = text.split_once("\n\n").expect("a commit has a message");
    let values = |name: &str| {
        let lines = head.lines();
        let values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    let person = |name: &str| {
        let values = values(name);
        let (name, rest) = values[0].split_once('<').expect("a person has an address");
        let (address, _) = rest.split_once('>').expect("an address ends");
        format!("{} <{address}>", name.trim_end())
    };
    let parents: Vec<_> = values("parent")
        .iter()
        .map(|parent| replacements.commit(parent))
        .collect();
    let mut commit = json!({
        "id": replacements.commit(id),
        "parents": parents,
        "author": person("author"),
        "committer": person("committer"),
        "message": replacements.text(message),
        "diff": lines,
    });
    if let Some(signature) = values("gpgsig").first() {
        let words = signature.trim_start_matches("-----BEGIN ");
        let kind = words.split(' ').next().unwrap_or_default();
        commit["signature"] = kind.into();
    }
    commit
}

/// Installs the hook that notes push options and declines pushes with some words.
fn hook(repository: &Repository, reject: Option<&str>) {
    let end = match reject {
        Some(words) => {
            let file = repository.path().join("words");
            std::fs::write(&file, format!("{words}\n")).expect("the forge is ours");
            "cat words >&2; exit 1"
        }
        None => "exit 0",
    };
    let note = format!(r#"eval "echo \"\$GIT_PUSH_OPTION_$i\"" >> {OPTIONS}"#);
    let count = "i=0\nwhile [ $i -lt ${GIT_PUSH_OPTION_COUNT:-0} ]; do";
    let script = format!("#!/bin/sh\n{count}\n{note}\ni=$((i + 1))\ndone\n{end}\n");
    repository.hook("pre-receive", &script);
}

/// All references and what they point at.
fn refs(path: &Path) -> BTreeMap<String, String> {
    let format = "--format=%(refname) %(objectname)";
    let listing = run(git(path).args(["for-each-ref", format]));
    let pairs = listing.lines().filter_map(|line| line.split_once(' '));
    pairs
        .map(|(name, id)| (name.to_owned(), id.to_owned()))
        .collect()
}

/// Gives git a commit in the language of `git fast-import`.
fn import(path: &Path, option: Option<&str>, stream: &str) {
    let mut command = git(path);
    command.args(["fast-import", "--quiet"]).args(option);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("git runs: the forge was made by it");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // If git ends early, its status and words say more than the broken pipe.
    stdin.write_all(stream.as_bytes()).ok();
    drop(stdin);
    let output = child.wait_with_output().expect("the child is ours");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
}

fn git(path: &Path) -> Command {
    let mut command = Command::new("git");
    clean(&mut command, path);
    command.current_dir(path);
    command
}

#[cfg(test)]
mod tests;
