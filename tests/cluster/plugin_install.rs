//! `kubectl imgauto install` and `uninstall`, in clusters of their own: definitions belong to a whole cluster.

use std::collections::BTreeMap;
use std::process::Command;

use harness::control_plane::Write;
use harness::program::{imgauto, kubectl, output, run, run_with_input, shell};
use harness::{ControlPlane, Namespace, checkout};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stage::Answer;

/// Flux's controllers, of which the last two write what imgauto writes.
const FLUX: [&str; 4] = [
    "source-controller",
    "notification-controller",
    "image-automation-controller",
    "image-reflector-controller",
];

/// Where a user sits: a cluster of their own, and the programs.
pub(crate) struct Desk<'a> {
    pub(crate) plane: &'a ControlPlane,
    pub(crate) namespace: Namespace<'a>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(plane: &'a ControlPlane) -> Self {
        let namespace = plane.namespace("desk");
        Self { plane, namespace }
    }

    /// What `kubectl imgauto` answers to a line of words.
    pub(crate) fn imgauto(&self, line: &str) -> Answer {
        Answer::of(self.namespace.imgauto().args(line.split_whitespace()))
    }

    /// The same, for what has to go well and print nothing.
    pub(crate) fn does(&self, line: &str) -> String {
        let answer = self.imgauto(line);
        assert_eq!(
            (answer.code, answer.stdout.as_str()),
            (0, ""),
            "{line}: {}",
            answer.stderr
        );
        answer.stderr
    }

    /// What kubectl prints on a line of words.
    pub(crate) fn kubectl(&self, line: &str) -> String {
        run(self.namespace.kubectl().args(line.split_whitespace()))
    }

    /// Runs a line that the plugin told the user to run.
    fn obeys(&self, line: &str) {
        run(shell(self.namespace.home(), line).env("KUBECONFIG", self.namespace.kubeconfig()));
    }

    /// What the plugin wrote so far; it asks what it may do by writing reviews that nobody keeps.
    pub(crate) fn writes(&self) -> Vec<Write> {
        self.plane.audit_writes(|write| {
            write.user_agent.starts_with("kubectl-imgauto/")
                && write.resource != "selfsubjectaccessreviews"
        })
    }

    /// Flux, as far as matters here: its kinds, applied by its kustomize-controller, and its controllers' Deployments.
    pub(crate) fn brings_flux(&self) {
        let facts = std::fs::read_to_string(checkout().join("api/tests/data/flux-crds.json"));
        let facts: BTreeMap<String, Value> = serde_json::from_str(&facts.unwrap()).unwrap();
        let items: Vec<_> = facts.into_values().collect();
        let kinds = json!({"apiVersion": "v1", "kind": "List", "items": items});
        run_with_input(
            self.namespace.kubectl().args([
                "apply",
                "--server-side",
                "--field-manager=kustomize-controller",
                "--filename=-",
            ]),
            &kinds.to_string(),
        );
        self.kubectl("create namespace flux-system");
        for name in FLUX {
            let image = format!("--image=ghcr.io/fluxcd/{name}:v1");
            self.kubectl(&format!("-n flux-system create deployment {name} {image}"));
        }
    }

    pub(crate) fn replicas(&self, name: &str) -> String {
        let path = "--output=jsonpath={.spec.replicas}";
        self.kubectl(&format!("-n flux-system get deployment {name} {path}"))
    }

    /// Whether something is there, such as `crd/a`.
    pub(crate) fn has(&self, what: &str) -> bool {
        let mut get = self.namespace.kubectl();
        output(get.args(["get", what])).status.success()
    }
}

/// The lines after a heading that are commands, without their marks.
fn commands(said: &str) -> Vec<&str> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("►   "));
    lines.filter(|line| line.starts_with("kubectl ")).collect()
}

/// The objects of a stream of documents, by kind, namespace and name.
pub(crate) fn objects(text: &str) -> BTreeMap<[String; 3], Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let key = |object: &Value| {
        let metadata = &object["metadata"];
        let fields = [&object["kind"], &metadata["namespace"], &metadata["name"]];
        fields.map(|field| field.as_str().unwrap_or_default().to_owned())
    };
    let keyed = documents.into_iter().map(|object| (key(&object), object));
    keyed.collect()
}

#[test]
fn the_export_is_what_kustomize_makes_of_the_manifests() {
    let home = TempDir::new().unwrap();
    let built = run(kubectl(home.path())
        .arg("kustomize")
        .arg(checkout().join("manifests")));
    let mut export = imgauto(home.path());
    let answer = Answer::of(export.args(["install", "--export"]));
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""));
    let (exported, built) = (objects(&answer.stdout), objects(&built));
    assert_eq!(
        exported.keys().collect::<Vec<_>>(),
        built.keys().collect::<Vec<_>>()
    );
    for (key, object) in &built {
        assert_eq!(&exported[key], object, "{key:?}");
    }
}

