//! `docs/getting-started.md`, followed by somebody who pastes every command.

use std::path::Path;
use std::sync::LazyLock;

use harness::git_server::{GitAuth, GitServerOptions};
use harness::krew::{Index, Release};
use harness::program::run;
use harness::reconciler::ReconcilerOptions;
use harness::registry::RegistryOptions;
use harness::{ControlPlane, Forge, GitServer, Krew, Reconciler, Registry, Repository, git};

use crate::plugin_install::Desk;

/// The release of the plugin; made once, since there is much to pack.
static RELEASE: LazyLock<Release> = LazyLock::new(|| {
    let dist = Path::new(env!("CARGO_BIN_EXE_dist"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dist-cluster");
    Release::make(dist, &folder)
});

/// The heading of the part for those who have Flux.
const WITH_FLUX: &str = "## With Flux";

/// Whom the Git server knows.
const LOGIN: (&str, &str) = ("ada", "swordfish");

/// The page's commands: the blocks of the part that everybody follows, and those of the part for Flux.
fn blocks() -> (Vec<String>, Vec<String>) {
    let page = std::fs::read_to_string(harness::checkout().join("docs/getting-started.md"));
    let page = page.unwrap();
    let (everybody, flux) = page.split_once(WITH_FLUX).unwrap();
    let of = |text: &str| {
        let blocks = text.split("```sh\n").skip(1);
        let blocks = blocks.map(|rest| rest.split_once("```").unwrap().0.to_owned());
        blocks.collect::<Vec<_>>()
    };
    (of(everybody), of(flux))
}

/// Somebody with a shell, and what the page's addresses stand for.
struct Reader<'a> {
    plane: &'a ControlPlane,
    krew: Krew,
    registry: Registry,
    repository: Repository,
    server: GitServer,
    own: Index<'static>,
    _central: Index<'static>,
    _forge: Forge,
}

impl<'a> Reader<'a> {
    fn new(plane: &'a ControlPlane) -> Self {
        let registry = Registry::start(RegistryOptions::default());
        let tags = ["4.9.0", "5.0.0", "5.0.3", "5.1.0-rc.1", "latest"];
        registry.push_tags("podinfo", &tags);
        let forge = Forge::new();
        let repository = forge.create("fleet");
        repository.commit("main", "Begin", &[("README.md", "The fleet.\n")]);
        let auth = GitAuth::Basic {
            username: LOGIN.0.to_owned(),
            password: LOGIN.1.to_owned(),
        };
        let server = GitServer::start(&forge, GitServerOptions { auth, tls: None });
        let central = Index::of(&RELEASE);
        let krew = Krew::with_index(&central.address());
        krew.add_flux();
        run(krew.krew().arg("update"));
        Self {
            plane,
            krew,
            registry,
            repository,
            server,
            own: Index::of(&RELEASE),
            _central: central,
            _forge: forge,
        }
    }

    /// The command of the page, with the addresses of this machine.
    fn here(&self, block: &str) -> String {
        let (user, password) = LOGIN;
        let login = format!("GIT_USER={user} GIT_PASSWORD={password}");
        let addresses = [
            (
                "https://git.example.com/you/fleet.git",
                self.server.url("fleet"),
            ),
            ("https://imgauto.dev/krew-index.git", self.own.address()),
            ("ghcr.io/stefanprodan/podinfo", self.image()),
            ("GIT_USER=you GIT_PASSWORD=your-token", login),
        ];
        let mut here = block.to_owned();
        for (there, address) in addresses {
            here = here.replace(there, &address);
        }
        here
    }

    /// Expects that no address of the page leads out of this machine, but that of the image which no node pulls.
    fn stands_in_for_all(&self, page: &str) {
        let here = self.here(page).replace("registry.example.com", "");
        for outside in [
            "example.com",
            "ghcr.io",
            "https://imgauto.dev",
            "your-token",
        ] {
            assert!(
                page.contains(outside) && !here.contains(outside),
                "{outside}"
            );
        }
    }

    fn image(&self) -> String {
        self.registry.image("podinfo")
    }

    /// Pastes a block into the shell, which stays in its folder and keeps what was exported, and returns what it prints.
    fn paste(&self, block: &str) -> String {
        let home = self.krew.home();
        let (state, folder) = (home.join("state"), home.join("folder"));
        let script = format!(
            "set -eu
[ ! -e {state} ] || {{ . {state}; cd \"$(cat {folder})\"; }}
{block}
export -p > {state}
pwd > {folder}
",
            state = state.display(),
            folder = folder.display(),
            block = self.here(block),
        );
        let (user, password) = LOGIN;
        let helper = format!("!echo username={user}; echo password={password}; true");
        let mut shell = self.krew.shell(&script);
        shell
            .current_dir(home)
            .env("KUBECONFIG", self.plane.kubeconfig())
            .env("GIT_CONFIG_COUNT", "3")
            .env("GIT_CONFIG_KEY_2", "credential.helper")
            .env("GIT_CONFIG_VALUE_2", helper);
        run(&mut shell)
    }
}

#[test]
fn every_command_of_the_page_works() {
    let plane = ControlPlane::private();
    let reader = Reader::new(&plane);
    let (blocks, _) = blocks();
    reader.stands_in_for_all(&blocks.concat());
    let mut reconciler = None;
    let mut printed = Vec::new();
    for block in &blocks {
        printed.push(reader.paste(block));
        // The cluster's node only says that it runs what is installed.
        if block.contains("imgauto install") {
            reconciler = Some(Reconciler::start(&plane, ReconcilerOptions::default()));
        }
    }
    assert!(reconciler.is_some());
    let printed_by = |command: &str| {
        let index = blocks.iter().position(|block| block.contains(command));
        printed[index.unwrap_or_else(|| panic!("the page has no {command}"))].as_str()
    };
    let (image, version) = (reader.image(), env!("CARGO_PKG_VERSION"));
    assert!(printed_by("version --client").contains(&format!("v{version}")));
    let tags = printed_by("imgauto tags");
    assert!(tags.contains("→  5.0.3 "), "{tags}");
    let diff = printed_by("imgauto diff");
    assert!(diff.contains("+  newTag: 5.0.3 # "), "{diff}");
    let objects = printed_by("get images all");
    for name in [
        "imagerepository/podinfo",
        "imagepolicy/podinfo",
        "imageupdateautomation/flux-system",
    ] {
        assert!(objects.contains(name), "{objects}");
    }
    assert!(
        objects.ends_with("fluxcdbot: 5.0.0 -> 5.0.3\n\n"),
        "{objects}"
    );
    let verified = printed_by("imgauto verify");
    assert!(
        verified.ends_with(&format!("image: {image}:5.0.3\nimage: {image}:5.0.3\n")),
        "{verified}"
    );
    let status = printed_by("imgauto status");
    assert!(status.contains("Synced"), "{status}");

    // Nothing but the tag was edited.
    let file = "clusters/my-cluster/kustomization.yaml";
    let tip = reader.repository.tip("main").unwrap();
    assert_eq!(reader.repository.changed(&tip), [file]);
    let [before, after] = ["main^", "main"].map(|revision| reader.repository.read(revision, file));
    assert_eq!(after, before.replace("5.0.0", "5.0.3"));
    let commits = git(reader.repository.path(), &["rev-list", "--count", "main"]);
    assert_eq!(commits, "3");
}

#[test]
fn the_commands_for_those_who_have_flux_work() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.brings_flux();
    let repository = "apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: podinfo, namespace: flux-system}
spec: {image: ghcr.io/stefanprodan/podinfo, interval: 5m}
";
    desk.namespace.apply(repository);
    let reader = Reader::new(&plane);
    let (everybody, flux) = blocks();
    let plugin = everybody
        .iter()
        .position(|block| block.contains("krew install"));
    for block in &everybody[..=plugin.unwrap()] {
        reader.paste(block);
    }
    let printed: Vec<_> = flux.iter().map(|block| reader.paste(block)).collect();
    assert!(
        printed.concat().contains("imagerepository/podinfo"),
        "{printed:?}"
    );
    for name in ["image-reflector-controller", "image-automation-controller"] {
        assert_eq!(desk.replicas(name), "0", "{name}");
    }
    assert_eq!(desk.replicas("imgauto-reconciler"), "1");
}
