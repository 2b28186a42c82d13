//! A fleet repository as the guide lays it out, a clone of it, and the plugin run in that clone.

use std::path::Path;
use std::process::Output;

use harness::program::{imgauto, output};
use harness::{Forge, Repository, git};
use serde_json::Value;
use tempfile::TempDir;

/// The marked line of the guide's Deployment, with the image in front of it.
pub(crate) const DEPLOYMENT: &str = "clusters/my-cluster/podinfo-deployment.yaml";

/// One repository on a forge, with manifests for `podinfo`.
pub(crate) struct Fleet {
    pub(crate) forge: Forge,
    pub(crate) repository: Repository,
    pub(crate) home: TempDir,
}

/// A clone of the fleet's repository.
pub(crate) struct Checkout<'a> {
    fleet: &'a Fleet,
    folder: TempDir,
}

impl Fleet {
    /// Makes the repository; `image` is scanned, `extra` files are added.
    pub(crate) fn new(image: &str, extra: &[(&str, &str)]) -> Self {
        let forge = Forge::new();
        let repository = forge.create("fleet");
        let resources = resources(image);
        let deployment = deployment(image, "5.0.0");
        let mut files = vec![
            (
                "clusters/my-cluster/podinfo-automation.yaml",
                resources.as_str(),
            ),
            (DEPLOYMENT, deployment.as_str()),
            ("README.md", "a fleet\n"),
        ];
        files.extend(extra);
        repository.commit("main", "first", &files);
        let home = TempDir::new().unwrap();
        Self {
            forge,
            repository,
            home,
        }
    }

    /// Clones the repository from `url`, whole.
    pub(crate) fn clone_from(&self, url: &str) -> Checkout<'_> {
        let folder = TempDir::new().unwrap();
        git(
            folder.path(),
            &["clone", "--quiet", "--branch=main", url, "."],
        );
        Checkout {
            fleet: self,
            folder,
        }
    }

    /// Clones the repository from its folder.
    pub(crate) fn checkout(&self) -> Checkout<'_> {
        self.clone_from(self.repository.path().to_str().unwrap())
    }
}

impl Checkout<'_> {
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Runs the plugin in the clone.
    pub(crate) fn imgauto(&self, args: &[&str]) -> Output {
        output(
            imgauto(self.fleet.home.path())
                .current_dir(self.path())
                .args(args),
        )
    }

    /// Runs the plugin, which must end with `code`; returns both streams.
    pub(crate) fn ends_with(&self, code: i32, args: &[&str]) -> (String, String) {
        let output = self.imgauto(args);
        let streams = (text(&output.stdout), text(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}\n{}{}",
            streams.0,
            streams.1
        );
        streams
    }

    /// Runs the plugin with `-o json`, which must end with `code`.
    pub(crate) fn report(&self, code: i32, args: &[&str]) -> Value {
        let (stdout, _) = self.ends_with(code, &[args, &["-o", "json"]].concat());
        serde_json::from_str(&stdout).unwrap()
    }

    /// What git thinks of the work tree; empty when it is clean.
    pub(crate) fn status(&self) -> String {
        git(self.path(), &["status", "--porcelain"])
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A Deployment whose image is marked.
pub(crate) fn deployment(image: &str, tag: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: podinfo
  namespace: default
spec:
  template:
    spec:
      containers:
      # the only one
      - name: podinfod

        image: {image}:{tag}   # {{\"$imagepolicy\": \"flux-system:podinfo\"}}
        command: [ ./podinfo,  --port=9898 ]
"
    )
}

/// The objects of the guide, in one file.
pub(crate) fn resources(image: &str) -> String {
    format!(
        "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: podinfo
  namespace: flux-system
spec:
  image: {image}
  interval: 5m0s
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: podinfo
  namespace: flux-system
spec:
  imageRepositoryRef:
    name: podinfo
  policy:
    semver:
      range: '>=5.0.0'
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata:
  name: flux-system
  namespace: flux-system
spec:
  git:
    checkout:
      ref:
        branch: main
    commit:
      author:
        email: fluxcdbot@users.noreply.github.com
        name: fluxcdbot
      messageTemplate: '{{{{range .Changed.Changes}}}}{{{{print .OldValue}}}} -> {{{{println .NewValue}}}}{{{{end}}}}'
    push:
      branch: main
  interval: 30m0s
  sourceRef:
    kind: GitRepository
    name: flux-system
  update:
    path: ./clusters/my-cluster
    strategy: Setters
"
    )
}