#[test]
fn an_empty_cluster_is_installed_once() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    for how in ["client", "server"] {
        let said = desk.does(&format!("install --dry-run={how}"));
        let title = "✔ ClusterRole imgauto-reconciler created (";
        assert!(
            said.contains(title) && said.ends_with("dry run)\n"),
            "{said}"
        );
        assert!(!desk.has("namespace/imgauto-system"));
    }
    assert_eq!(desk.writes(), []);

    let said = desk.does("install");
    assert!(
        said.starts_with("✚ generating manifests\n✔ manifests build completed\n"),
        "{said}"
    );
    let place =
        "► installing components in imgauto-system namespace\n✔ Namespace imgauto-system created\n";
    assert!(said.contains(place), "{said}");
    let end =
        "◎ verifying installation\n✔ imgauto-reconciler: deployment ready\n✔ install finished\n";
    assert!(said.ends_with(end), "{said}");
    // All is as the manifests say: kubectl prints each difference and then fails.
    let manifests = checkout().join("manifests");
    let difference = [
        "diff",
        "--server-side",
        "--field-manager=kubectl-imgauto",
        "-k",
    ];
    assert_eq!(
        run(desk.namespace.kubectl().args(difference).arg(manifests)),
        ""
    );

    let before = desk.writes();
    assert!(
        before
            .iter()
            .all(|write| write.verb == "patch" && write.code < 300),
        "{before:?}"
    );
    let said = desk.does("install");
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.contains("imgauto-reconciler"))
        .collect();
    assert!(
        lines.contains(&"✔ Deployment imgauto-reconciler unchanged"),
        "{said}"
    );
    assert!(
        !said.contains("created") && !said.contains("configured"),
        "{said}"
    );
    assert_eq!(desk.writes(), before);
}

#[test]
fn flags_reach_the_pod_and_stay_until_others_are_given() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    let flags = "--registry=registry.example.com/tools --image-pull-secret=pull --log-level=debug";
    desk.does(&format!(
        "install -n elsewhere --components-extra=image-reflector-controller {flags}"
    ));
    let pod = || {
        let get = "-n elsewhere get deployment imgauto-reconciler --output=json";
        let deployment: Value = serde_json::from_str(&desk.kubectl(get)).unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        (
            pod["containers"][0].clone(),
            pod["imagePullSecrets"].clone(),
        )
    };
    let (container, secrets) = pod();
    assert_eq!(
        container["image"],
        "registry.example.com/tools/imgauto:0.1.0"
    );
    let mut args = container["args"].as_array().unwrap().iter();
    assert!(args.any(|arg| arg == "--log-level=debug"), "{container}");
    assert_eq!(secrets, json!([{"name": "pull"}]));

    let said = desk.does("install");
    assert!(
        said.contains("► registry registry.example.com/tools, as it is\n"),
        "{said}"
    );
    let (container, secrets) = pod();
    assert_eq!(
        container["image"],
        "registry.example.com/tools/imgauto:0.1.0"
    );
    assert_eq!(secrets, json!([{"name": "pull"}]));

    // A second one would write the same objects.
    let answer = desk.imgauto("install -n imgauto-system");
    assert_eq!(answer.code, 1);
    let refusal = "✗ imgauto is installed in elsewhere already\n  next: kubectl imgauto install -n elsewhere\n";
    assert!(answer.stderr.contains(refusal), "{}", answer.stderr);
    assert!(!desk.has("namespace/imgauto-system"));
}

#[test]
fn what_cannot_become_ready_runs_into_the_timeout() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.kubectl("create namespace full");
    desk.kubectl("-n full create quota none --hard=pods=0");
    let answer = desk.imgauto("install -n full --timeout=3s");
    assert_eq!(answer.code, 124, "{}", answer.stderr);
    let end = "✗ timed out waiting for Deployment full/imgauto-reconciler: 0 of 1 available\n  next: kubectl imgauto check\n";
    assert!(answer.stderr.ends_with(end), "{}", answer.stderr);
    let said = desk.does("install -n full --wait=false");
    assert!(
        said.contains("✔ Namespace full left to those who made it\n"),
        "{said}"
    );
}

#[test]
fn flux_is_respected_adopted_and_given_back() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.brings_flux();
    let answer = desk.imgauto("install");
    let refusal = "✚ generating manifests
