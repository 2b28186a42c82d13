//! The main job from end to end, for people to watch: a registry and a Git remote on loopback, the
//! guide's files, and what each command really prints.

mod stage;

use std::process::ExitCode;

use harness::git_server::GitServerOptions;
use harness::registry::RegistryOptions;
use harness::{Forge, GitServer, Registry};
use stage::{Failed, Stage, chapter, say};

/// What the registry offers; `latest` and the release candidate are there to be passed over.
const TAGS: [&str; 5] = ["5.0.0", "5.0.1", "5.0.3", "5.1.0-rc.1", "latest"];

/// The folder of the guide.
const FOLDER: &str = "clusters/my-cluster";

/// The commit message of the guide.
const TEMPLATE: &str =
    "{{range .Changed.Changes}}{{print .OldValue}} -> {{println .NewValue}}{{end}}";

fn main() -> ExitCode {
    match play() {
        Ok(()) => {
            chapter("That was all. The registry, the remote and the clone are gone again.");
            ExitCode::SUCCESS
        }
        Err(failed) => {
            say(&format!("\n{failed}\n"));
            ExitCode::FAILURE
        }
    }
}

fn play() -> Result<(), Failed> {
    let registry = Registry::start(RegistryOptions::default());
    let forge = Forge::new();
    let server = GitServer::start(&forge, GitServerOptions::default());
    let image = registry.image("stefanprodan/podinfo");
    registry.push_tags("stefanprodan/podinfo", &TAGS);
    let repository = forge.create("fleet");
    repository.commit("main", "The workloads", &workloads(&image));
    perform(&image, &server.url("fleet"))
}

/// The lines of the guide, in a shell.
fn perform(image: &str, url: &str) -> Result<(), Failed> {
    let mut stage = Stage::new();
    chapter("A registry and a Git remote run on loopback. Clone the remote.");
    stage.run(&format!("git clone --quiet {url} fleet"))?;
    stage.enter("fleet");
    stage.run(&format!("grep -n podinfo {FOLDER}/*.yaml"))?;

    chapter("Say what to scan, which tag wins, and what to write where.");
    stage.run(&format!(
        r"kubectl imgauto create image repository podinfo \
    --image={image} \
    --insecure \
    --interval=5m \
    --export > {FOLDER}/podinfo-registry.yaml"
    ))?;
    stage.run(&format!(
        r"kubectl imgauto create image policy podinfo \
    --image-ref=podinfo \
    --select-semver='>=5.0.0' \
    --export > {FOLDER}/podinfo-image-policy.yaml"
    ))?;
    stage.run(&format!(
        r"kubectl imgauto create image update flux-system \
    --interval=30m \
    --git-repo-ref=flux-system \
    --git-repo-path=./{FOLDER} \
    --checkout-branch=main \
    --push-branch=main \
    --author-name=fluxcdbot \
    --author-email=fluxcdbot@users.noreply.github.com \
    --commit-template='{TEMPLATE}' \
    --export > {FOLDER}/flux-system-automation.yaml"
    ))?;
    stage.run(&format!("cat {FOLDER}/podinfo-image-policy.yaml"))?;
    stage
        .run("git add . && git commit --quiet --message='Image automation' && git push --quiet")?;

    chapter("Which tag wins, and why?");
    stage.run("kubectl imgauto tags policy/podinfo")?;

    chapter("What would change? (Exit code 1 says: something.)");
    stage.answer("kubectl imgauto diff .", 1)?;

    chapter("Do it: edit, commit, push.");
    stage.run("kubectl imgauto run . --commit --push")?;

    chapter("This is what the remote holds now.");
    stage.run("git fetch --quiet && git show --format='%an <%ae>%n%n%B' origin/main")?;
    stage.run("git merge --quiet --ff-only origin/main")?;
    stage.run(&format!("kubectl kustomize {FOLDER} | grep 'image:'"))?;

    chapter("A second run has nothing to do.");
    stage.answer("kubectl imgauto diff .", 0)
}

/// The files that are there before imgauto is: two deployments, one of which a kustomization completes.
fn workloads(image: &str) -> [(&'static str, String); 3] {
    [
        (
            "clusters/my-cluster/podinfo-deployment.yaml",
            deployment(
                "podinfo",
                &format!("{image}:5.0.0 # {{\"$imagepolicy\": \"flux-system:podinfo\"}}"),
            ),
        ),
        (
            "clusters/my-cluster/worker-deployment.yaml",
            deployment("worker", "podinfod"),
        ),
        (
            "clusters/my-cluster/kustomization.yaml",
            format!(
                "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - podinfo-deployment.yaml
  - worker-deployment.yaml
images:
  - name: podinfod
    newName: {image}  # {{\"$imagepolicy\": \"flux-system:podinfo\"}}
    newTag: 5.0.0  # {{\"$imagepolicy\": \"flux-system:podinfo\"}}
"
            ),
        ),
    ]
}

fn deployment(name: &str, image: &str) -> String {
    format!(
        "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      containers:
        - name: podinfod
          image: {image}
"
    )
}
