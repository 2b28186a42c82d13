use tempfile::TempDir;

use super::*;

/// The repositories of a play, with somebody who pushes to them.
struct World {
    repositories: Repositories,
    replacements: Replacements,
    work: TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            repositories: Repositories::start("here"),
            replacements: Replacements::default(),
            work: TempDir::new().unwrap(),
        }
    }

    fn set(&mut self, settings: Value) {
        let settings = serde_json::from_value(settings).unwrap();
        self.repositories.set(&settings);
    }

    fn commit(&mut self, commit: Value) {
        let commit = serde_json::from_value(commit).unwrap();
        if let Some(id) = self.repositories.commit(&commit) {
            self.replacements.commit(&id);
        }
    }

    fn record(&mut self) -> Value {
        self.repositories.record(&mut self.replacements).into()
    }

    /// Whether a shell script ends well in a clone of `app` that holds all branches.
    fn clones_and(&self, credentials: &str, script: &str) -> bool {
        let url = self.repositories.url();
        let url = url.replace("http://", &format!("http://{credentials}"));
        let clone =
            format!("rm -rf app; git clone -q {url}/here/app.git app && cd app && {script}");
        let mut shell = Command::new("sh");
        clean(&mut shell, self.work.path());
        shell.current_dir(self.work.path()).args(["-c", &clone]);
        harness::program::output(&mut shell).status.success()
    }
}

#[test]
fn what_somebody_pushes_is_recorded_and_the_scenarios_own_work_is_not() {
    let mut world = World::new();
    world.commit(
        json!({"repo": "app", "files": {"a.yaml": "a: 1\nb: 2\nc: 3\n", "d": "d\n"}, "tag": "v1"}),
    );
    world.commit(json!({"repo": "app", "branch": "dev", "from": "main", "files": {"d": null}}));
    assert_eq!(world.record(), json!({}));
    let change = "sed -i 's/b: 2/b: 3/' a.yaml; git commit -qam 'b is 3' && git push -q";
    assert!(world.clones_and("", change));
    let commit = json!({
        "id": "<commit 3>",
        "parents": ["<commit 1>"],
        "author": "Ada <ada@example.com>",
        "committer": "Ada <ada@example.com>",
        "message": "b is 3\n",
        "diff": [
            "diff --git a/a.yaml b/a.yaml",
            "--- a/a.yaml",
            "+++ b/a.yaml",
            "@@ -1,3 +1,3 @@",
            " a: 1",
            "-b: 2",
            "+b: 3",
            " c: 3",
        ],
    });
    assert_eq!(
        world.record(),
        json!({"app": {"refs": {"refs/heads/main": "<commit 3>"}, "commits": [commit]}})
    );
    assert_eq!(world.record(), json!({}));
    world.commit(json!({"repo": "app", "delete-branch": "dev"}));
    assert_eq!(world.record(), json!({}));
}

#[test]
fn branches_that_go_and_options_that_come_are_recorded() {
    let mut world = World::new();
    world.set(json!({"repo": "app", "push-options": true}));
    world.commit(json!({"repo": "app", "files": {"a": "a\n"}}));
    world.commit(json!({"repo": "app", "branch": "dev", "from": "main", "files": {"b": "b\n"}}));
    let delete = "git push -q -o ci.skip -o 'title=two words' origin :dev";
    assert!(world.clones_and("", delete));
    assert_eq!(
        world.record(),
        json!({"app": {
            "refs": {"refs/heads/dev": null},
            "push-options": ["ci.skip", "title=two words"],
        }})
    );
    world.set(json!({"repo": "app"}));
    assert!(!world.clones_and("", "git push -q -o ci.skip origin HEAD:new"));
}

#[test]
fn a_repository_asks_for_what_it_was_told_and_declines() {
    let mut world = World::new();
    world.set(json!({"repo": "app", "user": "reader:secret", "reject": "it's frozen"}));
    world.commit(json!({"repo": "app", "files": {"a": "a\n"}}));
    assert!(!world.clones_and("", "true"));
    assert!(!world.clones_and("reader:wrong@", "true"));
    let push = "git push origin HEAD:new 2>errors";
    assert!(!world.clones_and("reader:secret@", push));
    let words = world.work.path().join("app/errors");
    let words = std::fs::read_to_string(words).unwrap();
    assert!(words.contains("remote: it's frozen"), "{words}");
    world.set(json!({"repo": "app"}));
    assert!(world.clones_and("", push));
    world.set(json!({"repo": "app", "token": "abc"}));
    let bearer = "git -c http.extraHeader='Authorization: Bearer abc' ls-remote";
    let url = world.repositories.url();
    assert!(!world.clones_and("", "true"));
    let mut shell = Command::new("sh");
    clean(&mut shell, world.work.path());
    shell.args(["-c", &format!("{bearer} {url}/here/app.git")]);
    assert!(harness::program::output(&mut shell).status.success());
}