✗ Flux's image controllers run on the same objects, and two writers would undo each other's work
    image-reflector-controller runs in flux-system (replicas: 1)
    image-automation-controller runs in flux-system (replicas: 1)
  next: kubectl imgauto install --adopt
    or: kubectl -n flux-system scale deployment image-reflector-controller image-automation-controller --replicas=0
";
    assert_eq!((answer.code, answer.stderr.as_str()), (1, refusal));
    desk.does("install --adopt --dry-run=server");
    let answer = desk.imgauto("install --adopt --dry-run=client -o yaml");
    let flux = checkout().join("manifests/flux");
    let built = run(desk.namespace.kubectl().arg("kustomize").arg(&flux));
    assert_eq!(
        objects(&answer.stdout),
        objects(&built),
        "{}",
        answer.stderr
    );
    assert_eq!(desk.writes(), []);

    let said = desk.does("install --adopt");
    let left = "✔ CustomResourceDefinition imagepolicies.image.toolkit.fluxcd.io left to kustomize-controller\n";
    assert!(said.contains(left) && !said.contains("⚠️"), "{said}");
    for name in &FLUX[2..] {
        assert_eq!(desk.replicas(name), "0");
    }
    assert_eq!(
        desk.kubectl("-n flux-system get pods -l app=image-reflector-controller -oname"),
        ""
    );
    assert_eq!(desk.replicas("source-controller"), "1");
    let of_flux = |write: &Write| write.resource == "customresourcedefinitions";
    let definitions: Vec<_> = desk.writes().into_iter().filter(of_flux).collect();
    assert_eq!(definitions.len(), 1, "{definitions:?}");
    assert_eq!(definitions[0].name, "imageinventories.imgauto.dev");
    // What is installed is what the folder for Flux's clusters says.
    let difference = [
        "diff",
        "--server-side",
        "--field-manager=kubectl-imgauto",
        "-k",
    ];
    assert_eq!(run(desk.namespace.kubectl().args(difference).arg(flux)), "");

    // The way back that was told.
    let back = commands(&said);
    assert_eq!(back.len(), 2, "{said}");
    back.iter().for_each(|command| desk.obeys(command));
    assert_eq!(desk.replicas("imgauto-reconciler"), "0");
    assert_eq!(desk.replicas("image-automation-controller"), "1");
    // And here again, then away for good.
    desk.does("install --adopt");
    assert_eq!(desk.replicas("imgauto-reconciler"), "1");
    let said = desk.does("uninstall --crds --yes");
    let stays = "► Namespace flux-system stays: imgauto did not make it\n";
    assert!(said.contains(stays), "{said}");
    assert!(desk.has("crd/imagepolicies.image.toolkit.fluxcd.io"));
    assert!(desk.has("crd/gitrepositories.source.toolkit.fluxcd.io"));
    assert!(!desk.has("crd/imageinventories.imgauto.dev"));
    let back = commands(&said);
    assert_eq!(back.len(), 1, "{said}");
    back.iter().for_each(|command| desk.obeys(command));
    for name in &FLUX[2..] {
        assert_eq!(desk.replicas(name), "1");
    }
}

#[test]
fn a_controller_that_was_renamed_is_still_fluxs() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.kubectl("create namespace gitops");
    desk.kubectl("-n gitops create deployment mine --image=ghcr.io/fluxcd/x:v1");
    let label = "app.kubernetes.io/component=image-reflector-controller";
    desk.kubectl(&format!("-n gitops label deployment mine {label}"));
    let answer = desk.imgauto("install -n imgauto-system");
    assert_eq!(answer.code, 1);
    let lines = "    mine runs in gitops (replicas: 1)\n  next: kubectl imgauto install --adopt -n imgauto-system\n";
    assert!(answer.stderr.contains(lines), "{}", answer.stderr);
    desk.kubectl("-n gitops scale deployment mine --replicas=0");
    desk.does("install -n imgauto-system");
}

#[test]
fn uninstall_takes_what_install_made() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.does("install");
    let before = desk.writes();
    let said = desk.does("uninstall --dry-run");
    let last = "✔ Namespace imgauto-system deleted (dry run)\n✔ uninstall finished (dry run)\n";
    assert!(said.ends_with(last), "{said}");
    let answer = desk.imgauto("uninstall");
    let end = "✗ uninstall asks before it deletes, and there is no terminal to ask on\n  next: kubectl imgauto uninstall --yes -n imgauto-system\n";
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.ends_with(end), "{}", answer.stderr);
    assert_eq!(desk.writes(), before);

    // Somebody else's thing keeps the namespace, and nothing else.
    desk.kubectl("-n imgauto-system create configmap mine");
    desk.namespace.apply(&repository());
    let said = desk.does("uninstall --silent");
    let stays = "► Namespace imgauto-system stays: it holds ConfigMap mine\n";
    assert!(said.contains(stays), "{said}");
    assert_eq!(
        desk.kubectl("-n imgauto-system get deployment,service,role,lease -oname"),
        ""
    );
    assert_eq!(
        desk.kubectl("get clusterrole -l app.kubernetes.io/part-of=imgauto -oname"),
        ""
    );
    assert!(!desk.has("clusterrole/imgauto-git-repository-edit"));
    assert!(desk.has("imagerepository/podinfo"));

    // Once that is gone, the rest goes too.
    desk.does("install");
    desk.kubectl("-n imgauto-system delete configmap mine");
    desk.does("uninstall --yes");
    assert!(!desk.has("namespace/imgauto-system"));
    assert!(desk.has("imagerepository/podinfo"));
    let said = desk.does("uninstall --yes");
    assert!(
        said.ends_with("✔ nothing of imgauto is there to remove\n"),
        "{said}"
    );
}

#[test]
fn definitions_go_only_when_they_are_asked_for_and_sources_keep_theirs() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.does("install");
    desk.namespace.apply(&repository());
    // Flux has worked on it, and nobody is left to take the finalizer off.
    let finalizer = r#"--patch={"metadata":{"finalizers":["finalizers.fluxcd.io"]}}"#;
    desk.kubectl(&format!(
        "patch imagerepository/podinfo --type=merge {finalizer}"
    ));
    desk.namespace.apply(&source());

    let said = desk.does("uninstall --crds --yes");
    let lost = "⚠️ 1 ImageRepository object in 1 namespace will be lost\n";
    let stays = "► CustomResourceDefinition gitrepositories.source.toolkit.fluxcd.io stays: there are 1 GitRepository object in 1 namespace\n";
    assert!(said.contains(lost) && said.contains(stays), "{said}");
    assert!(desk.has("gitrepository/fleet"));
    let kinds = "crd -oname";
    let left = desk.kubectl(&format!("get {kinds}"));
    assert_eq!(
        left,
        "customresourcedefinition.apiextensions.k8s.io/gitrepositories.source.toolkit.fluxcd.io\n"
    );

    desk.kubectl("delete gitrepository/fleet");
    desk.does("uninstall --crds --yes");
    assert_eq!(desk.kubectl(&format!("get {kinds}")), "");
}

#[test]
fn the_namespace_is_kept_on_request() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    desk.does("install");
    let said = desk.does("uninstall --yes --keep-namespace");
    assert!(
        said.contains("► Namespace imgauto-system stays: --keep-namespace\n"),
        "{said}"
    );
    assert!(desk.has("namespace/imgauto-system"));
    assert!(!desk.has("clusterrole/imgauto-reconciler"));
}

#[test]
fn what_helm_installed_is_left_to_helm() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    let mut export = desk.namespace.imgauto();
    let manifests = run(export.args(["install", "--export"]));
    let apply = [
        "apply",
        "--server-side",
        "--field-manager=helm",
        "--filename=-",
    ];
    run_with_input(desk.namespace.kubectl().args(apply), &manifests);
    let answer = desk.imgauto("install");
    assert_eq!(answer.code, 1);
    let refusal = "✗ Deployment imgauto-system/imgauto-reconciler is applied by helm, which would undo what is changed here\n";
    assert!(answer.stderr.contains(refusal), "{}", answer.stderr);
    let said = desk.does("uninstall --yes");
    assert!(
        said.contains("► Deployment imgauto-reconciler stays: it is applied by helm\n"),
        "{said}"
    );
    assert_eq!(desk.writes(), []);
}

#[test]
fn who_may_not_install_is_told_what_is_missing() {
    let plane = ControlPlane::private();
    let desk = Desk::new(&plane);
    let account = desk.namespace.account("nobody", &json!([]));
    let mut install: Command = desk.namespace.imgauto();
    let answer = Answer::of(install.env("KUBECONFIG", account.path()).arg("install"));
    assert_eq!(answer.code, 1);
    let refusal = "✗ cannot list Deployment: not allowed\n    deployments.apps is forbidden: ";
    assert!(answer.stderr.contains(refusal), "{}", answer.stderr);
}

fn repository() -> String {
    let kind = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository",
        "metadata": {"name": "podinfo"},
        "spec": {"image": "ghcr.io/stefanprodan/podinfo", "interval": "5m"},
    });
    kind.to_string()
}

fn source() -> String {
    let kind = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": "fleet"},
        "spec": {"url": "https://git.example.com/fleet", "interval": "5m"},
    });
    kind.to_string()
}
